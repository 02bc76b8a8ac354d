// Limits through the API: whom they are for, what is used of them, who may set them.
#include <set>

#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

class LimitApi : public AdminTest {
 protected:
  // The items of a list, by scope, name and measure.
  Json find(const std::string& target, const std::string& scope, const std::string& measure,
            const std::string& name = "") {
    const auto list = call("GET", target);
    expect_status(list, 200);
    for (const auto& item : list.json["items"]) {
      const bool is_named = name.empty() || item["name"] == name;
      if (item["scope"] == scope && item["measure"] == measure && is_named) return item;
    }
    return nullptr;
  }
  void send(const char* address, std::uint64_t messages) {
    const auto account = directory_->account_by_address(*mail::Address::parse(address)).value();
    netpolicy::Reservation reservation;
    const auto snapshot = live_->snapshot();
    const auto admission =
        limiter_.reserve(reservation, {*snapshot, *account, *IpAddress::parse("192.0.2.1")}, {messages, 0, 0});
    EXPECT_FALSE(admission.hit);
    reservation.keep();
  }
};

TEST_F(LimitApi, SetsShowsAndUnsets) {
  const auto set = call("PATCH", "/limits",
                        {{"account", "ann@acme.example"}, {"messages", "500/1h"}, {"recipients", "2000/1d burst 100"}});
  expect_status(set, 200);
  EXPECT_EQ(set.json["limits"].size(), 2U);
  EXPECT_EQ(
      trace_.last().detail,
      "limit of account ann@acme.example: messages from \"default\" to \"500/1h\", recipients from \"default\" to "
      "\"2000/1d burst 100\"");
  EXPECT_EQ(find("/limits", "account", "recipients")["limit"], "2000/1d burst 100");
  expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"recipients", nullptr}}), 200);
  EXPECT_TRUE(find("/limits", "account", "recipients").is_null());
  EXPECT_EQ(find("/limits", "account", "messages")["limit"], "500/1h") << "what is not given stays";
  expect_status(call("DELETE", "/limits?account=ann@acme.example"), 204);
  EXPECT_TRUE(find("/limits", "account", "messages").is_null());
  expect_status(call("DELETE", "/limits?account=ann@acme.example"), 404);
}

TEST_F(LimitApi, ShowsWhatIsUsedAndWhenItIsFreeAgain) {
  expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"messages", "500/1h"}}), 200);
  send("ann@acme.example", 312);
  const auto item = find("/limits", "account", "messages");
  EXPECT_EQ(item["name"], "ann@acme.example");
  EXPECT_EQ(item["used"], 312);
  EXPECT_EQ(item["free_at"], to_rfc3339(clock_.now() + std::chrono::milliseconds{312 * 7200}));
}

TEST_F(LimitApi, ShowsAllThatAnAccountFallsUnder) {
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"bytes", "10G/1d"}}), 200);
  send("ann@acme.example", 3);
  const std::string target = "/limits?account=ann@acme.example";
  EXPECT_EQ(find(target, "account", "messages")["limit"], "200/1h") << "the account is new";
  EXPECT_EQ(find(target, "account", "messages")["used"], 3);
  EXPECT_EQ(find(target, "tenant", "bytes")["limit"], "10G/1d");
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"plan", "bulk"}}), 200);
  EXPECT_EQ(find(target, "account", "messages")["limit"], "none");
}

