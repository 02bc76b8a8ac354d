// Orders about the queue through the API: what is meant, who may give and who may end them.
#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

using DirectivesApi = AdminTest;

TEST_F(DirectivesApi, GivesTheOrderThatWasAskedFor) {
  queue_message("acme", "ready", "");
  const auto answer = call("POST", "/queue/hold", {{"account", "ann@acme.example"}, {"and_future", true}});
  expect_status(answer, 200);
  EXPECT_EQ(answer.json["matched"], 1);
  EXPECT_FALSE(answer.json["directive"].is_null());
  ASSERT_EQ(queue_.orders.size(), 1U);
  EXPECT_EQ(queue_.orders[0].action, queue::DirectiveAction::kHold);
  EXPECT_EQ(queue_.orders[0].selector.account, "ann@acme.example");
  EXPECT_TRUE(queue_.orders[0].and_future);
  EXPECT_NE(trace_.last().detail.find("hold of 1 delivery of 1 message and what follows"), std::string::npos);
  for (const char* verb : {"release", "purge", "bounce"}) {
    expect_status(call("POST", std::string{"/queue/"} + verb, {{"site", "x.example"}}), 200);
    EXPECT_EQ(queue::to_string(queue_.orders.back().action), verb);
  }
}

TEST_F(DirectivesApi, WarnsOfAnAccountThatIsNotThere) {
  const auto warnings = [&](const char* account, bool and_future) {
    return call("POST", "/queue/hold", {{"account", account}, {"and_future", and_future}})
        .json.value("warnings", Json{});
  };
  EXPECT_TRUE(warnings("ann@acme.example", true).is_null());
  EXPECT_TRUE(warnings("*", true).is_null());
  const auto others = call("POST", "/queue/hold", {{"account", "ann@other.example"}}, token_for("acme"));
  EXPECT_EQ(others.json["warnings"][0], "there is no account ann@other.example now") << "not this caller's to know";
  EXPECT_EQ(warnings("anna@acme.example", false), Json::array({"there is no account anna@acme.example now"}));
  EXPECT_EQ(warnings("anna@acme.example", true),
            Json::array({"there is no account anna@acme.example now; the order stands for when there is one"}));
}

TEST_F(DirectivesApi, AnOrderOfAnyKindCanBeEndedByWhoMayGiveIt) {
  const auto acme = token_for("acme");
  const auto give = [&](const std::string& secret) {
    return call("POST", "/queue/purge", {{"account", "ann@acme.example"}, {"tenant", "acme"}, {"and_future", true}},
                secret)
        .json["directive"]
        .get<std::string>();
  };
  const auto by_operator = give("");
  const auto by_tenant = give(acme);
  expect_status(call("DELETE", "/queue/directives/" + by_operator, nullptr, acme), 403);
  expect_status(call("DELETE", "/queue/directives/" + by_tenant, nullptr, token_for("other")), 404);
  const auto ended = call("DELETE", "/queue/directives/" + by_tenant, nullptr, acme);
  expect_status(ended, 200);
  EXPECT_EQ(ended.json["ended"], true);
  EXPECT_FALSE(ended.json.contains("warnings"));
  EXPECT_EQ(queue_.in_force.size(), 1U);
  EXPECT_NE(trace_.last().detail.find("end of the order " + by_tenant + " (purge)"), std::string::npos);
  expect_status(call("DELETE", "/queue/directives/" + by_tenant, nullptr, acme), 404);
  expect_status(call("DELETE", "/queue/directives/x"), 404);
  queue_.in_force[0].directive.by = "reputation 01JDABCDEFGHJKMNPQRSTVWXYZ";
  const auto of_case = call("DELETE", "/queue/directives/" + by_operator);
  expect_status(of_case, 409);
  EXPECT_EQ(of_case.json["error"]["advice"], "bulkhead case release 01JDABCDEFGHJKMNPQRSTVWXYZ");
  queue_.in_force[0].directive.by = "operator root";
  queue_.end_answer.goes_on = true;
  queue_.end_answer.deliveries = 12;
  const auto at_work = call("DELETE", "/queue/directives/" + by_operator);
  expect_status(at_work, 200);
  EXPECT_EQ(at_work.json["ended"], false);
  EXPECT_EQ(at_work.json["left"], 12);
  EXPECT_NE(at_work.json["warnings"][0].get<std::string>().find("12 deliveries that it has taken out"),
            std::string::npos);
}

