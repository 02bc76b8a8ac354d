// Queue, trace and status through the API; who gets in; and what is served to anybody.
#include <set>

#include "src/admin/rest/openapi.h"
#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

using QueueApi = AdminTest;
using TraceApi = AdminTest;
using StatusApi = AdminTest;
using Access = AdminTest;
using OpenApi = AdminTest;

TEST_F(QueueApi, SaysWhyAMessageWaits) {
  const auto id = queue_message("acme", "held", "no-source");
  const auto why = call("GET", "/queue/" + id + "/why");
  expect_status(why, 200);
  const auto& delivery = why.json["deliveries"][0];
  EXPECT_EQ(delivery["reason"]["code"], "no-source");
  EXPECT_NE(delivery["advice"].get<std::string>().find("ip address add 192.0.2.1/32 dev eth0"), std::string::npos);
  EXPECT_EQ(call("GET", "/queue/" + id).json["deliveries"][0]["subject"], "Hello");
  expect_status(call("GET", "/queue/01JDABCDEFGHJKMNPQRSTVWXYZ"), 404);
  expect_status(call("GET", "/queue/x/why"), 404);
}

TEST_F(QueueApi, ListsInPagesAndCounts) {
  for (int i = 0; i < 3; ++i) {
    clock_.advance(std::chrono::seconds{1});
    queue_message("acme", "scheduled", "");
  }
  const auto first = call("GET", "/queue?limit=2");
  EXPECT_EQ(first.json["items"].size(), 2U);
  const auto rest =
      call("GET", "/queue?limit=2&after=" + proto::http::percent_encode(first.json["next"].get<std::string>()));
  EXPECT_EQ(rest.json["items"].size(), 1U);
  EXPECT_TRUE(rest.json["next"].is_null());
  EXPECT_EQ(call("GET", "/queue/count?tenant=acme").json["deliveries"], 3);
  EXPECT_EQ(call("GET", "/queue/count?tenant=other").json["deliveries"], 0);
}

TEST_F(QueueApi, SearchesForAnAccountThatIsNotThereSaySo) {
  const auto acme = token_for("acme");
  for (const char* path : {"/queue", "/queue/count", "/trace"}) {
    const auto warnings = [&](const std::string& account, const std::string& secret = {}) {
      return call("GET", std::string{path} + "?account=" + account, nullptr, secret).json.value("warnings", Json{});
    };
    const auto missing = [](const std::string& account) {
      return Json::array({"there is no account " + account + " now"});
    };
    EXPECT_TRUE(warnings("ann@acme.example").is_null()) << path;
    EXPECT_TRUE(warnings("").is_null()) << path;
    EXPECT_EQ(warnings("anna@acme.example"), missing("anna@acme.example")) << path;
    EXPECT_EQ(warnings("anna"), missing("anna")) << path;
    EXPECT_EQ(warnings("ann@other.example", acme), missing("ann@other.example")) << path;
  }
  queue_message("acme", "ready", "");
  EXPECT_FALSE(call("GET", "/queue?account=removed@acme.example").json.contains("warnings")) << "its mail is there";
}

TEST_F(QueueApi, RefusesSelectorsThatAreMalformed) {
  for (const char* selector :
       {"source=x", "client_ip=1.2.3", "id=7", "state=asleep", "older_than=soon", "older_than=1w"}) {
    expect_status(call("GET", std::string{"/queue?"} + selector), 400);
  }
  expect_status(call("GET", "/queue?tenant=nobody"), 404);
  expect_status(call("GET", "/queue?older_than=5d"), 200);
}

TEST_F(QueueApi, RetriesOnlyWhatIsNamed) {
  queue_message("acme", "scheduled", "");
  expect_status(call("POST", "/queue/retry", Json::object()), 400);
  expect_status(call("POST", "/queue/retry", {{"all", false}}), 400);
  EXPECT_TRUE(queue_.retried.empty());
  EXPECT_EQ(call("POST", "/queue/retry", {{"all", true}}).json["deliveries"], 1);
  expect_status(call("POST", "/queue/retry", {{"recipient_domain", "remote.example"}}), 200);
  EXPECT_EQ(queue_.retried.back().recipient_domain, "remote.example");
}

