// What a reseller's token may do, next to an operator's and a plain tenant's: one table of endpoints.
#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

// acme is a reseller that owns "child", which owns "grandchild"; "other" is a stranger. Names follow the tenant's:
// child.example, ann@child.example, child.test.
class ResellerTest : public AdminTest {
 protected:
  ResellerTest() {
    expect_status(call("PATCH", "/tenants/acme", {{"tenants_max", 3}}), 200);
    add_tenant("child", "192.0.2.3");
    add_tenant("grandchild", "192.0.2.4");
    expect_status(call("PATCH", "/tenants/child", {{"reseller", "acme"}, {"tenants_max", 1}}), 200);
    expect_status(call("PATCH", "/tenants/grandchild", {{"reseller", "child"}}), 200);
    for (const char* tenant : {"acme", "child", "grandchild", "other"}) {
      ids_[tenant] = queue_message(tenant, "scheduled", "");
      expect_status(call("PATCH", "/limits", {{"tenant", tenant}, {"messages", "5/1h"}}), 200);
      expect_status(call("POST", "/queue/hold", {{"tenant", tenant}}), 200);
    }
    reseller_ = token_for("acme");
    child_ = token_for("child");
    grandchild_ = token_for("grandchild");
    token_for("other");
  }
  // The names that a list shows, of those that tell the tenants apart.
  std::string tenants_in(const Json& json) {
    const auto text = dump(json);
    std::string seen;
    for (const auto& [name, mark] :
         std::map<std::string, std::vector<std::string>>{{"acme", {"\"acme\"", "acme.example"}},
                                                         {"child", {"\"child\"", "@child.example"}},
                                                         {"grandchild", {"\"grandchild\"", "@grandchild.example"}},
                                                         {"other", {"\"other\"", "other.example"}}}) {
      for (const auto& one : mark) {
        if (text.find(one) == std::string::npos) continue;
        seen += name + " ";
        break;
      }
    }
    return seen;
  }
  std::string export_with(const std::string& secret) {
    auto exported = call("GET", "/accounts/export", nullptr, secret);
    std::string csv;
    while (exported.reply.stream) {
      const auto piece = runner_.run(exported.reply.stream->next());
      if (!piece || piece->empty()) break;
      csv += *piece;
    }
    return csv;
  }
  std::map<std::string, std::string> ids_;
  std::string reseller_, child_, grandchild_;
};

TEST_F(ResellerTest, ListsItsOwnTenantsAndNoOthers) {
  for (const auto& endpoint : endpoints()) {
    if (endpoint.answer != Answer::kPage) continue;
    const std::string path{endpoint.path};
    if (path.starts_with("/reputation") || path == "/cases") continue;  // ReadsTheCasesOfWhatItOwns
    if (path == "/listings/zones") continue;                            // of the node
    EXPECT_EQ(tenants_in(call("GET", path, nullptr, reseller_).json), "acme child grandchild ") << path;
    if (path == "/tenants") continue;  // shows the name of a tenant's reseller
    EXPECT_EQ(tenants_in(call("GET", path, nullptr, child_).json), "child grandchild ") << path;
    EXPECT_EQ(tenants_in(call("GET", path + "?tenant=grandchild", nullptr, reseller_).json), "grandchild ") << path;
    expect_status(call("GET", path + "?tenant=other", nullptr, reseller_), 404);
    expect_status(call("GET", path + "?tenant=acme", nullptr, child_), 404);
  }
  EXPECT_EQ(call("GET", "/queue/count", nullptr, reseller_).json["deliveries"], 3);
  EXPECT_EQ(call("GET", "/queue/count", nullptr, child_).json["deliveries"], 2);
  EXPECT_EQ(call("GET", "/status", nullptr, reseller_).json["queue"]["deliveries"], 3);
  EXPECT_EQ(call("GET", "/status", nullptr, reseller_).json["sources"].size(), 3U);
  EXPECT_EQ(call("POST", "/queue/retry", {{"all", true}}, reseller_).json["matched"], 3);
  EXPECT_EQ(export_with(reseller_),
            "address,name,kind,state,quota,client_networks,former_addresses\nann@acme.example,Ann,person,active,0,,\n"
            "ann@child.example,Ann,person,active,0,,\nann@grandchild.example,Ann,person,active,0,,\n");
}

