// States, cases and policies through the API: who sees what, and who may decide.
#include <algorithm>
#include <map>
#include <set>

#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

// What is said of exemptions and counts besides; all else is the fake's.
class ExemptingDesk final : public ReputationDesk {
 public:
  explicit ExemptingDesk(FakeDesk& fake) : fake_(fake) {}
  net::Shard& shard() override { return fake_.shard(); }
  std::vector<reputation::Standing> list(reputation::KeyKind kind, State least, std::size_t,
                                         const std::optional<reputation::Rank>& after) const override {
    std::vector<reputation::Standing> found;
    for (const auto& [key, unused] : exemptions) {
      const bool is_next = !after || after->is_before({State::kNormal, key});
      if (key.kind == kind && least == State::kNormal && is_next) found.push_back(standing(key));
    }
    return found;
  }
  reputation::Standing standing(const Key& key) const override {
    auto found = fake_.standing(key);
    found.last_day[0] = 2.0 / 3;
    if (const auto exemption = exemptions.find(key); exemption != exemptions.end()) {
      found.exemption = exemption->second;
    }
    return found;
  }
  Status set_state(const StateOrder& order) override { return fake_.set_state(order); }
  Status exempt(const StateOrder& order) override {
    exemptions[order.key] = {time, time + order.lasts, order.reason, order.by};
    return fake_.exempt(order);
  }
  std::vector<Case> cases(const std::function<bool(const Case&)>& wanted, const cases::CaseId& before,
                          std::size_t most) const override {
    return fake_.cases(wanted, before, most);
  }
  std::optional<Case> find_case(const cases::CaseId& id) const override { return fake_.find_case(id); }
  Status close_case(const cases::CaseId& id, const std::string& by) override { return fake_.close_case(id, by); }
  void note(const cases::CaseId& id, const std::string& by, std::string what) override {
    fake_.note(id, by, std::move(what));
  }
  PolicySettings settings(const PolicyScope& scope) const override { return fake_.settings(scope); }
  reputation::Policy policy(const PolicyScope& scope) const override { return fake_.policy(scope); }
  Status set_policy(const PolicyScope& scope, PolicySettings settings) override {
    return fake_.set_policy(scope, std::move(settings));
  }
  std::vector<replies::UnknownReply> unknown_replies() const override { return fake_.unknown_replies(); }
  std::vector<RuleCount> rule_counts() const override { return fake_.rule_counts(); }
  Task<Status> settle() override { return fake_.settle(); }

  UtcTime time{};  // that exemptions begin at
  std::map<Key, reputation::Exemption> exemptions;

 private:
  FakeDesk& fake_;
};

class ReputationApi : public AdminTest {
 protected:
  ReputationApi() {
    services_->reputation = &desk_;
    acme_case_ = add_case("acme");
    other_case_ = add_case("other");
    Case client;
    client.id = cases::CaseId::make(clock_, random_);
    client.key = Key::client(*IpAddress::parse("198.51.100.9"));
    client.name = "198.51.100.9";
    client.state = State::kQuarantined;
    client_case_ = client.id.text();
    desk_.all.push_back(client);
    acme_ = token_for("acme");
  }
  std::string add_case(const std::string& tenant) {
    Case one;
    one.id = cases::CaseId::make(clock_, random_);
    one.tenant = live_->snapshot()->tenant_by_name(tenant)->id;
    one.name = "ann@" + tenant + ".example";
    const auto account = directory_->account_by_address(*mail::Address::parse(one.name));
    one.key = Key::account((*account)->id);
    one.state = State::kQuarantined;
    one.add_step({clock_.now(), "reputation", "quarantined"});
    desk_.all.push_back(one);
    return one.id.text();
  }

  FakeDesk desk_{runner_.shard()};
  std::string acme_case_, other_case_, client_case_, acme_;
};

TEST_F(ReputationApi, ATenantSeesItsOwnCasesAndNoOther) {
  const auto listed = call("GET", "/cases", nullptr, acme_);
  expect_status(listed, 200);
  ASSERT_EQ(listed.json["items"].size(), 1U);
  EXPECT_EQ(listed.json["items"][0]["name"], "ann@acme.example");
  EXPECT_EQ(call("GET", "/cases").json["items"].size(), 3U);
  expect_status(call("GET", "/cases/" + acme_case_, nullptr, acme_), 200);
  const auto foreign = call("GET", "/cases/" + other_case_, nullptr, acme_);
  const auto absent = call("GET", "/cases/01JDABCDEFGHJKMNPQRSTVWXYZ", nullptr, acme_);
  EXPECT_EQ(foreign.status, 404);
  EXPECT_EQ(absent.status, 404);
  expect_status(call("GET", "/cases/" + client_case_, nullptr, acme_), 404);
  expect_status(call("POST", "/cases/" + other_case_ + "/purge", Json::object(), acme_), 404);
}