TEST_F(QueueApi, FindsNoMessageToRetryThatIsNotThere) {
  const auto id = queue_message("acme", "ready", "");
  expect_status(call("POST", "/queue/retry", {{"id", id}}), 200);
  expect_status(call("POST", "/queue/retry", {{"id", "01JDABCDEFGHJKMNPQRSTVWXYZ"}}), 404);
}

TEST_F(QueueApi, RecordsWhoRetriedWhat) {
  queue_message("acme", "scheduled", "");
  expect_status(call("POST", "/queue/retry", {{"tenant", "acme"}}), 200);
  EXPECT_EQ(trace_.last().kind, trace::EventKind::kChanged);
  EXPECT_EQ(trace_.last().detail, "queue: retry of 1 delivery of 1 message; selected by tenant \"acme\"");
}

TEST_F(QueueApi, SelectsTheNullSender) {
  expect_status(call("POST", "/queue/retry", {{"sender", "<>"}}), 200);
  EXPECT_EQ(queue_.retried.back().sender, "<>");
  expect_status(call("POST", "/queue/retry", {{"site", "x.example"}}), 200);
  EXPECT_EQ(queue_.retried.back().sender, "");
  expect_status(call("GET", "/trace/follow?sender=%3C%3E"), 200);
  EXPECT_EQ(trace_.followed.sender, "<>");
  trace::Event bounce;
  EXPECT_FALSE(trace::matches(trace_.followed, bounce)) << "not about a message";
  bounce.id = MessageId::make(clock_, random_);
  EXPECT_TRUE(trace::matches(trace_.followed, bounce));
  bounce.sender = "a@b.example";
  EXPECT_FALSE(trace::matches(trace_.followed, bounce));
}

TEST_F(Access, NoFilterIsGivenWithoutAValue) {
  for (const char* target :
       {"/trace?account=", "/trace?sender=", "/trace/follow?tenant=", "/queue?account=", "/queue/count?site=%20",
        "/queue/top?by=", "/queue/directives?tenant=", "/limits?account=", "/reputation?tenant=", "/cases?name=",
        "/cases?tenant=&status=open", "/listings?address=", "/reputation/policy?rule="}) {
    const auto answer = call("GET", target);
    expect_status(answer, 400);
    const auto message = answer.json["error"].value("message", "");
    EXPECT_NE(message.find("is given without a value"), std::string::npos) << target << message;
  }
  expect_status(call("GET", "/queue?after="), 200);
  expect_status(call("PATCH", "/reputation/policy", {{"tenant", ""}, {"shadow", true}}), 400);
  expect_status(call("PATCH", "/limits", {{"account", ""}, {"tenant", "acme"}, {"messages", "5/1h"}}), 400);
  expect_status(call("DELETE", "/limits?account=&tenant=acme"), 400);
  const auto token = call("POST", "/tokens", {{"name", "of nobody"}, {"tenant", ""}});
  expect_status(token, 400);
  EXPECT_FALSE(token.json.contains("secret")) << "it would be an operator's";
}