TEST_F(ResellerTest, PagesThroughTheAccountsOfSeveralTenantsInOrder) {
  std::vector<std::string> seen;
  std::string after;
  do {
    const auto page = call("GET", "/accounts?limit=1&after=" + proto::http::percent_encode(after), nullptr, reseller_);
    ASSERT_EQ(page.json["items"].size(), 1U);
    seen.push_back(page.json["items"][0]["address"]);
    after = page.json["next"].is_null() ? "" : page.json["next"].get<std::string>();
  } while (!after.empty());
  EXPECT_EQ(seen, (std::vector<std::string>{"ann@acme.example", "ann@child.example", "ann@grandchild.example"}));
}

// What stands for `{…}` in the paths, of each tenant.
std::string name_in(std::string_view parameter, const std::string& tenant, const std::string& message) {
  const std::map<std::string, std::string> ips{
      {"acme", "192.0.2.1"}, {"other", "192.0.2.2"}, {"child", "192.0.2.3"}, {"grandchild", "192.0.2.4"}};
  const std::map<std::string_view, std::string> names{{"tenant", tenant},
                                                      {"domain", tenant + ".example"},
                                                      {"address", ips.contains(tenant) ? ips.at(tenant) : "192.0.2.77"},
                                                      {"account", "ann@" + tenant + ".example"},
                                                      {"alias", "sales@" + tenant + ".example"},
                                                      {"route", tenant + ".test"},
                                                      {"token", "token of " + tenant},
                                                      {"name", ips.contains(tenant) ? ips.at(tenant) : "192.0.2.77"},
                                                      {"id", message}};
  return names.at(parameter);
}

// Each endpoint with a name in its path: readable for what the reseller owns, not found for a stranger's, in the same
// words as what does not exist.
TEST_F(ResellerTest, ReadsTheCasesOfWhatItOwns) {
  const auto own = quarantine_case("grandchild"), foreign = quarantine_case("other");
  const auto listed = call("GET", "/cases", nullptr, reseller_);
  ASSERT_EQ(listed.json["items"].size(), 1U);
  EXPECT_EQ(listed.json["items"][0]["name"], "ann@grandchild.example");
  expect_status(call("GET", "/cases/" + own, nullptr, reseller_), 200);
  expect_status(call("GET", "/cases/" + foreign, nullptr, reseller_), 404);
  expect_status(call("GET", "/reputation/ann@grandchild.example", nullptr, reseller_), 200);
  expect_status(call("GET", "/reputation/ann@other.example", nullptr, reseller_), 404);
}

TEST_F(ResellerTest, FindsByNameWhatItOwnsAndNothingOfOthers) {
  std::size_t tried = 0;
  const std::string foreign_order = call("POST", "/queue/hold", {{"tenant", "other"}}).json["directive"];
  for (const auto& endpoint : endpoints()) {
    const auto open = endpoint.path.find('{');
    if (open == std::string_view::npos || endpoint.path.starts_with("/trace/")) continue;
    if (endpoint.path.starts_with("/reputation/") || endpoint.path.starts_with("/cases/")) continue;  // below
    const auto close = endpoint.path.find('}');
    const auto parameter = endpoint.path.substr(open + 1, close - open - 1);
    const auto answer_for = [&](const std::string& tenant, const std::string& message) {
      const bool is_order = parameter == "directive";
      const auto name = !is_order           ? name_in(parameter, tenant, message)
                        : tenant == "other" ? foreign_order
                                            : "01JDABCDEFGHJKMNPQRSTVWXYZ";
      auto target = std::string{endpoint.path.substr(0, open)} + proto::http::percent_encode(name) +
                    std::string{endpoint.path.substr(close + 1)};
      if (parameter == "route" && tenant == "child") target += "?tenant=child";
      Json body = endpoint.input == Input::kJson ? Json::object() : Json(nullptr);
      if (endpoint.path.ends_with("/password")) body["password"] = "long enough";
      auto answer = call(std::string{endpoint.method}, target, body, reseller_);
      auto& text = answer.reply.response.body;
      for (auto at = text.find(name); at != std::string::npos; at = text.find(name)) {
        text.replace(at, name.size(), "NAME");
      }
      return answer;
    };
    const auto foreign = answer_for("other", ids_["other"]);
    const auto absent = answer_for("nobody", "01JDABCDEFGHJKMNPQRSTVWXYZ");
    expect_status(foreign, 404);
    EXPECT_EQ(foreign.reply.response.body, absent.reply.response.body) << endpoint.method << " " << endpoint.path;
    if (endpoint.method == "GET" || endpoint.method == "PATCH") {
      expect_status(answer_for("child", ids_["child"]), 200);
      expect_status(answer_for("grandchild", ids_["grandchild"]), 200);
    }
    ++tried;
  }
  EXPECT_GE(tried, 21U);
}