TEST_F(ReputationApi, OnlyThoseAboveATenantReleaseItsAccounts) {
  expect_status(call("POST", "/cases/" + acme_case_ + "/release", Json::object(), acme_), 403);
  EXPECT_TRUE(desk_.orders.empty());
  const auto released = call("POST", "/cases/" + acme_case_ + "/release", {{"reason", "a mistake"}});
  expect_status(released, 200);
  EXPECT_EQ(released.json["status"], "released");
  ASSERT_EQ(desk_.orders.size(), 1U);
  EXPECT_EQ(desk_.orders[0].state, State::kRestored);
  EXPECT_EQ(desk_.orders[0].reason, "a mistake");
  expect_status(call("POST", "/cases/" + acme_case_ + "/release", Json::object()), 409);
}

TEST_F(ReputationApi, PurgesWhatTheAccountHasQueuedAndNotesIt) {
  expect_status(call("POST", "/cases/" + acme_case_ + "/purge", Json::object(), acme_), 200);
  ASSERT_EQ(queue_.orders.size(), 1U);
  EXPECT_EQ(queue_.orders[0].action, queue::DirectiveAction::kPurge);
  EXPECT_EQ(queue_.orders[0].selector.account, "ann@acme.example");
  EXPECT_FALSE(queue_.orders[0].and_future);
  EXPECT_EQ(desk_.notes.size(), 1U);
  expect_status(call("POST", "/cases/" + client_case_ + "/purge", Json::object()), 409);
}

TEST_F(ReputationApi, PurgesOnlyByCasesInForceAndTellsHowMuch) {
  using Status = Case::Status;
  queue_message("acme", "held", "reputation");
  queue_message("acme", "held", "reputation");
  const auto path = "/cases/" + acme_case_ + "/purge";
  auto& one = desk_.all.front();
  for (const auto over : {Status::kReported, Status::kReleased, Status::kExpired}) {
    one.status = over;
    const auto refused = call("POST", path, Json::object());
    expect_status(refused, 409);
    EXPECT_NE(refused.json["error"]["advice"].get<std::string>().find("queue purge --account ann@acme.example"),
              std::string::npos);
  }
  EXPECT_TRUE(queue_.orders.empty());
  for (const auto acting : {Status::kOpen, Status::kClosed}) {
    one.status = acting;
    const auto counted = call("POST", path, {{"dry_run", true}});
    expect_status(counted, 200);
    EXPECT_EQ(counted.json["messages"], 2);
    EXPECT_TRUE(queue_.orders.back().is_dry_run);
    EXPECT_TRUE(desk_.notes.empty()) << "nothing was done";
  }
  const auto purged = call("POST", path, Json::object());
  EXPECT_EQ(purged.json["deliveries"], 2);
  EXPECT_EQ(purged.json["status"], "closed");
  EXPECT_FALSE(queue_.orders.back().is_dry_run);
  EXPECT_EQ(desk_.notes.size(), 1U);
}

TEST_F(ReputationApi, FindsCasesByTheirWords) {
  const auto count = [this](const std::string& query) {
    const auto listed = call("GET", "/cases?" + query);
    expect_status(listed, 200);
    return listed.json["items"].size();
  };
  desk_.all[0].state = State::kThrottled;
  EXPECT_EQ(count("state=throttled"), 1U);
  EXPECT_EQ(count("state=quarantined"), 2U);
  EXPECT_EQ(count("kind=client"), 1U);
  EXPECT_EQ(count("name=ann@other.example"), 1U);
  EXPECT_EQ(count("name=ann@other.example&kind=client"), 0U);
  EXPECT_EQ(count("status=open"), 3U);
  EXPECT_EQ(count("status=reported"), 0U);
  for (const auto* odd : {"status=bogus", "state=odd", "kind=clients"}) {
    expect_status(call("GET", std::string{"/cases?"} + odd), 400);
  }
  EXPECT_NE(call("GET", "/cases?status=bogus").json["error"]["message"].get<std::string>().find("reported"),
            std::string::npos);
}