TEST_F(QueueApi, WhyNamesTheCaseThatRestrainsAMessage) {
  const auto acme = token_for("acme");
  const auto id = queue_message("acme", "ready", "reputation");
  EXPECT_FALSE(call("GET", "/queue/" + id + "/why").json["deliveries"][0].contains("case")) << "there is none";
  const auto case_id = quarantine_case("acme");
  fake_desk_->all.back().until = clock_.now() + std::chrono::hours{5};
  auto message = std::make_shared<queue::Message>(*queue_.deliveries.back().message);
  message->account = fake_desk_->all.back().key.account_id();
  queue_.deliveries.back().message = message;
  const auto why = call("GET", "/queue/" + id + "/why", nullptr, acme).json["deliveries"][0];
  EXPECT_EQ(why["case"], case_id);
  EXPECT_EQ(why["reason"]["until"], to_rfc3339(clock_.now() + std::chrono::hours{5}));
  EXPECT_NE(why["advice"].get<std::string>().find("bulkhead case release " + case_id), std::string::npos) << why;
  fake_desk_->all.back().tenant = TenantId{};
  EXPECT_FALSE(call("GET", "/queue/" + id + "/why", nullptr, acme).json["deliveries"][0].contains("case"))
      << "the node's";
  fake_desk_->all.back().status = Case::Status::kReleased;
  EXPECT_FALSE(call("GET", "/queue/" + id + "/why").json["deliveries"][0].contains("case"));
}

TEST_F(StatusApi, CountsOpenCasesAndWhatIsRestricted) {
  quarantine_case("acme");
  quarantine_case("other");
  fake_desk_->all.back().state = State::kThrottled;
  fake_desk_->all.back().status = Case::Status::kClosed;
  quarantine_case("acme");  // of the same account
  fake_desk_->all.push_back({});
  fake_desk_->all.back().status = Case::Status::kExpired;
  const auto all = call("GET", "/status").json;
  EXPECT_EQ(all["cases"], Json({{"open", 2}}));
  EXPECT_EQ(all["restricted"], Json({{"throttled", 1}, {"quarantined", 1}}));
  const auto others = call("GET", "/status", nullptr, token_for("other")).json;
  EXPECT_EQ(others["cases"], Json({{"open", 0}}));
  EXPECT_EQ(others["restricted"], Json({{"throttled", 1}, {"quarantined", 0}}));
}

TEST_F(TraceApi, RefusesATimeThatEndsBeforeItBegins) {
  expect_status(call("GET", "/trace?since=2026-11-23&until=2026-11-22"), 400);
  expect_status(call("GET", "/trace?since=2026-11-22&until=2026-11-23"), 200);
}

TEST_F(TraceApi, FindsTheEventsOfAMessage) {
  trace::Event event;
  event.at = clock_.now();
  event.kind = trace::EventKind::kDelivered;
  event.id = MessageId::make(clock_, random_);
  event.tenant = live_->snapshot()->tenant_by_name("acme")->id;
  event.recipients = {"a@b.example", "c@b.example"};
  trace_.record(event);
  const auto shown = call("GET", "/trace/" + event.id.text());
  expect_status(shown, 200);
  EXPECT_EQ(shown.json["events"][0]["recipient"], "a@b.example, c@b.example");
  EXPECT_EQ(call("GET", "/trace?event=delivered").json["items"].size(), 1U);
  for (const char* since : {"since=1h", "since=1h%20ago", "since=2001-01-01", "since=2001-01-01T00:00:00Z"}) {
    EXPECT_EQ(call("GET", std::string{"/trace?event=delivered&"} + since).json["items"].size(), 1U) << since;
  }
  for (const char* filter : {"event=nothing", "since=yesterday", "id=7", "client_ip=x", "limit=0"}) {
    expect_status(call("GET", std::string{"/trace?"} + filter), 400);
  }
  const auto verified = call("GET", "/trace/verify").json;
  EXPECT_EQ(verified["intact"], true);
  EXPECT_EQ(verified["unsettled"], 0);
}

TEST_F(TraceApi, NamesTheEventsThatThereAre) {
  const auto answer = call("GET", "/trace?event=bounce");
  expect_status(answer, 400);
  EXPECT_NE(answer.json["error"]["advice"].get<std::string>().find("bounced, expired"), std::string::npos)
      << answer.json;
}