// What a tenant's token reads of an order on its mail, and of the mail that the order holds.
TEST_F(ResellerTest, AnOrderNamesWhoGaveItToThoseWhoKnowOfThem) {
  struct Shown {
    const char* given_by;
    std::string reader;  // its secret
    const char* by;
    bool has_id;
  };
  const std::vector<Shown> rows{{"acme", grandchild_, "a reseller above", false},
                                {"child", grandchild_, "the reseller child", true},
                                {"grandchild", grandchild_, "tenant grandchild panel", true},
                                {"other", grandchild_, "a reseller above", false},
                                {"acme", child_, "the reseller acme", true},
                                {"child", child_, "tenant child panel", true},
                                {"grandchild", child_, "tenant grandchild panel", true},
                                {"child", reseller_, "tenant child panel", true},
                                {"acme", "", "tenant acme panel", true}};
  const auto id_of = [&](const char* name) { return live_->snapshot()->tenant_by_name(name)->id; };
  const auto message = queue_message("grandchild", "held", "directive");
  auto& delivery = queue_.deliveries.back();
  for (const auto& row : rows) {
    queue::DirectiveView view;
    view.directive.id = queue::DirectiveId{Ulid{{1}}};
    view.directive.selector.tenant = id_of("grandchild");
    view.directive.by = "tenant " + id_of(row.given_by).text() + " panel";
    queue_.in_force = {view};
    const auto item = call("GET", "/queue/directives", nullptr, row.reader).json["items"][0];
    EXPECT_EQ(item["by"], row.by);
    EXPECT_EQ(item["ids"]["given_by"], row.has_id ? Json(id_of(row.given_by).text()) : Json(nullptr)) << row.by;
    const std::string order = " (" + view.directive.id.text() + "), given by ";
    delivery.reason = "hold of tenant=" + id_of("grandchild").text() + order + view.directive.by;
    for (const auto& path : {"/queue/" + message, "/queue/" + message + "/why"}) {
      const auto shown = call("GET", path, nullptr, row.reader).json["deliveries"][0];
      EXPECT_EQ(shown["reason"]["text"], "hold of tenant=grandchild" + order + row.by) << path;
    }
    const auto listed = call("GET", "/queue?state=held", nullptr, row.reader).json["items"][0];
    EXPECT_EQ(listed["reason"]["text"], "hold of tenant=grandchild" + order + row.by);
  }
}

TEST_F(ResellerTest, AnOrderOfTheOperatorOrOfACaseIsThatToATenant) {
  const auto by_for = [&](const std::string& secret) {
    return call("GET", "/queue/directives?tenant=child", nullptr, secret).json["items"][0]["by"].get<std::string>();
  };
  EXPECT_EQ(by_for(child_), "the server's operator");
  EXPECT_TRUE(by_for("").starts_with("operator "));
  for (auto& view : queue_.in_force) view.directive.by = "reputation 01JDABCDEFGHJKMNPQRSTVWXYZ";
  EXPECT_EQ(by_for(child_), "case 01JDABCDEFGHJKMNPQRSTVWXYZ");
  EXPECT_EQ(by_for(""), "reputation 01JDABCDEFGHJKMNPQRSTVWXYZ");
}

struct Row {
  const char* method;
  const char* target;
  Json body;
  int reseller, tenant, operator_;  // status for each kind of token; the tenant is "child", the reseller "acme"
};