TEST_F(ReputationApi, PurgesWhatAllAccountsOfATenantHaveQueued) {
  auto& one = desk_.all.front();
  one.key = Key::tenant(one.tenant);
  one.name = "acme";
  expect_status(call("POST", "/cases/" + acme_case_ + "/purge", Json::object()), 200);
  ASSERT_EQ(queue_.orders.size(), 1U);
  EXPECT_EQ(queue_.orders[0].selector.tenant, one.tenant);
  EXPECT_EQ(queue_.orders[0].selector.account, "*") << "what others sent to the tenant is not its accounts' mail";
  EXPECT_FALSE(queue_.orders[0].selector.account_id);
}

TEST_F(ReputationApi, ShowsWhoeverIsNamed) {
  for (const auto* key : {"ann@acme.example", "192.0.2.1", "192.0.2.1@google.com", "client:198.51.100.9",
                          "acme.example", "tenant:acme", "acme"}) {
    const auto shown = call("GET", std::string{"/reputation/"} + key);
    expect_status(shown, 200);
  }
  EXPECT_EQ(call("GET", "/reputation/192.0.2.1").json["kind"], "address");
  EXPECT_EQ(call("GET", "/reputation/192.0.2.1@google.com").json["kind"], "address-site");
  EXPECT_EQ(call("GET", "/reputation/client:198.51.100.9").json["kind"], "client");
  EXPECT_EQ(call("GET", "/reputation/acme").json["kind"], "tenant");
  EXPECT_EQ(call("GET", "/reputation/acme.example").json["kind"], "domain");
  EXPECT_EQ(call("GET", "/reputation/ann@acme.example").json["words"], "ann@acme.example is fine");
  expect_status(call("GET", "/reputation/ann@other.example", nullptr, acme_), 404);
  expect_status(call("GET", "/reputation/nobody@acme.example", nullptr, acme_), 404);
  expect_status(call("GET", "/reputation/198.51.100.9", nullptr, acme_), 404);
  expect_status(call("GET", "/reputation/tenant:other", nullptr, acme_), 404);
  expect_status(call("GET", "/reputation/acme", nullptr, acme_), 200);
}

TEST_F(ReputationApi, DoesNotGuessWhoIsMeant) {
  const Json order{{"state", "quarantined"}, {"reason", "x"}};
  for (const auto* nobody : {"9.9.9.9", "address:9.9.9.9", "9.9.9.9@google.com", "address-site:9.9.9.9@google.com",
                             "domain:nope.example", "nope.example", "domain:192.0.2.1"}) {
    const auto path = std::string{"/reputation/"} + nobody;
    expect_status(call("GET", path), 404);
    expect_status(call("GET", path + "/history"), 404);
    expect_status(call("PATCH", path, order), 404);
    expect_status(call("POST", path + "/exemption", {{"reason", "x"}}), 404);
  }
  EXPECT_NE(call("PATCH", "/reputation/9.9.9.9", order).json["error"]["advice"].get<std::string>().find("client:9.9"),
            std::string::npos);
  expect_status(call("GET", "/reputation/site:google.com"), 200);
  expect_status(call("PATCH", "/reputation/site:google.com", order), 400);
  expect_status(call("POST", "/reputation/site:google.com/exemption", {{"reason", "x"}}), 400);
  EXPECT_TRUE(desk_.orders.empty());
  expect_status(call("PATCH", "/reputation/client:9.9.9.9", order), 200);
}

TEST_F(ReputationApi, ListsOnlyWhatIsTheCallers) {
  EXPECT_EQ(call("GET", "/reputation").json["items"].size(), 3U);
  const auto own = call("GET", "/reputation", nullptr, acme_);
  ASSERT_EQ(own.json["items"].size(), 1U);
  EXPECT_EQ(own.json["items"][0]["name"], "ann@acme.example");
  EXPECT_EQ(own.json["items"][0]["state"], "quarantined");
  expect_status(call("GET", "/reputation/replies", nullptr, acme_), 403);
  EXPECT_EQ(call("GET", "/reputation/rules").json["items"][0]["rule"], "google-rate");
}

TEST_F(ReputationApi, OrdersNeedAReasonAStateAndATime) {
  expect_status(call("PATCH", "/reputation/ann@acme.example", {{"state", "odd"}, {"reason", "x"}}), 400);
  expect_status(call("PATCH", "/reputation/ann@acme.example", {{"state", "watched"}, {"reason", ""}}), 400);
  expect_status(call("PATCH", "/reputation/ann@acme.example", {{"state", "watched"}, {"reason", "x"}, {"for", "soon"}}),
                400);
  const Json good{{"state", "quarantined"}, {"reason", "x"}, {"for", "2d"}};
  expect_status(call("PATCH", "/reputation/ann@acme.example", good, acme_), 403);
  expect_status(call("PATCH", "/reputation/ann@acme.example", good), 200);
  ASSERT_EQ(desk_.orders.size(), 1U);
  EXPECT_EQ(desk_.orders[0].lasts, std::chrono::hours{48});
  expect_status(call("POST", "/reputation/ann@acme.example/exemption", {{"reason", "mailing"}, {"for", "0"}}), 200);
  EXPECT_EQ(desk_.orders[1].lasts.count(), 0);
}