TEST_F(LimitApi, SaysWhereEachFigureOfAnAccountComesFrom) {
  expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"messages", "7/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"bytes", "10G/1d"}}), 200);
  expect_status(call("PATCH", "/limits", {{"reseller", "acme"}, {"messages", "9/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.1"}, {"messages", "8/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.2"}, {"messages", "6/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.1"}, {"site", "x.example"}, {"messages", "5/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"site", "x.example"}, {"connections", 3}}), 200);
  const std::string target = "/limits?account=ann@acme.example";
  EXPECT_EQ(find(target, "account", "messages")["from"], "account ann@acme.example");
  EXPECT_EQ(find(target, "account", "recipients")["from"], "plan new");
  EXPECT_EQ(find(target, "tenant", "bytes")["from"], "tenant acme");
  EXPECT_EQ(find(target, "reseller", "messages")["from"], "reseller acme");
  EXPECT_EQ(find(target, "address", "messages")["name"], "192.0.2.1");
  EXPECT_TRUE(find(target, "address", "messages", "192.0.2.2").is_null()) << "another tenant's";
  EXPECT_EQ(find(target, "address-site", "messages")["limit"], "5/1h");
  EXPECT_EQ(find(target, "site", "connections")["limit"], "3");
  std::set<std::string> scopes;
  std::string after;
  for (int pages = 0; pages < 20; ++pages) {
    const auto list = call("GET", target + "&limit=1&after=" + after);
    for (const auto& item : list.json["items"])
      EXPECT_TRUE(scopes.insert(item["scope"].get<std::string>() + " " + item["measure"].get<std::string>()).second);
    if (list.json["next"].is_null()) break;
    after = list.json["next"];
  }
  EXPECT_EQ(scopes.size(), 7U);
  const auto seen = call("GET", target, nullptr, token_for("acme"));
  for (const auto& item : seen.json["items"])
    EXPECT_NE(item["scope"], "site") << "the node's are not a tenant's to see";
  expect_status(call("GET", target + "&tenant=acme"), 200);
  expect_status(call("GET", target + "&tenant=other"), 400);
}

TEST_F(LimitApi, EachDimensionCanBeListed) {
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"bytes", "10G/1d"}}), 200);
  expect_status(call("PATCH", "/limits", {{"reseller", "acme"}, {"messages", "9/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.1"}, {"messages", "8/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.2"}, {"site", "x.example"}, {"messages", "5/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"site", "x.example"}, {"connections", 3}}), 200);
  const auto names = [&](const std::string& query) {
    const auto list = call("GET", "/limits?" + query);
    expect_status(list, 200);
    std::set<std::string> found;
    for (const auto& item : list.json["items"]) found.insert(item["from"]);
    return found;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(names("plan=bulk"), Names{"plan bulk"});
  EXPECT_EQ(names("reseller=acme"), Names{"reseller acme"});
  EXPECT_EQ(names("address=192.0.2.1"), Names{"address 192.0.2.1"});
  EXPECT_EQ(names("site=x.example"), (Names{"site x.example", "address-site 192.0.2.2 x.example"}));
  EXPECT_EQ(names("address=192.0.2.2&site=x.example"), Names{"address-site 192.0.2.2 x.example"});
  EXPECT_EQ(names("tenant=acme"), (Names{"tenant acme", "reseller acme", "address 192.0.2.1"}));
  EXPECT_EQ(names("tenant=other&site=x.example"), Names{"address-site 192.0.2.2 x.example"});
  expect_status(call("GET", "/limits?plan=gold"), 400);
  expect_status(call("GET", "/limits?plan=new&account=ann@acme.example"), 400);
  expect_status(call("GET", "/limits?account=ann@acme.example&site=x.example"), 400);
  expect_status(call("GET", "/limits?address=192.0.2.77"), 404);
}

TEST_F(LimitApi, RefusesWhatCannotBeASite) {
  for (const char* site : {"bad site!", "*", "Google.com", "a/b", "route:hop example:25"}) {
    expect_status(call("PATCH", "/limits", {{"site", site}, {"connections", 1}}), 400);
  }
  EXPECT_FALSE(call("PATCH", "/limits", {{"site", "mx1.a.example+mx2.a.example~00ff"}, {"connections", 1}})
                   .json.contains("warnings"));
  EXPECT_FALSE(
      call("PATCH", "/limits", {{"site", "route:Hop.example:25"}, {"connections", 1}}).json.contains("warnings"));
  EXPECT_TRUE(call("PATCH", "/limits", {{"site", "google"}, {"connections", 1}}).json.contains("warnings"));
  tenants::Limit odd;
  odd.scope = tenants::LimitScope::kSite;
  odd.subject = "bad site!";
  odd.connections = 1;
  ASSERT_TRUE(directory_->set_limit(odd));
  expect_status(call("PATCH", "/limits", {{"site", "x.example"}, {"connections", 1}}), 200);  // reads the directory
  expect_status(call("DELETE", "/limits?site=bad%20site!"), 204);
}

TEST_F(LimitApi, TakesAnHourAsOneHour) {
  expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"messages", "500/h"}}), 200);
  EXPECT_EQ(find("/limits", "account", "messages")["limit"], "500/1h");
  for (const char* rate : {"500", "/1h", "500/", "500/1", "-5/1h", "0/1h", "5/0h", "5/1y", "5 per hour", "500//1h",
                           "18446744073709551616/1h", "5/1h burst", "5/1h burst 0", "1.5/1h", ""}) {
    expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"messages", rate}}), 400);
  }
}

TEST_F(LimitApi, PlansSitesAndPairsHaveLimits) {
  expect_status(call("PATCH", "/limits", {{"plan", "new"}, {"messages", "20/1h"}, {"days", 7}}), 200);
  EXPECT_EQ(find("/limits", "plan", "messages", "new")["limit"], "20/1h");
  EXPECT_EQ(find("/limits?account=ann@acme.example", "account", "messages")["limit"], "20/1h");
  expect_status(call("PATCH", "/limits", {{"site", "google"}, {"connections", 10}, {"messages_per_connection", 50}}),
                200);
  EXPECT_EQ(find("/limits", "site", "connections")["limit"], "10");
  EXPECT_EQ(find("/limits", "site", "connections")["used"], 7);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.1"}, {"site", "google"}, {"messages", "5/1m"}}), 200);
  EXPECT_EQ(find("/limits", "address-site", "messages")["name"], "192.0.2.1 google");
}