TEST_F(DirectivesApi, OrdersOfATenantShareABoundAndThoseOfTheOperatorHaveNone) {
  const Json body{{"account", "ann@acme.example"}};
  expect_status(call("POST", "/queue/hold", body, token_for("acme")), 200);
  const auto& order = queue_.orders.back();
  EXPECT_TRUE(order.by.starts_with(order.peers)) << order.by;
  EXPECT_EQ(order.peers.size(), std::string_view{"tenant "}.size() + 26 + 1);
  expect_status(call("POST", "/queue/hold", body), 200);
  EXPECT_TRUE(queue_.orders.back().peers.empty());
}

TEST_F(DirectivesApi, WarnsOfAMessageThatIsNotInTheQueue) {
  const auto id = queue_message("acme", "ready", "");
  EXPECT_FALSE(call("POST", "/queue/purge", {{"id", id}}).json.contains("warnings"));
  const auto gone = call("POST", "/queue/purge", {{"id", "01JDABCDEFGHJKMNPQRSTVWXYZ"}});
  expect_status(gone, 200);
  EXPECT_NE(gone.json["warnings"][0].get<std::string>().find("bulkhead trace show 01JDABCDEFGHJKMNPQRSTVWXYZ"),
            std::string::npos);
}

TEST_F(DirectivesApi, ABounceTellsWhoGetsAReport) {
  queue_message("acme", "ready", "");
  const Json order{{"site", "remote.example"}};
  const Json told{{"told", 1}, {"outside", 0}, {"null_sender", 0}, {"unknown", 0}};
  EXPECT_EQ(call("POST", "/queue/bounce", order).json["reports"], told);
  auto outsider = std::make_shared<queue::Message>(*queue_.deliveries.back().message);
  outsider->sender.address = *mail::Address::parse("forged@remote.example");
  queue_.deliveries.back().message = outsider;
  const Json untold{{"told", 0}, {"outside", 1}, {"null_sender", 0}, {"unknown", 0}};
  EXPECT_EQ(call("POST", "/queue/bounce", order).json["reports"], untold);
  EXPECT_EQ(call("POST", "/queue/bounce", {{"site", "remote.example"}, {"report_to_all", true}}).json["reports"], told);
  EXPECT_EQ(call("POST", "/queue/bounce", {{"subject", "Hello"}}).json["reports"]["unknown"], 1) << "not read for that";
  EXPECT_FALSE(call("POST", "/queue/purge", order).json.contains("reports"));
}

TEST_F(DirectivesApi, EverythingIsMeantOnlyWhenItIsSaid) {
  for (const char* verb : {"hold", "release", "purge", "bounce"}) {
    expect_status(call("POST", std::string{"/queue/"} + verb, Json::object()), 400);
  }
  EXPECT_TRUE(queue_.orders.empty());
  expect_status(call("POST", "/queue/purge", {{"all", true}}), 200);
  EXPECT_TRUE(queue_.orders.back().is_for_all);
}

TEST_F(DirectivesApi, ASelectorWithoutAValueIsRefused) {
  for (const char* verb : {"hold", "release", "purge", "bounce", "retry"}) {
    const std::string target = std::string{"/queue/"} + verb;
    for (const char* name : {"tenant", "account", "sender", "recipient", "recipient_domain", "site", "source",
                             "client_ip", "state", "older_than", "subject", "id"}) {
      for (const Json& empty : {Json(""), Json("  "), Json(nullptr)}) {
        const Json other = std::string_view{name} == "tenant" ? Json{{"site", "x.example"}} : Json{{"tenant", "acme"}};
        Json body = other;
        body[name] = empty;
        const auto answer = call("POST", target, body);
        expect_status(answer, 400);
        const auto message = answer.json["error"]["message"].get<std::string>();
        EXPECT_EQ(message, std::string{name} + " is given without a value");
      }
    }
  }
  EXPECT_TRUE(queue_.orders.empty());
  EXPECT_TRUE(queue_.retried.empty());
}