TEST_F(TraceApi, SearchesPageByPageThroughEventsOfTheSameTime) {
  for (int i = 0; i < 7; ++i) {
    trace::Event event;
    event.at = clock_.now() - std::chrono::seconds{i < 2 ? 0 : 1};  // the fake gives them in this order
    event.kind = trace::EventKind::kDelivered;
    event.id = MessageId::make(clock_, random_);
    event.tenant = live_->snapshot()->tenant_by_name("acme")->id;
    event.subject = std::to_string(i);
    trace_.record(event);
  }
  std::multiset<std::string> seen;
  std::string after;
  int pages = 0;
  do {
    const auto page = call("GET", "/trace?event=delivered&limit=2&after=" + after);
    expect_status(page, 200);
    for (const auto& event : page.json["items"]) seen.insert(event["subject"].get<std::string>());
    after = page.json["next"].is_null() ? "" : page.json["next"].get<std::string>();
    ++pages;
  } while (!after.empty() && pages < 10);
  EXPECT_EQ(pages, 4);
  EXPECT_EQ(seen, (std::multiset<std::string>{"0", "1", "2", "3", "4", "5", "6"}));
  for (const char* bad : {"x", "1", "1.", "1.x", ".1", "1.1x", "1.99999999"}) {
    expect_status(call("GET", std::string{"/trace?after="} + bad), 400);
  }
}

TEST_F(TraceApi, FollowsEventsAsTheyHappen) {
  auto followed = call("GET", "/trace/follow?tenant=acme");
  expect_status(followed, 200);
  ASSERT_NE(followed.reply.stream, nullptr);
  EXPECT_EQ(trace_.followed.tenant, live_->snapshot()->tenant_by_name("acme")->id);
  EXPECT_EQ(*runner_.run(followed.reply.stream->next()), "\n") << "a sign of life at once";
  expect_status(call("PATCH", "/tenants/acme", {{"postmaster", "p@acme.example"}}), 200);
  const auto lines = runner_.run(followed.reply.stream->next());
  EXPECT_NE(lines->find(R"("event":"changed")"), std::string::npos) << *lines;
}

TEST_F(TraceApi, AFollowerEndsWithItsToken) {
  const auto secret = token_for("acme");
  auto followed = call("GET", "/trace/follow", nullptr, secret);
  expect_status(followed, 200);
  EXPECT_EQ(*runner_.run(followed.reply.stream->next()), "\n");
  expect_status(call("PATCH", "/tenants/acme", {{"postmaster", "p@acme.example"}}), 200);
  EXPECT_NE(runner_.run(followed.reply.stream->next())->find("changed"), std::string::npos);
  ASSERT_TRUE(directory_->remove_token(live_->snapshot()->tokens().back().id));
  ASSERT_TRUE(live_->refresh());
  EXPECT_EQ(*runner_.run(followed.reply.stream->next()), "") << "the end";
}

TEST_F(StatusApi, TellsTheOperatorAllAndATenantItsOwn) {
  queue_message("other", "ready", "");
  const auto full = call("GET", "/status");
  EXPECT_EQ(full.json["node"], "mx1.isp.example");
  EXPECT_EQ(full.json["sources"].size(), 3U);
  EXPECT_EQ(full.json["sessions"]["smtp"], 5);
  EXPECT_EQ(full.json["queue"]["deliveries"], 1);
  const auto own = call("GET", "/status", nullptr, token_for("acme"));
  EXPECT_EQ(own.json["sources"].size(), 1U);
  EXPECT_EQ(own.json["queue"]["deliveries"], 0);
  EXPECT_FALSE(own.json.contains("store"));
}

TEST_F(Access, NeedsACredential) {
  expect_status(call("GET", "/status", nullptr, "bh_wrong"), 401);
  EXPECT_EQ(handler_->authentication_failures(), 1U);
  HttpContext context{runner_.shard(), runner_.group(), clock_, std::nullopt, *SocketAddress::parse("198.51.100.7:1")};
  proto::http::Request request{.method = "GET", .path = "/api/v1/status", .query = {}, .headers = {}, .body = {}};
  EXPECT_EQ(runner_.run(handler_->handle(context, request)).response.status, 401);
  context.unix_peer = net::UnixPeer{1000, 1};
  EXPECT_EQ(runner_.run(handler_->handle(context, request)).response.status, 401) << "not an operator's uid";
  context.unix_peer = net::UnixPeer{0, 1};
  EXPECT_EQ(runner_.run(handler_->handle(context, request)).response.status, 200);
  request.headers.push_back({"Authorization", "Basic eDp5"});
  context.unix_peer.reset();
  EXPECT_EQ(runner_.run(handler_->handle(context, request)).response.status, 401);
}