TEST_F(LimitApi, SaysWhatIsWrong) {
  const auto rate = call("PATCH", "/limits", {{"tenant", "acme"}, {"messages", "500/1y"}});
  expect_status(rate, 400);
  EXPECT_NE(rate.json["error"]["message"].get<std::string>().find("must be s, m, h, d or w"), std::string::npos);
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"messages", "0/1h"}}), 400);
  expect_status(call("PATCH", "/limits", {{"messages", "500/1h"}}), 400);
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"plan", "new"}, {"messages", "5/1h"}}), 400);
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"connections", 5}}), 400);
  expect_status(call("PATCH", "/limits", {{"site", "google"}, {"connections", 0}}), 400);
  expect_status(call("PATCH", "/limits", {{"plan", "gold"}, {"messages", "5/1h"}}), 400);
  expect_status(call("PATCH", "/limits", {{"account", "nobody@acme.example"}, {"messages", "5/1h"}}), 404);
  expect_status(call("PATCH", "/limits", {{"address", "192.0.2.77"}, {"messages", "5/1h"}}), 404);
  expect_status(call("PATCH", "/tenants/acme", {{"over_limit", "drop"}}), 400);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"plan", "gold"}}), 400);
}

TEST_F(LimitApi, ATenantSeesItsOwnAndSetsNone) {
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"messages", "500/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"tenant", "other"}, {"messages", "600/1h"}}), 200);
  expect_status(call("PATCH", "/limits", {{"site", "google"}, {"messages", "700/1h"}}), 200);
  const auto token = token_for("acme");
  const auto list = call("GET", "/limits", nullptr, token);
  expect_status(list, 200);
  ASSERT_EQ(list.json["items"].size(), 1U);
  EXPECT_EQ(list.json["items"][0]["name"], "acme");
  expect_status(call("GET", "/limits?account=ann@acme.example", nullptr, token), 200);
  expect_status(call("GET", "/limits?account=ann@other.example", nullptr, token), 404);
  expect_status(call("PATCH", "/limits", {{"tenant", "acme"}, {"messages", "none"}}, token), 403);
  expect_status(call("PATCH", "/limits", {{"account", "ann@acme.example"}, {"messages", "none"}}, token), 403);
  expect_status(call("PATCH", "/limits", {{"tenant", "other"}, {"messages", "1/1h"}}, token), 404);
  expect_status(call("DELETE", "/limits?tenant=acme", nullptr, token), 403);
  expect_status(call("PUT", "/limits/warm-up", {{"days", {"1"}}}, token), 403);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"plan", "bulk"}}, token), 403);
  expect_status(call("PATCH", "/tenants/acme", {{"over_limit", "pace"}}, token), 200);
}

TEST_F(LimitApi, ListsInPages) {
  for (const char* site : {"a", "b", "c"}) {
    expect_status(call("PATCH", "/limits", {{"site", site}, {"connections", 5}}), 200);
  }
  std::set<std::string> names;
  std::string after;
  for (int page = 0; page < 20; ++page) {
    const auto list = call("GET", "/limits?limit=1&after=" + after);
    expect_status(list, 200);
    for (const auto& item : list.json["items"]) names.insert(item["name"]);
    if (list.json["next"].is_null()) break;
    after = list.json["next"];
  }
  EXPECT_EQ(names, (std::set<std::string>{"new", "normal", "bulk", "a", "b", "c"}));
}

TEST_F(LimitApi, TheWarmUpTableIsSetAndEnded) {
  EXPECT_EQ(call("GET", "/limits/warm-up").json["days"][0], "50");
  expect_status(call("PUT", "/limits/warm-up", {{"days", {"10", "20"}}}), 200);
  EXPECT_EQ(call("GET", "/limits/warm-up").json["days"], Json::array({"10", "20"}));
  EXPECT_EQ(live_->snapshot()->warm_up(), (tenants::WarmUpTable{10, 20})) << "live at once";
  for (const char* messages : {"many", "", "0", "-1", "1,2", "18446744073709551616"}) {
    expect_status(call("PUT", "/limits/warm-up", {{"days", {"5", messages}}}), 400);
  }
  expect_status(call("PUT", "/limits/warm-up", {{"days", Json::array()}}), 200);
  EXPECT_TRUE(live_->snapshot()->warm_up().empty());
}

}  // namespace
}  // namespace bulkhead::admin