TEST_F(DirectivesApi, AnyAccountIsEveryAccountAndAsksForAll) {
  const auto acme = token_for("acme");
  for (const char* verb : {"hold", "release", "purge", "bounce", "retry"}) {
    const std::string target = std::string{"/queue/"} + verb;
    expect_status(call("POST", target, {{"account", "*"}}), 400);
    expect_status(call("POST", target, {{"account", "*"}}, acme), 400);
    expect_status(call("POST", target, {{"account", "*"}, {"all", true}}), 200);
    expect_status(call("POST", target, {{"account", "*"}, {"tenant", "acme"}}), 200);
  }
  EXPECT_EQ(queue_.orders.back().selector.account, "*");
}

TEST_F(DirectivesApi, SelectorsThatCanMeanNothingAreRefused) {
  const std::vector<Json> bodies{{{"site", "*"}},
                                 {{"sender", "*@acme.example"}},
                                 {{"sender", "ann"}},
                                 {{"recipient", "<bob@remote.example>"}},
                                 {{"recipient_domain", "*.example"}},
                                 {{"recipient_domain", "@remote.example"}},
                                 {{"recipient", "bob@a.example"}, {"recipient_domain", "b.example"}},
                                 {{"older_than", "0"}},
                                 {{"older_than", "36501d"}},
                                 {{"older_than", "h"}},
                                 {{"older_than", "1h30m"}},
                                 {{"site", "x.example"}, {"all", true}}};
  for (const auto& body : bodies) {
    expect_status(call("POST", "/queue/purge", body), 400);
  }
  EXPECT_TRUE(queue_.orders.empty());
  for (const Json& body : std::vector<Json>{{{"sender", "<>"}},
                                            {{"recipient", "postmaster"}},
                                            {{"older_than", "36500d"}},
                                            {{"recipient", "bob@A.example"}, {"recipient_domain", "a.EXAMPLE"}},
                                            {{"subject", "*"}}}) {
    expect_status(call("POST", "/queue/purge", body), 200);
  }
}

TEST_F(DirectivesApi, ADryRunChangesNothingAndIsNotRecorded) {
  queue_message("acme", "ready", "");
  const auto before = trace_.all_details();
  const auto answer = call("POST", "/queue/purge", {{"tenant", "acme"}, {"dry_run", true}});
  EXPECT_EQ(answer.json["matched"], 1);
  EXPECT_TRUE(answer.json["directive"].is_null());
  EXPECT_TRUE(queue_.orders.back().is_dry_run);
  EXPECT_EQ(trace_.all_details(), before);
}

TEST_F(DirectivesApi, ATenantOrdersItsOwnMailOnly) {
  queue_message("acme", "ready", "");
  queue_message("other", "ready", "");
  const auto acme = token_for("acme");
  expect_status(call("POST", "/queue/hold", {{"all", true}}, acme), 200);
  const auto id = services_->live.snapshot()->tenant_by_name("acme")->id;
  EXPECT_EQ(queue_.orders.back().selector.tenant, id);
  const auto orders = queue_.orders.size();
  expect_status(call("POST", "/queue/purge", {{"tenant", "other"}}, acme), 404);
  EXPECT_EQ(queue_.orders.size(), orders);
}

TEST_F(DirectivesApi, ATenantMayNotReleaseWhatTheOperatorHolds) {
  const auto acme = token_for("acme");
  expect_status(call("POST", "/queue/hold", {{"tenant", "acme"}}, acme), 200);
  expect_status(call("POST", "/queue/release", {{"tenant", "acme"}}, acme), 200);
  expect_status(call("POST", "/queue/hold", {{"tenant", "acme"}, {"account", "ann@acme.example"}}), 200);
  expect_status(call("POST", "/queue/release", {{"tenant", "acme"}}, acme), 403);
  expect_status(call("POST", "/queue/release", {{"account", "ann@acme.example"}}, acme), 403);
  expect_status(call("POST", "/queue/release", {{"account", "bob@acme.example"}}, acme), 200);
  expect_status(call("POST", "/queue/release", {{"tenant", "acme"}}), 200);
}