TEST_F(ResellerTest, MayDoWhatTheTableSays) {
  const std::vector<Row> rows{
      {"PATCH", "/tenants/child", {{"postmaster", "p@child.example"}}, 200, 200, 200},
      {"PATCH", "/tenants/child", {{"state", "active"}}, 200, 403, 200},
      {"PATCH", "/tenants/child", {{"message_size_max", 1000000}}, 200, 403, 200},
      {"PATCH", "/tenants/child", {{"tenants_max", 2}}, 200, 403, 200},
      {"PATCH", "/tenants/child", {{"reseller", "acme"}}, 200, 403, 200},
      {"PATCH", "/tenants/child", {{"reseller", "other"}}, 404, 403, 200},
      {"PATCH", "/tenants/child", {{"reseller", "acme"}}, 404, 403, 200},
      {"PATCH", "/tenants/child", {{"reseller", nullptr}}, 403, 403, 200},
      {"PATCH", "/tenants/child", {{"reseller", "acme"}}, 404, 403, 200},
      {"PATCH", "/tenants/child", {{"shared_addresses", true}}, 403, 403, 200},
      {"POST", "/tenants", {{"name", "x"}, {"shared_addresses", true}}, 403, 403, 201},
      {"DELETE", "/tenants/child", nullptr, 409, 403, 409},
      {"DELETE", "/tenants/acme", nullptr, 403, 404, 409},
      {"PATCH", "/tenants/acme", {{"tenants_max", 100}}, 403, 404, 200},
      {"POST", "/domains", {{"name", "gmail.example"}, {"tenant", "child"}}, 403, 403, 201},
      {"PATCH", "/domains/child.example", {{"name", "gmail2.example"}}, 403, 403, 200},
      {"POST", "/domains", {{"name", "a.other.example"}, {"tenant", "child"}}, 403, 403, 201},
      {"POST", "/domains", {{"name", "a.acme.example"}, {"tenant", "other"}}, 404, 404, 201},
      {"POST", "/addresses", {{"ip", "192.0.2.50"}, {"tenant", "child"}}, 403, 403, 201},
      {"PATCH", "/addresses/192.0.2.3", {{"tenant", "grandchild"}}, 200, 200, 200},
      {"PATCH", "/addresses/192.0.2.3", {{"shared", true}}, 403, 403, 200},
      {"PATCH", "/addresses/192.0.2.99", {{"tenant", "child"}}, 404, 404, 200},
      {"POST", "/routes", {{"pattern", "*"}, {"host", "10.0.0.1"}, {"tenant", "child"}}, 403, 403, 201},
      {"POST", "/tokens", {{"name", "for all"}}, 403, 403, 201},
      {"POST", "/tokens", {{"name", "own"}, {"tenant", "acme"}}, 403, 404, 201},
      {"POST", "/tokens", {{"name", "foreign"}, {"tenant", "other"}}, 404, 404, 201},
      {"PATCH", "/accounts/ann@child.example", {{"client_networks", {"198.51.100.0/24"}}}, 403, 403, 200},
      {"PATCH", "/accounts/ann@child.example", {{"name", "Ann"}}, 200, 200, 200},
      {"GET", "/trace/verify", nullptr, 403, 403, 200},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(call(row.method, row.target, row.body, reseller_).status, row.reseller)
        << "reseller: " << row.method << " " << row.target << dump(row.body);
    EXPECT_EQ(call(row.method, row.target, row.body, child_).status, row.tenant)
        << "tenant: " << row.method << " " << row.target << dump(row.body);
    EXPECT_EQ(call(row.method, row.target, row.body).status, row.operator_)
        << "operator: " << row.method << " " << row.target << dump(row.body);
  }
}

TEST_F(ResellerTest, AddsTenantsUpToItsQuota) {
  const auto added = call("POST", "/tenants", {{"name", "third"}}, reseller_);
  expect_status(added, 201);
  EXPECT_EQ(added.json["reseller"], "acme");
  expect_status(call("POST", "/tenants", {{"name", "fourth"}}, reseller_), 403);
  expect_status(call("POST", "/tenants", {{"name", "fourth"}}), 201);
  expect_status(call("DELETE", "/tenants/third", nullptr, reseller_), 204);
  expect_status(call("POST", "/tenants", {{"name", "below"}, {"reseller", "child"}}, reseller_),
                403);  // child may own one, and does
  expect_status(call("POST", "/tenants", {{"name", "below"}, {"reseller", "other"}}, reseller_), 404);
  expect_status(call("POST", "/tenants", {{"name", "below"}}, child_), 403);
  expect_status(call("PATCH", "/tenants/grandchild", {{"reseller", "acme"}}, reseller_), 200);
  expect_status(call("POST", "/tenants", {{"name", "below"}}, child_), 201);
}

TEST_F(ResellerTest, ATenantWithAQuotaAddsItsFirst) {
  const auto secret = call("POST", "/tokens", {{"name", "t"}, {"tenant", "other"}}).json.value("secret", "");
  expect_status(call("POST", "/tenants", {{"name", "first"}}, secret), 403);
  expect_status(call("PATCH", "/tenants/other", {{"tenants_max", 1}}), 200);
  expect_status(call("POST", "/tenants", {{"name", "first"}}, secret), 201);
  expect_status(call("POST", "/tenants", {{"name", "second"}}, secret), 403);
  EXPECT_EQ(call("GET", "/tenants", nullptr, secret).json["items"].size(), 2U);
}

