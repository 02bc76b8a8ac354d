#include "netpolicy/source_choice.h"

#include <gtest/gtest.h>

namespace bulkhead::netpolicy {
namespace {

using Kind = SourceDecision::Kind;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

TenantId tenant_id(char n) {
  return TenantId::from_bytes(std::string(16, n));
}

class ChooseSource : public ::testing::Test {
 protected:
  ChooseSource() {
    for (const auto& id : {acme_, globex_, poor_}) {
      tenants::Tenant tenant;
      tenant.id = id;
      tenant.name = std::string(3, id.bytes()[0]);
      rows_.tenants.push_back(tenant);
    }
  }
  void add(const char* address, std::optional<TenantId> tenant, bool is_default = false) {
    tenants::SourceAddress row;
    row.ip = ip(address);
    row.tenant = tenant;
    row.is_default = is_default;
    row.helo = std::string{"helo-"} + address;
    rows_.addresses.push_back(row);
    host_.present.insert(row.ip);
  }
  void take_away(const char* address) { host_.present.erase(ip(address)); }
  SourceDecision choose(const TenantId& tenant, const char* arrival, Family family = Family::kIpv4) {
    const tenants::Snapshot snapshot{rows_, {}};
    const auto from = arrival == nullptr ? std::nullopt : IpAddress::parse(arrival);
    return choose_source(snapshot, host_, tenant, from, family);
  }