TEST_F(DirectivesApi, ATenantMayNotReleaseWhatIsHeldForAll) {
  const auto acme = token_for("acme");
  expect_status(call("POST", "/queue/hold", {{"site", "x.example"}}), 200);
  expect_status(call("POST", "/queue/release", {{"site", "x.example"}}, acme), 403);
}

TEST_F(DirectivesApi, SaysWhoHoldsWhatATenantMayNotRelease) {
  const auto acme = token_for("acme");
  const auto held = call("POST", "/queue/hold", {{"tenant", "acme"}}).json["directive"].get<std::string>();
  const auto refusal = [&](const std::string& method, const std::string& target, const Json& body) {
    const auto answer = call(method, target, body, acme);
    expect_status(answer, 403);
    return answer.json["error"]["message"].get<std::string>();
  };
  const Json all{{"all", true}};
  EXPECT_TRUE(refusal("POST", "/queue/release", all)
                  .starts_with("this mail is held by an order of the server's "
                               "operator, since "));
  EXPECT_EQ(refusal("DELETE", "/queue/directives/" + held, nullptr), "this order was given by the server's operator");
  auto& by = queue_.in_force[0].directive.by;
  const auto id_of = [&](const char* name) { return live_->snapshot()->tenant_by_name(name)->id.text(); };
  by = "tenant " + id_of("other") + " token panel";
  EXPECT_EQ(refusal("POST", "/queue/release", all).find("other"), std::string::npos) << "it does not own acme";
  expect_status(call("PATCH", "/tenants/other", {{"tenants_max", 5}}), 200);
  expect_status(call("PATCH", "/tenants/acme", {{"reseller", "other"}}), 200);
  EXPECT_NE(refusal("POST", "/queue/release", all).find("an order of the reseller other"), std::string::npos);
  by = "reputation 01JDABCDEFGHJKMNPQRSTVWXYZ";
  EXPECT_NE(refusal("POST", "/queue/release", all).find("is held by case 01JDABCDEFGHJKMNPQRSTVWXYZ"),
            std::string::npos);
}

TEST_F(DirectivesApi, ShowsNamesAndKeepsTheIdsBeside) {
  expect_status(call("POST", "/queue/hold", {{"tenant", "acme"}, {"site", "x.example"}}, token_for("acme")), 200);
  const auto ann = directory_->account_by_address(*mail::Address::parse("ann@acme.example")).value()->id;
  queue::DirectiveView of_case;
  of_case.directive.id = queue::DirectiveId{Ulid{{9}}};
  of_case.directive.selector.account_id = ann;
  queue_.in_force.push_back(of_case);
  const auto list = call("GET", "/queue/directives");
  expect_status(list, 200);
  const auto id = live_->snapshot()->tenant_by_name("acme")->id.text();
  const Json& first = list.json["items"][0];
  EXPECT_EQ(first["selector"], "tenant=acme site=x.example");
  EXPECT_EQ(first["by"], "tenant acme token token of acme");
  EXPECT_EQ(first["ids"], Json({{"tenant", id}, {"account", nullptr}, {"given_by", id}}));
  EXPECT_EQ(list.json["items"][1]["selector"], "account=ann@acme.example");
  EXPECT_EQ(list.json["items"][1]["ids"]["account"], ann.text());
}

TEST_F(DirectivesApi, TheReasonOfAHeldDeliveryNamesItsTenant) {
  const auto message = queue_message("acme", "held", "directive");
  const auto id = live_->snapshot()->tenant_by_name("acme")->id.text();
  const std::string order = "01JDABCDEFGHJKMNPQRSTVWXYZ";
  queue_.deliveries.back().reason = "hold of tenant=" + id + " (" + order + "), given by tenant " + id + " panel";
  queue_.deliveries.back().remedy = "bulkhead queue release --tenant " + id;
  const auto why = call("GET", "/queue/" + message + "/why");
  EXPECT_EQ(why.json["deliveries"][0]["reason"]["text"],
            "hold of tenant=acme (" + order + "), given by tenant acme panel");
  EXPECT_EQ(why.json["deliveries"][0]["advice"], "bulkhead queue release --tenant acme");
}

