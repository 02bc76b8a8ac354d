#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "netpolicy/firewall/firewall_plan.h"
#include "netpolicy/firewall/listing.h"

namespace bulkhead::netpolicy {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

TenantId tenant_id(std::uint32_t n) {
  std::string bytes(16, 'x');
  for (int i = 0; i < 4; ++i) bytes[static_cast<std::size_t>(i)] = static_cast<char>(n >> (24 - 8 * i));
  return TenantId::from_bytes(bytes);
}

struct World {
  TenantId tenant(const std::string& name, bool shares = true) {
    tenants::Tenant row;
    row.id = tenant_id(static_cast<std::uint32_t>(rows.tenants.size() + 1));
    row.name = name;
    row.shares_addresses = shares;
    rows.tenants.push_back(row);
    return row.id;
  }
  void address(const std::string& ip, std::optional<TenantId> owner) {
    tenants::SourceAddress row;
    row.ip = IpAddress::parse(ip).value();
    row.tenant = owner;
    rows.addresses.push_back(row);
  }
  tenants::Snapshot snapshot() const { return tenants::Snapshot{rows, {}}; }
  tenants::DirectorySnapshotRows rows;
};

FirewallSettings with_marks() {
  return {998, {25, 2525, 25}, true};
}

TEST(TenantMarks, AreDistinctStableAndOutOfTheWay) {
  World world;
  for (int i = 0; i < 20000; ++i) world.tenant("t" + std::to_string(i));
  const TenantMarks marks{world.snapshot()};
  std::set<Mark> seen;
  for (const auto& tenant : world.rows.tenants) {
    const Mark mark = marks.of(tenant.id);
    EXPECT_EQ(mark >> 28U, 0xBU);
    EXPECT_TRUE(seen.insert(mark).second);
    EXPECT_EQ(marks.owner(mark), tenant.id);
  }
  std::reverse(world.rows.tenants.begin(), world.rows.tenants.end());
  const TenantMarks again{world.snapshot()};
  for (const auto& tenant : world.rows.tenants) EXPECT_EQ(again.of(tenant.id), marks.of(tenant.id));
  EXPECT_EQ(marks.of(tenant_id(99999)), 0U);
}

TEST(TenantMarks, OfAnIdNeverChange) {
  World world;
  const auto id = world.tenant("acme");
  EXPECT_EQ(TenantMarks{world.snapshot()}.of(id), 0xB7875C97U);
}

TEST(FirewallPlan, PairsEachAddressWithItsTenantsMark) {
  World world;
  const auto acme = world.tenant("acme");
  const auto poor = world.tenant("poor");
  world.tenant("silent", false);
  world.address("192.0.2.1", acme);
  world.address("2001:db8::1", acme);
  world.address("192.0.2.9", std::nullopt);
  const auto snapshot = world.snapshot();
  const TenantMarks marks{snapshot};
  const auto plan = plan_firewall(snapshot, with_marks());
  const auto mark = std::to_string(marks.of(acme));
  EXPECT_THAT(plan.sets.at("pairs4"), ElementsAre("192.0.2.1 . " + mark));
  EXPECT_THAT(plan.sets.at("pairs6"), ElementsAre("2001:db8::1 . " + mark));
  EXPECT_THAT(plan.sets.at("shared4"), ElementsAre("192.0.2.9"));
  EXPECT_THAT(plan.sets.at("shared6"), IsEmpty());
  EXPECT_THAT(plan.sets.at("sharing"), ElementsAre(std::to_string(marks.of(poor))));
  EXPECT_THAT(plan.settings.ports, ElementsAre(25, 2525));
}

TEST(FirewallPlan, KnowsOnlyAddressesWithoutMarks) {
  World world;
  world.address("192.0.2.1", world.tenant("acme"));
  world.address("192.0.2.9", std::nullopt);
  const auto plan = plan_firewall(world.snapshot(), {998, {25}, false});
  EXPECT_THAT(plan.sets.at("sources4"), ElementsAre("192.0.2.1", "192.0.2.9"));
  EXPECT_THAT(ruleset_of(plan, {}), Not(HasSubstr("mark")));
}

TEST(Ruleset, ReplacesTheTableAndCarriesWhatWasCounted) {
  World world;
  const auto acme = world.tenant("acme");
  world.address("192.0.2.1", acme);
  const auto plan = plan_firewall(world.snapshot(), with_marks());
  FirewallTraffic carried;
  carried.sets["pairs4"][plan.sets.at("pairs4").front()] = {7, 700};
  carried.refused_users = 3;
  const auto text = ruleset_of(plan, carried);
  EXPECT_TRUE(text.starts_with("add table inet bulkhead\ndelete table inet bulkhead\ntable inet bulkhead {\n"));
  EXPECT_THAT(text, HasSubstr(plan.sets.at("pairs4").front() + " counter packets 7 bytes 700"));
  EXPECT_THAT(text, HasSubstr("counter refused_users {\n    packets 3 bytes 0"));
  EXPECT_THAT(text, HasSubstr("tcp dport { 25, 2525 } goto leaving"));
  EXPECT_THAT(text, HasSubstr("meta skuid 998 goto server\n    counter name refused_users reject"));
}

TEST(Ruleset, OfTenThousandAddressesHasNoMoreRules) {
  World world;
  const auto rules = [](const std::string& text) { return text.substr(text.find("  chain output")); };
  const auto few = ruleset_of(plan_firewall(world.snapshot(), with_marks()), {});
  for (int i = 0; i < 10000; ++i) {
    world.address("10.0." + std::to_string(i / 256) + "." + std::to_string(i % 256),
                  world.tenant("t" + std::to_string(i)));
  }
  const auto many = ruleset_of(plan_firewall(world.snapshot(), with_marks()), {});
  EXPECT_EQ(rules(many), rules(few));
}

TEST(TrafficOfTenants, AddsUpWhatIsCountedByPairsMarksAndAddresses) {
  World world;
  const auto acme = world.tenant("acme");
  const auto poor = world.tenant("poor");
  world.address("192.0.2.1", acme);
  world.address("192.0.2.2", acme);
  world.address("192.0.2.9", std::nullopt);
  const auto snapshot = world.snapshot();
  const TenantMarks marks{snapshot};
  FirewallTraffic traffic;
  traffic.sets["pairs4"]["192.0.2.1 . " + std::to_string(marks.of(acme))] = {1, 10};
  traffic.sets["pairs4"]["192.0.2.2 . " + std::to_string(marks.of(acme))] = {2, 20};
  traffic.sets["sharing"][std::to_string(marks.of(poor))] = {4, 400};
  traffic.sets["sources4"]["192.0.2.9"] = {8, 5};
  traffic.sets["pairs4"]["192.0.2.3 . 7"] = {16, 1600};  // of nobody
  const auto sums = traffic_of_tenants(snapshot, traffic);
  ASSERT_EQ(sums.size(), 3U);
  EXPECT_EQ(sums[0].tenant, "poor");
  EXPECT_EQ(sums[1].tenant, "acme");
  EXPECT_EQ(sums[1].traffic, (Traffic{3, 30}));
  EXPECT_EQ(sums[2].tenant, "");
}

constexpr const char* kListing = R"({"nftables": [{"metainfo": {"version": "1.0.6"}},
  {"table": {"family": "inet", "name": "bulkhead", "handle": 3}},
  {"counter": {"family": "inet", "name": "refused_users", "table": "bulkhead", "handle": 5,
    "packets": 4, "bytes": 240}},
  {"set": {"family": "inet", "name": "pairs4", "table": "bulkhead", "type": ["ipv4_addr", "mark"], "handle": 7, "elem":
    [{"elem": {"val": {"concat": ["10.7.0.1", 2952790017]}, "counter": {"packets": 5, "bytes": 100}}}]}},
  {"set": {"family": "inet", "name": "shared4", "table": "bulkhead", "type": "ipv4_addr", "handle": 8,
    "elem": ["10.7.0.9"]}},
  {"chain": {"family": "inet", "table": "bulkhead", "name": "opening", "handle": 3}},
  {"rule": {"family": "inet", "table": "bulkhead", "chain": "opening", "handle": 17, "expr": [{"accept": null}]}}]})";