TEST_F(Access, ServesHealthToAnybody) {
  const auto get = [&](const std::string& path) { return send({}, "GET", path, "bh_wrong").status; };
  EXPECT_EQ(get("/healthz"), 200);
  EXPECT_EQ(get("/readyz"), 200);
  EXPECT_EQ(get("/api/v1/openapi.json"), 200);
  EXPECT_EQ(get("/"), 404);
  store_.refuse_new(Error{ErrorCode::kFull, "disk full", ""});
  EXPECT_EQ(get("/readyz"), 503);
}

TEST_F(Access, ServesHealthOnTheMetricsPortToo) {
  bool is_ready = true;
  MetricsHandler metrics{[] { return std::string{"m 1\n"}; }, [&is_ready] { return is_ready; }};
  HttpContext context{runner_.shard(), runner_.group(), clock_, std::nullopt, {}};
  const auto get = [&](const std::string& path) {
    proto::http::Request request{.method = "GET", .path = path, .query = {}, .headers = {}, .body = {}};
    return runner_.run(metrics.handle(context, request)).response.status;
  };
  EXPECT_EQ(get("/healthz"), 200);
  EXPECT_EQ(get("/readyz"), 200);
  EXPECT_EQ(get("/metrics"), 200);
  EXPECT_EQ(get("/api/v1/status"), 404);
  is_ready = false;
  EXPECT_EQ(get("/readyz"), 503);
  EXPECT_EQ(get("/healthz"), 200);
}