  const TenantId acme_ = tenant_id('a'), globex_ = tenant_id('b'), poor_ = tenant_id('c');
  tenants::DirectorySnapshotRows rows_;
  HostAddresses host_;
};

TEST_F(ChooseSource, LeavesOnTheAddressThatTheMailArrivedOn) {
  add("192.0.2.1", acme_, true);
  add("192.0.2.2", acme_);
  const auto decision = choose(acme_, "192.0.2.2");
  EXPECT_EQ(decision.kind, Kind::kUse);
  EXPECT_EQ(decision.ip, ip("192.0.2.2"));
  EXPECT_EQ(decision.helo, "helo-192.0.2.2");
}

TEST_F(ChooseSource, TakesTheDefaultWithoutAnArrivalAddressOfTheTenant) {
  add("192.0.2.1", acme_);
  add("192.0.2.2", acme_, true);
  add("192.0.2.3", globex_, true);
  EXPECT_EQ(choose(acme_, nullptr).ip, ip("192.0.2.2"));
  EXPECT_EQ(choose(acme_, "192.0.2.3").ip, ip("192.0.2.2"));
  EXPECT_EQ(choose(acme_, "127.0.0.1").ip, ip("192.0.2.2"));
  EXPECT_EQ(choose(globex_, "192.0.2.1").ip, ip("192.0.2.3"));
}

TEST_F(ChooseSource, WaitsWhileTheArrivalAddressIsMissingThoughAnotherIsThere) {
  add("192.0.2.1", acme_, true);
  add("192.0.2.2", acme_);
  take_away("192.0.2.2");
  const auto decision = choose(acme_, "192.0.2.2");
  EXPECT_EQ(decision.kind, Kind::kNoSource);
  EXPECT_NE(decision.reason.find("192.0.2.2"), std::string::npos) << decision.reason;
}

TEST_F(ChooseSource, TakesTheNextOfThePoolWhileTheDefaultIsMissingAndWaitsWithoutAny) {
  add("192.0.2.1", acme_, true);
  add("192.0.2.2", acme_);
  take_away("192.0.2.1");
  EXPECT_EQ(choose(acme_, nullptr).ip, ip("192.0.2.2"));
  take_away("192.0.2.2");
  EXPECT_EQ(choose(acme_, nullptr).kind, Kind::kNoSource);
  EXPECT_NE(choose(acme_, nullptr).reason.find("192.0.2.1"), std::string::npos);
}

TEST_F(ChooseSource, NeverUsesAFamilyInWhichTheTenantHasNoAddress) {
  add("192.0.2.1", acme_);
  add("2001:db8::100", std::nullopt);
  add("2001:db8::2", globex_);
  const auto decision = choose(acme_, "2001:db8::100", Family::kIpv6);
  EXPECT_EQ(decision.kind, Kind::kNoSource);
  EXPECT_NE(decision.reason.find("no IPv6 address"), std::string::npos) << decision.reason;
  EXPECT_EQ(choose(globex_, nullptr, Family::kIpv4).kind, Kind::kNoSource);
}

TEST_F(ChooseSource, AMailThatArrivedInOneFamilyLeavesOnTheTenantsAddressOfTheOther) {
  add("192.0.2.1", acme_);
  add("2001:db8::1", acme_);
  EXPECT_EQ(choose(acme_, "192.0.2.1", Family::kIpv6).ip, ip("2001:db8::1"));
}

TEST_F(ChooseSource, TenantsWithoutAnAddressShareAndNeverBorrow) {
  add("192.0.2.1", acme_);
  add("192.0.2.100", std::nullopt, true);
  add("192.0.2.101", std::nullopt);
  EXPECT_EQ(choose(poor_, "192.0.2.101").ip, ip("192.0.2.101"));
  EXPECT_EQ(choose(poor_, "192.0.2.1").ip, ip("192.0.2.100"));
  take_away("192.0.2.100");
  take_away("192.0.2.101");
  EXPECT_EQ(choose(poor_, "192.0.2.1").kind, Kind::kNoSource);
}

TEST_F(ChooseSource, AnAddressThatMovesTakesItsOldTenantsMailNoMore) {
  add("192.0.2.1", acme_);
  add("192.0.2.2", acme_);
  EXPECT_EQ(choose(acme_, "192.0.2.1").ip, ip("192.0.2.1"));
  rows_.addresses[0].tenant = globex_;
  EXPECT_EQ(choose(acme_, "192.0.2.1").ip, ip("192.0.2.2"));
}

TEST_F(ChooseSource, MailOfATenantThatLostItsAddressesWaitsUntilAnOperatorLetsItShare) {
  add("192.0.2.100", std::nullopt);
  rows_.tenants[0].shares_addresses = false;
  const auto decision = choose(acme_, "192.0.2.1");
  EXPECT_EQ(decision.kind, Kind::kNoSource);
  EXPECT_NE(decision.reason.find("bulkhead tenant set aaa --shared-addresses yes"), std::string::npos)
      << decision.reason;
  EXPECT_EQ(choose(acme_, "192.0.2.100").kind, Kind::kNoSource);
  rows_.tenants[0].shares_addresses = true;
  EXPECT_EQ(choose(acme_, "192.0.2.1").ip, ip("192.0.2.100"));
}

TEST_F(ChooseSource, MailOfARemovedTenantWaits) {
  add("192.0.2.100", std::nullopt);
  const auto decision = choose(tenant_id('z'), "192.0.2.100");
  EXPECT_EQ(decision.kind, Kind::kNoSource);
  EXPECT_NE(decision.reason.find("removed"), std::string::npos) << decision.reason;
}

TEST_F(ChooseSource, SaysThatNoAddressOfTheFamilyIsShared) {
  add("192.0.2.100", std::nullopt);
  EXPECT_NE(choose(poor_, nullptr, Family::kIpv6).reason.find("no IPv6 address is shared"), std::string::npos);
}

TEST_F(ChooseSource, WithAnEmptyDirectoryNothingLeaves) {
  EXPECT_EQ(choose(acme_, "127.0.0.1").kind, Kind::kNoSource);
}

TEST(HostAddresses, ALocalNetworkIsPresentAsAWhole) {
  HostAddresses host;
  host.local_networks.push_back(IpNetwork::parse("127.0.0.0/8").value());
  EXPECT_TRUE(host.contains(ip("127.1.2.3")));
  EXPECT_FALSE(host.contains(ip("128.0.0.0")));
  EXPECT_FALSE(host.contains(ip("::1")));
}

TEST_F(ChooseSource, AWithheldAddressWaitsAndSaysWhy) {
  add("192.0.2.1", acme_, true);
  add("192.0.2.2", acme_);
  host_.withheld[ip("192.0.2.1")] = "is not ready: it has no PTR record";
  const auto arrival = choose(acme_, "192.0.2.1");
  EXPECT_EQ(arrival.kind, Kind::kNoSource);
  EXPECT_TRUE(arrival.is_withheld);
  EXPECT_EQ(arrival.reason, "address 192.0.2.1 is not ready: it has no PTR record");
  EXPECT_EQ(choose(acme_, nullptr).ip, ip("192.0.2.2")) << "a pool uses another";
  host_.withheld[ip("192.0.2.2")] = "is quarantined";
  EXPECT_TRUE(choose(acme_, nullptr).is_withheld);
  take_away("192.0.2.1");
  take_away("192.0.2.2");
  EXPECT_TRUE(choose(acme_, nullptr).is_withheld);
  host_.withheld.clear();
  EXPECT_FALSE(choose(acme_, nullptr).is_withheld);
}

}  // namespace
}  // namespace bulkhead::netpolicy
