#include "src/delivery/routing.h"

#include <set>

#include <gtest/gtest.h>

#include "src/delivery/dead_hosts.h"
#include "src/delivery/fate.h"
#include "src/delivery/mx_plan.h"
#include "src/delivery/site.h"
#include "src/delivery/targets.h"
#include "tests/testlib/manual_clock.h"
#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using queue::Fate;
using Mx = std::vector<net::MxRecord>;

bool nobody(std::string_view) {
  return false;
}

TEST(MxPlan, OrdersByPreferenceAndAtRandomWithinTheSame) {
  SeededRandom random{1};
  std::set<std::string> firsts;
  for (int i = 0; i < 50; ++i) {
    const auto plan = plan_hosts({{20, "c"}, {10, "a"}, {10, "b"}}, nobody, 20, random);
    ASSERT_EQ(plan.hosts.size(), 3U);
    EXPECT_EQ(plan.hosts[2], "c");
    firsts.insert(plan.hosts[0]);
  }
  EXPECT_EQ(firsts, (std::set<std::string>{"a", "b"}));
}

TEST(MxPlan, CutsAtOurOwnPreference) {
  SeededRandom random{1};
  const auto is_b = [](std::string_view name) { return name == "b"; };
  EXPECT_EQ(plan_hosts({{10, "a"}, {20, "b"}, {20, "c"}, {30, "d"}}, is_b, 20, random).hosts,
            std::vector<std::string>{"a"});
  EXPECT_EQ(plan_hosts({{10, "b"}, {20, "c"}}, is_b, 20, random).kind, MxPlan::Kind::kLoop);
}

TEST(MxPlan, KnowsTheNullMxAndBoundsTheRest) {
  SeededRandom random{1};
  EXPECT_EQ(plan_hosts({{0, ""}}, nobody, 20, random).kind, MxPlan::Kind::kNullMx);
  EXPECT_EQ(plan_hosts({{0, ""}, {5, "a"}}, nobody, 20, random).hosts, std::vector<std::string>{"a"});
  Mx many;
  for (int i = 0; i < 4000; ++i) many.push_back({1, "h" + std::to_string(i)});
  EXPECT_EQ(plan_hosts(many, nobody, 20, random).hosts.size(), 20U);
}

TEST(Site, NamesProvidersOnlyWhenEveryHostIsTheirs) {
  EXPECT_EQ(site_of_mx("d", {{1, "aspmx.l.google.com"}, {5, "alt1.aspmx.l.google.com"}}), "google.com");
  EXPECT_EQ(site_of_mx("d", {{1, "d-com.mail.protection.outlook.com"}}), "outlook.com");
  EXPECT_EQ(site_of_mx("d", {{1, "hotmail-com.olc.protection.outlook.com"}}), "hotmail.com");
  EXPECT_EQ(site_of_mx("d", {{1, "aspmx.l.google.com"}, {5, "mx.d"}}), "aspmx.l.google.com+mx.d");
  EXPECT_EQ(site_of_mx("d", {{1, "notgoogle.com"}}), "notgoogle.com");
}

TEST(Site, IsTheSameForTheSameSetAndBounded) {
  EXPECT_EQ(site_of_mx("d", {{1, "b"}, {2, "a"}}), site_of_mx("e", {{5, "a"}, {5, "b"}, {9, "b"}}));
  EXPECT_EQ(site_of_mx("d", {}), "d");
  Mx many;
  for (int i = 0; i < 100; ++i) many.push_back({1, "host" + std::to_string(i) + ".example"});
  const auto site = site_of_mx("d", many);
  EXPECT_EQ(site.size(), kSiteLengthMax);
  many.back().exchange = "another.example";
  EXPECT_NE(site_of_mx("d", many), site);
}

TEST(Site, OfAHostCalledLocalIsNotThatOfOurMailboxes) {
  EXPECT_EQ(site_of_mx("local", {}), "local.");
  EXPECT_EQ(site_of_mx("a.test", {{10, "local"}}), "local.");
  EXPECT_EQ(site_of_domain("local"), "local.");
  EXPECT_EQ(site_of_domain("localhost"), "localhost");
  EXPECT_EQ(site_of_mx("a.test", {{10, "routing/b.test"}}), "a.test") << "a name that only the queue gives";
}