TEST_F(DirectivesApi, AnIdThatSomebodyChoseByIsNotReadAsATenants) {
  const auto acme = token_for("acme");
  const auto id_of = [&](const char* name) { return live_->snapshot()->tenant_by_name(name)->id.text(); };
  const auto foreign = id_of("other");
  const auto subject = "tenant=" + foreign + " --tenant " + foreign + " by tenant " + foreign;
  expect_status(call("POST", "/queue/hold", {{"subject", subject}}, acme), 200);
  EXPECT_EQ(call("GET", "/queue/directives", nullptr, acme).json["items"][0]["selector"],
            "tenant=acme subject=" + subject);
  const auto message = queue_message("acme", "held", "directive");
  const std::string order = " (01JDABCDEFGHJKMNPQRSTVWXYZ), given by tenant ";
  queue_.deliveries.back().reason =
      "hold of tenant=" + id_of("acme") + " subject=" + subject + order + id_of("acme") + " panel";
  queue_.deliveries.back().remedy = "bulkhead queue release --tenant " + id_of("acme") + " --subject '" + subject + "'";
  for (const auto& secret : {acme, std::string{}}) {
    const auto why = call("GET", "/queue/" + message + "/why", nullptr, secret).json["deliveries"][0];
    EXPECT_EQ(why["reason"]["text"], "hold of tenant=acme subject=" + subject + order + "acme panel");
    EXPECT_EQ(why["advice"], "bulkhead queue release --tenant acme --subject '" + subject + "'");
  }
  queue_.deliveries.back().reason_code = "deferred";
  queue_.deliveries.back().reason = "550 hold of tenant=" + foreign;
  EXPECT_EQ(call("GET", "/queue/" + message, nullptr, acme).json["deliveries"][0]["reason"]["text"],
            "550 hold of tenant=" + foreign);
}

TEST_F(DirectivesApi, AnOrderAboutAnothersAccountDoesNotTellItsId) {
  const auto acme = token_for("acme");
  expect_status(call("POST", "/queue/hold", {{"account", "ann@other.example"}}, acme), 200);
  const auto ann = directory_->account_by_address(*mail::Address::parse("ann@other.example")).value()->id;
  queue_.in_force[0].directive.selector.account_id = ann;
  const auto item = call("GET", "/queue/directives", nullptr, acme).json["items"][0];
  EXPECT_EQ(item["selector"], "tenant=acme account=ann@other.example");
  EXPECT_TRUE(item["ids"]["account"].is_null());
  EXPECT_EQ(call("GET", "/queue/directives").json["items"][0]["ids"]["account"], ann.text());
  queue_.in_force[0].directive.selector.account = "";
  EXPECT_EQ(call("GET", "/queue/directives", nullptr, acme).json["items"][0]["selector"], "tenant=acme");
}

TEST_F(DirectivesApi, ABounceOfAnAccountTellsItsReports) {
  queue_message("acme", "ready", "");
  const auto answer = call("POST", "/queue/bounce", {{"account", "ann@acme.example"}});
  EXPECT_EQ(answer.json["reports"]["told"], 1);
  EXPECT_EQ(answer.json["reports"]["unknown"], 0);
}

TEST_F(DirectivesApi, CountsByWhatIsAsked) {
  queue_message("acme", "ready", "");
  expect_status(call("GET", "/queue/top"), 200);
  EXPECT_EQ(queue_.top_by, queue::TopBy::kAccount);
  const auto top = call("GET", "/queue/top?by=tenant&limit=5");
  EXPECT_EQ(queue_.top_by, queue::TopBy::kTenant);
  EXPECT_EQ(top.json["items"][0]["key"], "acme");
  EXPECT_EQ(call("GET", "/queue/top?by=sender").json["items"][0]["tenant"], "acme");
  EXPECT_TRUE(call("GET", "/queue/top?by=site").json["items"][0]["tenant"].is_null());
  EXPECT_TRUE(call("GET", "/queue/top?by=source").json["items"][0]["tenant"].is_null());
  expect_status(call("GET", "/queue/top?by=weight"), 400);
  for (const char* selector : {"recipient=a@x.example", "subject=offer", "older_than=1h"}) {
    expect_status(call("GET", std::string{"/queue/top?"} + selector), 400);
  }
}

}  // namespace
}  // namespace bulkhead::admin