TEST_F(Access, TellsAWrongPathFromAWrongMethod) {
  expect_status(call("GET", "/nothing"), 404);
  const auto wrong = call("DELETE", "/tenants");
  expect_status(wrong, 405);
  EXPECT_EQ(wrong.reply.response.headers.back().value, "GET, POST");
  proto::http::Request request;
  request.body = "{";
  expect_status(send(request, "POST", "/api/v1/tenants", ""), 400);
  request.body = std::string(100'000, '[');
  expect_status(send(request, "POST", "/api/v1/tenants", ""), 400);
  request.body = "[]";
  expect_status(send(request, "POST", "/api/v1/tenants", ""), 400);
}

// Every endpoint that takes something of a tenant, tried by another tenant's token.
TEST_F(Access, ShowsATenantNothingOfAnother) {
  const auto secret = token_for("acme");
  const auto foreign_id = queue_message("other", "held", "no-source");
  const std::string foreign_order = call("POST", "/queue/hold", {{"tenant", "other"}}).json["directive"];
  const std::map<std::string, std::pair<std::string, std::string>> names{
      {"tenant", {"other", "nobody"}},
      {"domain", {"other.example", "nobody.example"}},
      {"address", {"192.0.2.2", "192.0.2.77"}},
      {"account", {"ann@other.example", "ann@nobody.example"}},
      {"alias", {"sales@other.example", "sales@nobody.example"}},
      {"name", {"192.0.2.2", "192.0.2.77"}},
      {"route", {"other.test", "nobody.test"}},
      {"token", {"token of other", "token of nobody"}},
      {"id", {foreign_id, "01JDABCDEFGHJKMNPQRSTVWXYZ"}},
      {"key", {"ann@other.example", "ann@nobody.example"}},
      {"case", {quarantine_case("other"), "01JDABCDEFGHJKMNPQRSTVWXYZ"}},
      {"directive", {foreign_order, "01JDABCDEFGHJKMNPQRSTVWXYZ"}},
  };
  token_for("other");
  std::size_t tried = 0;
  for (const auto& endpoint : endpoints()) {
    const auto open = endpoint.path.find('{');
    if (open == std::string_view::npos) continue;
    const auto close = endpoint.path.find('}');
    const auto& [foreign, absent] = names.at(std::string{endpoint.path.substr(open + 1, close - open - 1)});
    const auto try_name = [&](const std::string& name) {
      const auto target = std::string{endpoint.path.substr(0, open)} + proto::http::percent_encode(name) +
                          std::string{endpoint.path.substr(close + 1)};
      const Json body = endpoint.input == Input::kJson ? Json::object() : Json(nullptr);
      auto answer = call(std::string{endpoint.method}, target, body, secret);
      auto& text = answer.reply.response.body;
      for (auto at = text.find(name); at != std::string::npos; at = text.find(name))
        text.replace(at, name.size(), "NAME");
      return answer;
    };
    const auto of_foreign = try_name(foreign);
    const auto of_absent = try_name(absent);
    // Some look at the body first, and refuse an empty one whomever it is about.
    const bool looks_at_body = endpoint.path.find("password") != std::string_view::npos || of_absent.status == 400;
    EXPECT_EQ(of_foreign.status, looks_at_body ? of_absent.status : 404) << endpoint.path;
    EXPECT_EQ(of_foreign.reply.response.body, of_absent.reply.response.body) << endpoint.method << " " << endpoint.path;
    ++tried;
  }
  EXPECT_GE(tried, 22U);
}

TEST_F(Access, ListsATenantOnlyItsOwn) {
  const auto secret = token_for("acme");
  queue_message("other", "held", "no-source");
  quarantine_case("other");
  for (const auto& endpoint : endpoints()) {
    if (endpoint.answer != Answer::kPage) continue;
    const std::string path{endpoint.path};
    if (path.starts_with("/reputation/")) continue;  // of the node, or of somebody who is named
    if (path == "/listings/zones") continue;         // LeavesWhatTouchesOthersToTheOperator
    const auto own = call("GET", path, nullptr, secret);
    expect_status(own, 200);
    EXPECT_EQ(dump(own.json).find("other"), std::string::npos) << path << dump(own.json);
    if (path == "/tenants") continue;
    const auto foreign = call("GET", path + "?tenant=other", nullptr, secret);
    const auto absent = call("GET", path + "?tenant=nobody", nullptr, secret);
    expect_status(foreign, 404);
    expect_status(absent, 404);
  }
  for (const char* path : {"/queue/count", "/trace/follow", "/accounts/export"}) {
    expect_status(call("GET", std::string{path} + "?tenant=other", nullptr, secret), 404);
  }
  expect_status(call("POST", "/queue/retry", {{"tenant", "other"}}, secret), 404);
}

TEST_F(Access, LeavesWhatTouchesOthersToTheOperator) {
  const auto secret = token_for("acme");
  const auto expect_forbidden = [&](const char* method, const char* target, const Json& body) {
    expect_status(call(method, target, body, secret), 403);
  };
  expect_forbidden("GET", "/listings/zones", nullptr);
  expect_forbidden("POST", "/tenants", {{"name", "mine"}});
  expect_forbidden("PATCH", "/tenants/acme", {{"state", "active"}});
  expect_forbidden("DELETE", "/tenants/acme", nullptr);
  expect_forbidden("POST", "/domains", {{"name", "gmail.example"}, {"tenant", "acme"}});
  expect_forbidden("PATCH", "/domains/acme.example", {{"name", "gmail.example"}});
  expect_forbidden("POST", "/addresses", {{"ip", "192.0.2.50"}, {"tenant", "acme"}});
  expect_forbidden("PATCH", "/addresses/192.0.2.1", {{"shared", true}});
  expect_forbidden("POST", "/routes", {{"pattern", "*"}, {"host", "10.0.0.1"}});
  expect_forbidden("POST", "/tokens", {{"name", "more"}});
  expect_forbidden("PATCH", "/accounts/ann@acme.example", {{"client_networks", {"0.0.0.0/0"}}});
  expect_status(call("GET", "/trace/verify", nullptr, secret), 403);
  expect_status(call("POST", "/accounts", {{"address", "x@other.example"}}, secret), 404);
  expect_status(call("POST", "/aliases", {{"from", "x@other.example"}, {"to", {"a@b.example"}}}, secret), 404);
  expect_status(call("POST", "/accounts", {{"address", "x@acme.example"}}, secret), 201);
  EXPECT_EQ(trace_.last().user, "token token of acme");
}

TEST_F(OpenApi, DescribesEveryEndpoint) {
  const auto document = openapi_document("1");
  std::set<std::string> operation_ids;
  std::set<std::string_view> known;
  for (const auto& schema : schemas()) known.insert(schema.name);
  for (const auto& endpoint : endpoints()) {
    EXPECT_TRUE(operation_ids.insert(operation_id(endpoint)).second) << operation_id(endpoint);
    EXPECT_FALSE(endpoint.summary.empty());
    std::string method{endpoint.method};
    for (char& c : method) c = static_cast<char>(std::tolower(c));
    const auto& operation = document["paths"]["/api/v1" + std::string{endpoint.path}][method];
    EXPECT_TRUE(operation["responses"].contains(std::to_string(endpoint.status)));
    EXPECT_TRUE(endpoint.schema.empty() || known.contains(endpoint.schema)) << endpoint.schema;
    for (const auto& field : endpoint.body) EXPECT_FALSE(field.description.empty()) << field.name;
  }
}

void expect_fields(const Json& json, std::string_view schema_name) {
  for (const auto& schema : schemas()) {
    if (schema.name != schema_name) continue;
    for (const auto& field : schema.fields) {
      EXPECT_TRUE(field.need == Need::kOptional || json.contains(std::string{field.name}))
          << schema_name << "." << field.name;
    }
    if (schema_name == "Event" || schema_name == "Status") return;
    for (const auto& [name, unused] : json.items()) {
      EXPECT_TRUE(std::ranges::any_of(schema.fields, [&name = name](const Field& f) { return f.name == name; }))
          << schema_name << " does not describe " << name;
    }
    return;
  }
  ADD_FAILURE() << "no schema " << schema_name;
}

TEST_F(OpenApi, DescribesWhatTheAnswersHold) {
  token_for("acme");
  const auto id = queue_message("acme", "held", "no-source");
  trace::Event event;
  event.id = *MessageId::parse(id);
  trace_.record(event);
  expect_status(call("POST", "/queue/hold", {{"tenant", "acme"}}), 200);
  const std::map<std::string, std::string> names{{"key", "ann@acme.example"},
                                                 {"case", quarantine_case("acme")},
                                                 {"tenant", "acme"},
                                                 {"domain", "acme.example"},
                                                 {"address", "192.0.2.1"},
                                                 {"account", "ann@acme.example"},
                                                 {"alias", "sales@acme.example"},
                                                 {"name", "192.0.2.1"},
                                                 {"id", id}};
  std::size_t compared = 0;
  for (const auto& endpoint : endpoints()) {
    if (endpoint.method != "GET" || (endpoint.answer != Answer::kOne && endpoint.answer != Answer::kPage)) continue;
    std::string target{endpoint.path};
    if (const auto open = target.find('{'); open != std::string::npos) {
      const auto close = target.find('}');
      target.replace(open, close - open + 1, names.at(target.substr(open + 1, close - open - 1)));
    }
    const auto answer = call("GET", target);
    expect_status(answer, 200);
    if (endpoint.answer == Answer::kOne) {
      expect_fields(answer.json, endpoint.schema);
    } else {
      ASSERT_FALSE(answer.json["items"].empty()) << target;
      expect_fields(answer.json["items"][0], endpoint.schema);
    }
    ++compared;
  }
  EXPECT_GE(compared, 22U);
}

}  // namespace
}  // namespace bulkhead::admin