TEST_F(ResellerTest, GivesItsTenantsDomainsBelowItsOwnAndTokens) {
  expect_status(call("POST", "/domains", {{"name", "c.acme.example"}, {"tenant", "child"}}, reseller_), 201);
  expect_status(call("PATCH", "/domains/c.acme.example", {{"name", "d.acme.example"}}, reseller_), 200);
  expect_status(call("DELETE", "/domains/d.acme.example", nullptr, child_), 403);
  expect_status(call("DELETE", "/domains/d.acme.example", nullptr, reseller_), 204);
  const auto made = call("POST", "/tokens", {{"name", "panel"}, {"tenant", "grandchild"}}, reseller_);
  expect_status(made, 201);
  EXPECT_EQ(tenants_in(call("GET", "/tenants", nullptr, made.json.value("secret", "")).json), "child grandchild ")
      << "its own, whose reseller's name it sees";
  expect_status(call("DELETE", "/tokens/panel", nullptr, reseller_), 204);
}

TEST_F(ResellerTest, SeesTheTraceOfItsTenants) {
  trace::Event event;
  event.kind = trace::EventKind::kDelivered;
  event.id = MessageId::make(clock_, random_);
  event.tenant = live_->snapshot()->tenant_by_name("grandchild")->id;
  trace_.record(event);
  expect_status(call("GET", "/trace/" + event.id.text(), nullptr, reseller_), 200);
  expect_status(call("GET", "/trace/" + event.id.text(), nullptr, child_), 200);
  event.id = MessageId::make(clock_, random_);
  event.tenant = live_->snapshot()->tenant_by_name("other")->id;
  trace_.record(event);
  expect_status(call("GET", "/trace/" + event.id.text(), nullptr, reseller_), 404);
  expect_status(call("GET", "/trace/follow", nullptr, reseller_), 200);
  EXPECT_FALSE(trace::matches(trace_.followed, event));
}

using FormerNames = AdminTest;

TEST_F(FormerNames, FindATenantUntilTheyAreRemovedOrTaken) {
  expect_status(call("PATCH", "/tenants/acme", {{"name", "acme-group"}}), 200);
  EXPECT_EQ(call("GET", "/tenants/acme").json["name"], "acme-group");
  EXPECT_EQ(call("GET", "/tenants/acme").json["former_names"], Json::array({"acme"}));
  EXPECT_EQ(call("GET", "/accounts?tenant=acme").json["items"].size(), 1U);
  expect_status(call("PATCH", "/tenants/acme-group", {{"name", "acme-two"}}), 200);
  expect_status(call("DELETE", "/tenants/acme-group"), 204);
  expect_status(call("GET", "/tenants/acme-group"), 404);
  expect_status(call("POST", "/tenants", {{"name", "acme"}}), 201);
  EXPECT_EQ(call("GET", "/tenants/acme").json["name"], "acme") << "taken by another";
  EXPECT_EQ(call("GET", "/tenants/acme-two").json["former_names"], Json::array());
  expect_status(call("DELETE", "/tenants/acme"), 204);
}

TEST_F(FormerNames, OfADomainAreRemovedByThemselves) {
  expect_status(call("PATCH", "/domains/acme.example", {{"name", "acme-group.example"}}), 200);
  expect_status(call("POST", "/domains", {{"name", "acme.example"}, {"tenant", "other"}}), 409);
  expect_status(call("DELETE", "/domains/Acme.example"), 204);
  expect_status(call("GET", "/domains/acme.example"), 404);
  expect_status(call("GET", "/domains/acme-group.example"), 200);
  expect_status(call("POST", "/domains", {{"name", "acme.example"}, {"tenant", "other"}}), 201);
}

TEST_F(FormerNames, OfAnAccountAreRemovedByThemselves) {
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"address", "anna@acme.example"}}), 200);
  expect_status(call("POST", "/accounts", {{"address", "ann@acme.example"}}), 409);
  expect_status(call("DELETE", "/accounts/ann@acme.example"), 204);
  expect_status(call("GET", "/accounts/anna@acme.example"), 200);
  expect_status(call("POST", "/accounts", {{"address", "ann@acme.example"}}), 201);
}

}  // namespace
}  // namespace bulkhead::admin