TEST(Router, RefusesForGoodOnlyWhatTheDnsIsSureOf) {
  World world;
  Router router{world.resolver, world.clock, world.random, world.settings};
  const auto route = [&](std::string domain) {
    return world.runner.run(router.route(world.directory.snapshot(), world.tenant, std::move(domain)));
  };
  world.resolver.mx_records.insert({"null.example", Mx{{0, ""}}});
  world.resolver.mx_records.insert({"loop.example", Mx{{10, world.settings.node_name}, {20, "x.example"}}});
  world.resolver.mx_records.insert({"tenants-word.example", Mx{{10, "acme.example"}, {20, "x.example"}}});
  world.resolver.mx_records.insert({"broken.example", tl::unexpected(Error{ErrorCode::kTimeout, "no answer", {}})});
  EXPECT_EQ(route("null.example").refusal->answer.enhanced, "5.1.10");
  EXPECT_EQ(route("loop.example").refusal->answer.enhanced, "5.4.6");
  EXPECT_EQ(route("tenants-word.example").destination.hosts, (std::vector<std::string>{"acme.example", "x.example"}))
      << "a tenant's HELO name stops nobody's mail";
  EXPECT_EQ(route("broken.example").refusal->answer.enhanced, "4.4.3");
  EXPECT_EQ(route("broken.example").refusal->fate, Fate::kDeferred);
  EXPECT_EQ(route("implicit.example").destination.hosts, std::vector<std::string>{"implicit.example"});
  EXPECT_EQ(route("[192.0.2.1]").destination.hosts, std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(route("[IPv6:2001:db8::1]").destination.hosts, std::vector<std::string>{"2001:db8::1"});
  EXPECT_EQ(world.runner.run(router.site_of(world.directory.snapshot(), world.tenant, "broken.example")),
            "broken.example");
}

TEST(Router, KnowsASiteWithoutAskingOnceItHasAsked) {
  World world;
  Router router{world.resolver, world.clock, world.random, world.settings};
  world.resolver.mx_records.insert({"a.example", Mx{{10, "mx.a.example"}}});
  const auto known = [&](const std::string& domain) {
    return router.known_site_of(*world.directory.snapshot(), world.tenant, domain);
  };
  EXPECT_EQ(known("a.example"), std::nullopt);
  EXPECT_EQ(known("[192.0.2.1]"), "[192.0.2.1]");
  EXPECT_EQ(known(""), "local");
  world.runner.run(router.site_of(world.directory.snapshot(), world.tenant, "a.example"));
  EXPECT_EQ(known("a.example"), "mx.a.example");
  tenants::Route route;
  route.id = RouteId::make(world.clock, world.random);
  route.pattern = "b.example";
  route.host = "relay.example";
  route.port = 2525;
  world.directory.rows.routes = {route};
  world.directory.publish();
  EXPECT_EQ(known("b.example"), "route:relay.example:2525");
}

TEST(Router, KnowsTheSitesThatANewRouteTakesDomainsFrom) {
  World world;
  Router router{world.resolver, world.clock, world.random, world.settings};
  world.resolver.mx_records.insert({"a.example", Mx{{10, "mx.dead.example"}}});
  world.resolver.mx_records.insert({"b.example", Mx{{10, "mx.other.example"}}});
  const auto site_of = [&](std::string domain) {
    return world.runner.run(router.site_of(world.directory.snapshot(), world.tenant, std::move(domain)));
  };
  const auto is_rerouted = [&](const std::string& site) {
    return router.is_rerouted(world.directory.snapshot(), world.tenant, site);
  };
  const auto dead = site_of("a.example");
  const auto other = site_of("b.example");
  EXPECT_FALSE(is_rerouted(dead));
  tenants::Route route;
  route.id = RouteId::make(world.clock, world.random);
  route.pattern = "a.example";
  route.host = "relay.example";
  world.directory.rows.routes.push_back(route);
  world.directory.publish();
  EXPECT_TRUE(is_rerouted(dead));
  EXPECT_FALSE(is_rerouted(other));
  EXPECT_FALSE(router.is_rerouted(world.directory.snapshot(), world.tenant, "unknown.example"));
  world.directory.publish();
  EXPECT_FALSE(is_rerouted(dead)) << "once for each route";
}

TEST(Targets, LeadToOurselves) {
  netpolicy::HostAddresses host;
  host.present.insert(*IpAddress::parse("192.0.2.5"));
  const std::vector<SocketAddress> listeners{*SocketAddress::parse("0.0.0.0:25")};
  for (const char* text : {"127.0.0.1:25", "127.9.9.9:2525", "0.0.0.0:25", "0.1.2.3:25", "[::1]:25", "[::]:25",
                           "224.0.0.1:25", "255.255.255.255:25", "[ff02::1]:25", "192.0.2.5:25"}) {
    EXPECT_TRUE(leads_to_ourselves(*SocketAddress::parse(text), host, listeners)) << text;
  }
  for (const char* text : {"192.0.2.6:25", "192.0.2.5:2525", "10.0.0.1:25", "[2001:db8::1]:25"}) {
    EXPECT_FALSE(leads_to_ourselves(*SocketAddress::parse(text), host, listeners)) << text;
  }
}

struct Search {
  explicit Search(World& given) : world(given) {}
  Targets find(std::string host) {
    const auto addresses = world.host_addresses.current();
    const TargetSearch search{
        world.resolver, world.settings, addresses,
        sources_for(*world.directory.snapshot(), *addresses, world.tenant, *IpAddress::parse("127.0.0.77"))};
    const Destination destination{{host}, 25, {}, false};
    return world.runner.run(find_targets(search, destination, host));
  }
  World& world;
};

TEST(Targets, AreOnlyOfFamiliesThatHaveASource) {
  World world;
  const auto v4 = *IpAddress::parse("192.0.2.1");
  const auto v6 = *IpAddress::parse("2001:db8::1");
  world.resolver.v4.insert({"both.example", std::vector{v4}});
  world.resolver.v6.insert({"both.example", std::vector{v6}});
  world.resolver.v6.insert({"six.example", std::vector{v6}});
  world.resolver.v4.insert({"evil.example", std::vector{*IpAddress::parse("127.0.0.1")}});
  world.resolver.v4.insert({"broken.example", tl::unexpected(Error{ErrorCode::kUnavailable, "servfail", {}})});
  Search search{world};
  const auto both = search.find("both.example");
  ASSERT_EQ(both.targets.size(), 1U);
  EXPECT_EQ(both.targets[0].remote.ip, v4);
  EXPECT_EQ(both.targets[0].source.text(), "127.0.0.77");
  EXPECT_EQ(search.find("six.example").kind, Targets::Kind::kNoSource);
  EXPECT_EQ(search.find("2001:db8::1").kind, Targets::Kind::kNoSource);
  EXPECT_EQ(search.find("evil.example").kind, Targets::Kind::kLoop);
  EXPECT_EQ(search.find("broken.example").kind, Targets::Kind::kUnknown);
  EXPECT_EQ(search.find("nowhere.example").kind, Targets::Kind::kNone);
}

// A tenant with a source of either family; what is found for hosts with one address of each family or of one.
struct BothFamilies {
  BothFamilies() {
    for (const char* host : {"both.example", "four.example"}) world.resolver.v4.insert({host, std::vector{v4}});
    for (const char* host : {"both.example", "six.example"}) world.resolver.v6.insert({host, std::vector{v6}});
    sources.v4 = {netpolicy::SourceDecision::Kind::kUse, *IpAddress::parse("192.0.2.77"), {}, {}};
    sources.v6 = {netpolicy::SourceDecision::Kind::kUse, *IpAddress::parse("2001:db8::77"), {}, {}};
  }
  Targets find(std::string host) {
    const TargetSearch search{world.resolver, world.settings, world.host_addresses.current(), sources};
    const Destination destination{{host}, 25, {}, false};
    return world.runner.run(find_targets(search, destination, host));
  }
  // The remote addresses in their order.
  std::string order(std::string host) {
    std::string text;
    for (const auto& target : find(std::move(host)).targets) text += target.remote.ip.text() + " ";
    return text;
  }
  void miss(netpolicy::SourceDecision& source) {
    source.kind = netpolicy::SourceDecision::Kind::kNoSource;
    source.is_missing = true;
    source.reason = "address 192.0.2.77 is not present on this host";
  }
  const IpAddress v4 = *IpAddress::parse("192.0.2.1");
  const IpAddress v6 = *IpAddress::parse("2001:db8::1");
  World world;
  Sources sources;
};

TEST(Targets, BeginWithTheFamilyOfTheArrivalAddress) {
  BothFamilies tried;
  tried.sources.preferred = Family::kIpv4;
  EXPECT_EQ(tried.order("both.example"), "192.0.2.1 2001:db8::1 ");
  EXPECT_EQ(tried.order("six.example"), "2001:db8::1 ");
  tried.sources.preferred = Family::kIpv6;
  EXPECT_EQ(tried.order("both.example"), "2001:db8::1 192.0.2.1 ");
  EXPECT_EQ(tried.order("four.example"), "192.0.2.1 ");
}

TEST(Targets, WaitForTheArrivalAddressWhereTheHostHasItsFamily) {
  BothFamilies tried;
  tried.sources.preferred = Family::kIpv4;
  tried.miss(tried.sources.v4);
  const auto both = tried.find("both.example");
  EXPECT_EQ(both.kind, Targets::Kind::kNoSource);
  EXPECT_NE(both.reason.find("address 192.0.2.77 is not present"), std::string::npos) << both.reason;
  EXPECT_EQ(tried.order("six.example"), "2001:db8::1 ") << "it has no other family";
  tried.world.resolver.v4.insert({"odd.example", tl::unexpected(Error{ErrorCode::kUnavailable, "servfail", {}})});
  tried.world.resolver.v6.insert({"odd.example", std::vector{tried.v6}});
  EXPECT_EQ(tried.find("odd.example").kind, Targets::Kind::kUnknown) << "nobody knows which families it has";
  tried.sources.preferred = Family::kIpv6;
  EXPECT_EQ(tried.order("both.example"), "2001:db8::1 ");
}

TEST(RemoteRouting, FailsForADomainThatDoesNotExistAndHoldsWhereOnlyTheFamilyIsMissing) {
  World world;
  world.resolver.v6.insert({"six.example", std::vector{*IpAddress::parse("2001:db8::1")}});
  const auto nowhere = world.post({"a@nowhere.example"});
  const auto six = world.post({"a@six.example"});
  world.work(2);
  EXPECT_EQ(world.queue.outcome_of(nowhere).recipients[0].fate, Fate::kFailed);
  EXPECT_EQ(world.queue.outcome_of(nowhere).recipients[0].answer.enhanced, "5.1.2");
  EXPECT_EQ(world.queue.outcome_of(six).kind, queue::Outcome::Kind::kHeld);
}

TEST(Fate, FollowsTheCodeButForItsExceptions) {
  const auto fate = [](int code, const char* enhanced, smtp::ClientStage stage) {
    return fate_of({code, enhanced, ""}, stage);
  };
  using S = smtp::ClientStage;
  EXPECT_EQ(fate(250, "", S::kEndOfData), Fate::kDelivered);
  EXPECT_EQ(fate(451, "", S::kRcpt), Fate::kDeferred);
  EXPECT_EQ(fate(550, "", S::kRcpt), Fate::kFailed);
  EXPECT_EQ(fate(0, "", S::kData), Fate::kDeferred);
  EXPECT_EQ(fate(354, "", S::kRcpt), Fate::kDeferred);
  EXPECT_EQ(fate(554, "", S::kGreeting), Fate::kDeferred);
  EXPECT_EQ(fate(521, "", S::kGreeting), Fate::kFailed);
  EXPECT_EQ(fate(552, "", S::kRcpt), Fate::kDeferred);
  EXPECT_EQ(fate(552, "5.2.2", S::kRcpt), Fate::kFailed);
  EXPECT_EQ(fate(552, "", S::kEndOfData), Fate::kFailed);
}

TEST(Answer, IsOneLineWithoutControlCharacters) {
  smtp::Reply reply{550, "5.7.1", "no\r\x1b[31m\x7f"};
  reply.lines.push_back(std::string(2000, 'x'));
  const auto answer = answer_of(reply);
  EXPECT_EQ(answer.text.substr(0, 11), "no??[31m? x");
  EXPECT_EQ(answer.text.size(), 1000U);
}

TEST(DeadHosts, AreForgottenInTimeAndBounded) {
  testlib::ManualClock clock;
  DeadHosts dead{clock, std::chrono::seconds{60}, 3};
  const auto source = *IpAddress::parse("192.0.2.1");
  const auto remote = *SocketAddress::parse("192.0.2.9:25");
  dead.failed(source, remote, "refused");
  ASSERT_TRUE(dead.failure(source, remote));
  EXPECT_EQ(dead.failure(source, remote)->why, "refused");
  EXPECT_FALSE(dead.failure(*IpAddress::parse("192.0.2.2"), remote));
  EXPECT_TRUE(dead.failure(source, remote, clock.steady() - std::chrono::seconds{1}));
  clock.advance(std::chrono::seconds{59});
  EXPECT_TRUE(dead.failure(source, remote));
  clock.advance(std::chrono::seconds{1});
  EXPECT_FALSE(dead.failure(source, remote));
  for (std::uint16_t port = 1; port < 100; ++port) dead.failed(source, {remote.ip, port}, "x");
  EXPECT_LE(dead.size(), 3U);
}

}  // namespace
}  // namespace bulkhead::delivery