TEST_F(ReputationApi, PoliciesAreSetByThoseAbove) {
  const Json change{{"tenant", "acme"}, {"shadow", true}, {"rule", "account-flood"}, {"count", 500}};
  expect_status(call("PATCH", "/reputation/policy", change, acme_), 403);
  expect_status(call("PATCH", "/reputation/policy", change), 200);
  EXPECT_EQ(desk_.set.is_shadow, true);
  EXPECT_EQ(desk_.set.rules.at("account-flood").count, 500);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "account-bounces"}, {"share", "12.5%"}, {"volume", 50}}),
                200);
  EXPECT_EQ(desk_.set.rules.at("account-bounces").share, 0.125);
  EXPECT_EQ(desk_.set.rules.at("account-bounces").volume, 50);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "account-bounces"}, {"share", "much"}}), 400);
  expect_status(call("PATCH", "/reputation/policy", {{"share", "1%"}}), 400);
  expect_status(call("PATCH", "/reputation/policy", {{"count", 500}}), 400);
  expect_status(call("PATCH", "/reputation/policy", {{"plan", "odd"}, {"shadow", true}}), 400);
  expect_status(call("GET", "/reputation/policy", nullptr, acme_), 200);
  expect_status(call("GET", "/reputation/policy?tenant=other", nullptr, acme_), 404);
}

TEST_F(ReputationApi, ExemptionsAreShownWhileTheyLastAndRememberedAfterwards) {
  ExemptingDesk desk{desk_};
  desk.time = clock_.now();
  services_->reputation = &desk;
  const std::string ann = "/reputation/ann@acme.example";
  expect_status(call("POST", ann + "/exemption", {{"reason", std::string(201, 'x')}, {"for", "1h"}}), 400);
  expect_status(call("PATCH", ann, {{"reason", std::string(201, 'x')}, {"state", "watched"}}), 400);
  expect_status(call("POST", "/cases/" + acme_case_ + "/release", {{"reason", std::string(201, 'x')}}), 400);
  EXPECT_TRUE(desk_.orders.empty());
  expect_status(call("POST", ann + "/exemption", {{"reason", std::string(200, 'x')}, {"for", "1h"}}), 200);
  EXPECT_LE(desk_.orders.back().reason.size(), 200U);
  const auto given = call("POST", ann + "/exemption", {{"reason", "annual mailing"}, {"for", "1h"}});
  expect_status(given, 200);
  EXPECT_EQ(given.json["exempt_reason"], "annual mailing");
  EXPECT_EQ(given.json["exempt_by"].get<std::string>().find("operator"), 0U);
  EXPECT_FALSE(given.json["exempt_until"].is_null());
  const auto exempt = [this] { return call("GET", "/reputation?exempt=true").json["items"]; };
  ASSERT_EQ(exempt().size(), 1U);
  EXPECT_EQ(exempt()[0]["name"], "ann@acme.example");
  auto past = call("GET", ann + "/history").json["items"];
  EXPECT_NE(past.back()["what"].get<std::string>().find("exempt until"), std::string::npos);
  EXPECT_NE(past.back()["what"].get<std::string>().find(": annual mailing"), std::string::npos);
  EXPECT_EQ(past.back()["by"], given.json["exempt_by"]);
  clock_.advance(std::chrono::hours{2});
  EXPECT_TRUE(exempt().empty());
  const auto over = call("GET", ann).json;
  EXPECT_TRUE(over["exempt_until"].is_null());
  EXPECT_EQ(over["exempt_reason"], "");
  past = call("GET", ann + "/history").json["items"];
  EXPECT_EQ(past.back()["what"], "the exemption has ended");
  desk.time = clock_.now();
  const auto ended = call("POST", ann + "/exemption", {{"reason", "no more"}, {"for", "0"}});
  EXPECT_TRUE(ended.json["exempt_until"].is_null());
  past = call("GET", ann + "/history").json["items"];
  EXPECT_EQ(past.back()["what"], "the exemption was ended: no more");
  EXPECT_EQ(past.back()["by"], given.json["exempt_by"]);
}