std::vector<std::string> compare(const FirewallListing& kernel, const FirewallListing& wanted) {
  return differences(
      kernel, wanted, [](const std::string& element) { return element; }, 3);
}

TEST(Listing, IsReadWithItsCounters) {
  const auto listing = parse_listing(kListing).value();
  EXPECT_THAT(listing.sets.at("pairs4"), ElementsAre("10.7.0.1 . 2952790017"));
  EXPECT_THAT(listing.sets.at("shared4"), ElementsAre("10.7.0.9"));
  EXPECT_EQ(listing.traffic.sets.at("pairs4").at("10.7.0.1 . 2952790017"), (Traffic{5, 100}));
  EXPECT_EQ(listing.traffic.refused_users, 4U);
}

TEST(Listing, TellsWhatDiffersWhateverTheCountersSay) {
  const auto wanted = parse_listing(kListing).value();
  auto kernel = wanted;
  kernel.traffic = {};
  EXPECT_THAT(compare(kernel, wanted), IsEmpty());
  kernel.sets["shared4"] = {"10.7.0.8"};
  kernel.rules["opening"].clear();
  EXPECT_THAT(compare(kernel, wanted),
              ElementsAre("the rules of chain opening were changed", "shared4: 10.7.0.9 is missing",
                          "shared4: 10.7.0.8 is in the kernel and not in the directory"));
  kernel.sets["pairs4"].clear();
  EXPECT_THAT(compare(kernel, wanted), ::testing::Contains("and 1 more"));
}

TEST(Listing, ThatIsNoneIsRefused) {
  for (const char* text : {"", "{", "[]", "{\"nftables\": 5}", "{\"nftables\": [{\"set\": {\"elem\": 5}}], \"x\":"}) {
    EXPECT_FALSE(parse_listing(text).has_value()) << text;
  }
  EXPECT_TRUE(parse_listing("{\"nftables\": [5, {\"set\": 7}, {\"rule\": []}]}").has_value());
}

}  // namespace
}  // namespace bulkhead::netpolicy