TEST_F(ReputationApi, ShowsTheCaseThatHoldsAStateAndCountsInThreeDigits) {
  ExemptingDesk desk{desk_};
  services_->reputation = &desk;
  const auto shown = call("GET", "/reputation/ann@acme.example").json;
  EXPECT_EQ(shown["case"], acme_case_);
  EXPECT_TRUE(call("GET", "/reputation/tenant:acme").json["case"].is_null());
  desk_.all.front().signals = {{reputation::Signal::kMessages, 2.0 / 3, 100}};
  const auto signals = call("GET", "/cases/" + acme_case_).json["signals"];
  EXPECT_EQ(dump(signals.front()), R"({"hour":0.667,"day":100.0})");
  EXPECT_EQ(shown["signals"].front()["day"], 0.667);
}

TEST_F(ReputationApi, OnlyTheNodeSetsRulesAboutWhatIsNotOneTenants) {
  for (const auto* rule : {"client-guessing", "address-listed"}) {
    expect_status(call("PATCH", "/reputation/policy", {{"tenant", "acme"}, {"rule", rule}, {"count", 5}}), 400);
    expect_status(call("PATCH", "/reputation/policy", {{"plan", "bulk"}, {"rule", rule}, {"rule_shadow", true}}), 400);
    EXPECT_TRUE(desk_.set.empty());
  }
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "client-guessing"}, {"count", 5}}), 200);
  const auto of = [this](const std::string& query) { return call("GET", "/reputation/policy?" + query).json; };
  EXPECT_EQ(of("rule=client-guessing")["rules"][0]["own"], true);
  EXPECT_EQ(of("rule=client-guessing&tenant=acme")["rules"][0]["own"], false);
  // What was set before can be given back.
  expect_status(
      call("PATCH", "/reputation/policy", {{"tenant", "acme"}, {"rule", "client-guessing"}, {"count", nullptr}}), 200);
  EXPECT_TRUE(desk_.set.rules.at("client-guessing").empty());
}

TEST_F(ReputationApi, ShowsOneRuleAndRecordsNoChangeOfNothing) {
  const auto one = call("GET", "/reputation/policy?rule=account-flood");
  expect_status(one, 200);
  ASSERT_EQ(one.json["rules"].size(), 1U);
  EXPECT_EQ(one.json["rules"][0]["rule"], "account-flood");
  expect_status(call("GET", "/reputation/policy?rule=nosuch"), 404);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "nosuch"}}), 404);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "nosuch"}, {"shadow", true}}), 404);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "account-flood"}}), 200);
  expect_status(call("PATCH", "/reputation/policy", Json::object()), 200);
  EXPECT_EQ(trace_.all_details().find("policy of reputation"), std::string::npos);
  expect_status(call("PATCH", "/reputation/policy", {{"rule", "account-flood"}, {"count", 500}}), 200);
  EXPECT_NE(trace_.all_details().find("policy of reputation"), std::string::npos);
}

TEST_F(ReputationApi, ListsInPagesTheWorstFirst) {
  for (int i = 0; i < 7; ++i) {
    Case client;
    client.id = cases::CaseId::make(clock_, random_);
    client.key = Key::client(*IpAddress::parse("198.51.100." + std::to_string(20 + i)));
    client.state = i % 2 == 0 ? State::kThrottled : State::kQuarantined;
    desk_.all.push_back(client);
  }
  std::vector<std::string> names, states;
  std::string after;
  int pages = 0;
  do {
    const auto page = call("GET", "/reputation?limit=3" + (after.empty() ? "" : "&after=" + after)).json;
    EXPECT_LE(page["items"].size(), 3U);
    for (const auto& item : page["items"]) {
      names.push_back(item["name"]);
      states.push_back(item["state"]);
    }
    after = page["next"].is_null() ? "" : page["next"].get<std::string>();
  } while (!after.empty() && ++pages < 10);
  EXPECT_EQ(pages, 3);
  ASSERT_EQ(names.size(), 10U);
  EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), 10U) << "each once";
  EXPECT_TRUE(std::is_sorted(states.begin(), states.end())) << "quarantined before throttled";
  // A tenant's pages have what is its own, however much else there is.
  const auto own = call("GET", "/reputation?limit=1", nullptr, acme_);
  ASSERT_EQ(own.json["items"].size(), 1U);
  EXPECT_EQ(own.json["items"][0]["name"], "ann@acme.example");
}

TEST_F(ReputationApi, APlaceInTheListThatWasNotGivenIsRefused) {
  for (const char* after : {"x", "4",
                            "9"
                            "00",
                            "4zz", "40", "400", "-1"}) {
    expect_status(call("GET", std::string{"/reputation?after="} + after), 400);
  }
}

}  // namespace
}  // namespace bulkhead::admin
