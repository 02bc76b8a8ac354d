// The nouns of the directory through the API: happy paths, refusals, and what the trace keeps.
#include <algorithm>

#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

using TenantApi = AdminTest;
using DomainApi = AdminTest;
using AddressApi = AdminTest;
using AccountApi = AdminTest;
using AliasApi = AdminTest;
using RouteApi = AdminTest;
using TokenApi = AdminTest;
using TargetApi = AdminTest;

TEST_F(TenantApi, AddsShowsRenamesAndRemoves) {
  const auto added =
      call("POST", "/tenants", {{"name", "new"}, {"postmaster", "pm@acme.example"}, {"reseller", "acme"}});
  expect_status(added, 201);
  EXPECT_EQ(added.json["reseller"], "acme");
  EXPECT_EQ(added.json["state"], "active");
  expect_status(call("PATCH", "/tenants/new", {{"name", "newer"}}), 200);
  EXPECT_NE(trace_.last().detail.find("name from \"new\" to \"newer\""), std::string::npos) << trace_.last().detail;
  EXPECT_EQ(trace_.last().user, "uid 0");
  EXPECT_EQ(call("GET", "/tenants/new").json["name"], "newer") << "the old name goes on finding it";
  EXPECT_EQ(call("GET", "/tenants/newer").json["id"], added.json["id"]);
  EXPECT_EQ(call("GET", "/tenants/" + added.json["id"].get<std::string>()).json["name"], "newer")
      << "ids are names too";
  expect_status(call("DELETE", "/tenants/newer"), 204);
  expect_status(call("DELETE", "/tenants/newer"), 404);
}

TEST_F(TenantApi, SuspendsAndResumes) {
  expect_status(call("PATCH", "/tenants/acme", {{"state", "suspended"}}), 200);
  EXPECT_EQ(live_->snapshot()->tenant_by_name("acme")->suspension, tenants::Suspension::kSuspended) << "live at once";
  expect_status(call("PATCH", "/tenants/acme", {{"state", "active"}}), 200);
  expect_status(call("PATCH", "/tenants/acme", {{"state", "asleep"}}), 400);
}

TEST_F(TenantApi, RefusesWhatCannotBe) {
  expect_status(call("POST", "/tenants", {{"name", "acme"}}), 409);
  expect_status(call("POST", "/tenants", {{"name", "Not A Name"}}), 400);
  expect_status(call("POST", "/tenants", Json::object()), 400);
  expect_status(call("POST", "/tenants", {{"name", 7}}), 400);
  expect_status(call("POST", "/tenants", {{"name", "x"}, {"colour", "red"}}), 400);
  expect_status(call("PATCH", "/tenants/acme", {{"recipients_max", 0}}), 400);
  expect_status(call("PATCH", "/tenants/acme", {{"postmaster", "nobody"}}), 400);
  expect_status(call("PATCH", "/tenants/acme", {{"certificate", "no PEM"}, {"key", "no PEM"}}), 400);
  expect_status(call("DELETE", "/tenants/acme"), 409);
  EXPECT_EQ(call("GET", "/tenants/nobody").json["error"]["code"], "not-found");
}

TEST_F(TenantApi, ListsInPagesByName) {
  for (const char* name : {"c", "b", "a"}) expect_status(call("POST", "/tenants", {{"name", name}}), 201);
  const auto first = call("GET", "/tenants?limit=2");
  ASSERT_EQ(first.json["items"].size(), 2U);
  EXPECT_EQ(first.json["items"][0]["name"], "a");
  EXPECT_EQ(first.json["next"], "acme");
  const auto rest = call("GET", "/tenants?limit=3&after=acme");
  EXPECT_EQ(rest.json["items"].size(), 3U);
  EXPECT_TRUE(rest.json["next"].is_null());
  expect_status(call("GET", "/tenants?limit=0"), 400);
  expect_status(call("GET", "/tenants?limit=1000"), 200);
  expect_status(call("GET", "/tenants?limit=1001"), 400);
  expect_status(call("GET", "/tenants?limit=2x"), 400);
  expect_status(call("GET", "/tenants?colour=red"), 400);
  expect_status(call("GET", "/tenants?limit=1&limit=2"), 400);
}

TEST_F(DomainApi, RenamesAndKeepsTheOldNameWorking) {
  const auto renamed = call("PATCH", "/domains/acme.example", {{"name", "Acme-Group.example."}});
  expect_status(renamed, 200);
  EXPECT_EQ(renamed.json["name"], "acme-group.example");
  EXPECT_EQ(call("GET", "/domains/acme.example").json["id"], renamed.json["id"]);
  EXPECT_EQ(call("GET", "/accounts/ann@acme.example").json["address"], "ann@acme-group.example");
}

TEST_F(DomainApi, RefusesWhatCannotBe) {
  expect_status(call("POST", "/domains", {{"name", "acme.example"}, {"tenant", "other"}}), 409);
  expect_status(call("POST", "/domains", {{"name", "[192.0.2.1]"}, {"tenant", "acme"}}), 400);
  expect_status(call("POST", "/domains", {{"name", "a b"}, {"tenant", "acme"}}), 400);
  expect_status(call("POST", "/domains", {{"name", "x.example"}, {"tenant", "nobody"}}), 404);
  expect_status(call("PATCH", "/domains/acme.example", {{"catch_all", "x"}}), 400);
}

TEST_F(DomainApi, SaysWhichRecordsToPublish) {
  expect_status(call("POST", "/addresses", {{"ip", "2001:db8::1"}, {"tenant", "acme"}}), 201);
  const auto dns = call("GET", "/domains/acme.example/dns");
  expect_status(dns, 200);
  const std::string text = dump(dns.json);
  EXPECT_NE(text.find("10 mail.acme.example."), std::string::npos) << text;
  EXPECT_NE(text.find("v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"), std::string::npos) << text;
  EXPECT_NE(text.find("1.2.0.192.in-addr.arpa."), std::string::npos) << text;
  EXPECT_NE(text.find("1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa."), std::string::npos)
      << text;
  EXPECT_EQ(text.find("192.0.2.2"), std::string::npos) << "another tenant's address";
}

TEST_F(AddressApi, ShowsWhetherTheHostHasIt) {
  EXPECT_EQ(call("GET", "/addresses/192.0.2.1").json["present"], true);
  EXPECT_EQ(call("GET", "/addresses/192.0.2.2").json["present"], false);
  EXPECT_EQ(call("GET", "/addresses/192.0.2.99").json["tenant"], nullptr);
}

TEST_F(AddressApi, MovesToAnotherTenantAndToAll) {
  EXPECT_EQ(call("PATCH", "/addresses/192.0.2.1", {{"tenant", "other"}}).json["tenant"], "other");
  EXPECT_NE(trace_.last().detail.find("owner from \"acme\" to \"other\""), std::string::npos);
  EXPECT_EQ(trace_.last().tenant, TenantId{}) << "for the operator alone";
  trace::Query all;
  all.limit = 1000;
  const auto events = *trace_.search(all);
  ASSERT_GE(events.size(), 3U);
  EXPECT_EQ(events[events.size() - 3].detail, "address 192.0.2.1: taken away");
  EXPECT_EQ(events[events.size() - 2].detail, "address 192.0.2.1: given");
  EXPECT_EQ(call("PATCH", "/addresses/192.0.2.1", {{"tenant", nullptr}}).json["shared"], true);
}

TEST_F(AddressApi, ARefusedChangeChangesNothing) {
  const auto reseller = token_for("acme");
  expect_status(call("PATCH", "/tenants/other", {{"reseller", "acme"}}), 200);
  const Json both{{"helo", "new.acme.example"}, {"ready", true}};
  const auto is_stored = [this](std::string_view helo) {  // whatever the snapshot shows
    const auto rows = directory_->snapshot_rows();
    return std::ranges::any_of(rows->addresses, [helo](const auto& row) { return row.helo == helo; });
  };
  expect_status(call("PATCH", "/addresses/192.0.2.1", both, reseller), 403);
  EXPECT_FALSE(is_stored("new.acme.example"));
  expect_status(call("POST", "/addresses", {{"ip", "127.0.0.9"}, {"tenant", "acme"}}), 201);
  expect_status(call("PATCH", "/addresses/127.0.0.9", both), 409);
  EXPECT_TRUE(call("GET", "/addresses/127.0.0.9").json["helo"].is_null());
  services_->monitor = nullptr;
  EXPECT_GE(call("PATCH", "/addresses/192.0.2.1", both).status, 500);
  EXPECT_FALSE(is_stored("new.acme.example"));
}

TEST_F(AddressApi, WhatWasChangedHoldsThoughReadinessCouldNotBeKept) {
  fake_monitor_.refusal = fail(ErrorCode::kIo, "the disk is full");
  EXPECT_GE(call("PATCH", "/addresses/192.0.2.1", {{"helo", "new.acme.example"}, {"ready", true}}).status, 500);
  EXPECT_EQ(live_->snapshot()->address(*IpAddress::parse("192.0.2.1"))->helo, "new.acme.example");
  EXPECT_NE(trace_.last().detail.find("helo from"), std::string::npos);
  EXPECT_EQ(trace_.last().detail.find("ready"), std::string::npos);
}

TEST_F(TenantApi, WhatLostItsAddressesSharesOnlyWhenTheOperatorSaysSo) {
  expect_status(call("DELETE", "/addresses/192.0.2.1"), 204);
  EXPECT_EQ(call("GET", "/tenants/acme").json["shared_addresses"], false);
  EXPECT_EQ(call("PATCH", "/tenants/acme", {{"shared_addresses", true}}).json["shared_addresses"], true);
  EXPECT_NE(trace_.last().detail.find("shared_addresses from \"no\" to \"yes\""), std::string::npos)
      << trace_.last().detail;
  expect_status(call("PATCH", "/tenants/acme", {{"shared_addresses", true}}, token_for("acme")), 403);
}

TEST_F(AddressApi, ComparesItWithHostAndDns) {
  resolver_.host_addresses["mail.acme.example"] = {*IpAddress::parse("192.0.2.1")};
  resolver_.ptr_records["192.0.2.1"] = {"mail.acme.example"};
  resolver_.txt_records["acme.example"] = {"v=spf1 ip4:192.0.2.1 -all"};
  const auto good = call("GET", "/addresses/192.0.2.1/check");
  expect_status(good, 200);
  EXPECT_EQ(good.json["ok"], true) << dump(good.json);
  const auto missing = call("GET", "/addresses/192.0.2.2/check");
  EXPECT_EQ(missing.json["ok"], false) << "not on the host, and DNS knows nothing of it";
  EXPECT_FALSE(missing.json["findings"][0]["advice"].is_null());
}

TEST_F(AddressApi, RefusesWhatCannotBe) {
  expect_status(call("POST", "/addresses", {{"ip", "192.0.2.1"}, {"tenant", "acme"}}), 409);
  expect_status(call("POST", "/addresses", {{"ip", "192.0.2.256"}, {"tenant", "acme"}}), 400);
  expect_status(call("POST", "/addresses", {{"ip", "0.0.0.0"}, {"tenant", "acme"}}), 400);
  expect_status(call("POST", "/addresses", {{"ip", "192.0.2.3"}}), 400);
  expect_status(call("POST", "/addresses", {{"ip", "192.0.2.3"}, {"tenant", "acme"}, {"shared", true}}), 400);
  expect_status(call("GET", "/addresses/192.0.2.77"), 404);
}

TEST_F(AccountApi, ShowsTheMailbox) {
  const auto shown = call("GET", "/accounts/ANN@acme.example");
  expect_status(shown, 200);
  EXPECT_EQ(shown.json["mailbox"], (Json{{"messages", 3}, {"bytes", 4096}}));
}

TEST_F(AccountApi, NeverShowsOrTracesThePassword) {
  const auto added = call("POST", "/accounts", {{"address", "Bob@acme.example"}, {"password", "correct horse"}});
  expect_status(added, 201);
  EXPECT_EQ(added.json["address"], "bob@acme.example");
  EXPECT_EQ(added.json["has_password"], true);
  expect_status(call("PUT", "/accounts/bob@acme.example/password", {{"password", "battery staple"}}), 204);
  const auto account = value(directory_->account_by_address(*mail::Address::parse("bob@acme.example")));
  EXPECT_TRUE(tenants::verify_password(account->password_hash, Secret{"battery staple"}));
  EXPECT_FALSE(tenants::verify_password(account->password_hash, Secret{"correct horse"}));
  const auto seen = dump(added.json) + trace_.all_details();
  for (const char* secret : {"horse", "staple", "argon2"}) EXPECT_EQ(seen.find(secret), std::string::npos) << seen;
  expect_status(call("PUT", "/accounts/bob@acme.example/password", {{"password", nullptr}}), 204);
  EXPECT_EQ(call("GET", "/accounts/bob@acme.example").json["has_password"], false);
}

TEST_F(AccountApi, BoundsThePassword) {
  const auto set = [&](std::size_t size) {
    return call("PUT", "/accounts/ann@acme.example/password", {{"password", std::string(size, 'x')}}).status;
  };
  EXPECT_EQ(set(7), 400);
  EXPECT_EQ(set(8), 204);
  EXPECT_EQ(set(256), 204);
  EXPECT_EQ(set(257), 400);
}

TEST_F(AccountApi, RenamesWithinItsTenantOnly) {
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"address", "ann.smith@acme.example"}}), 200);
  EXPECT_EQ(call("GET", "/accounts/ann@acme.example").json["address"], "ann.smith@acme.example") << "the old one works";
  expect_status(call("PATCH", "/accounts/ann.smith@acme.example", {{"address", "ann@other.example"}}), 409);
}

TEST_F(AccountApi, SetsClientNetworksAndQuota) {
  const auto set = call("PATCH", "/accounts/ann@acme.example",
                        {{"client_networks", {"192.0.2.7", "2001:db8::/48"}}, {"quota", 1000}, {"kind", "shared"}});
  expect_status(set, 200);
  EXPECT_EQ(dump(set.json["client_networks"]), R"(["192.0.2.7/32","2001:db8::/48"])");
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"client_networks", {"192.0.2.0/33"}}}), 400);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"quota", -1}}), 400);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"name", "a\r\nb"}}), 400);
}

TEST_F(AccountApi, ImportsRowsThatAreGoodAndTellsOfTheOthers) {
  proto::http::Request request;
  request.body =
      "address,name,quota,client_networks\r\n"
      "a@acme.example,\"Smith, A\",5,192.0.2.7;192.0.2.8\r\n"
      "b@nowhere.example,B,,\r\n"
      "\r\n"
      "c@acme.example,C,many,\r\n"
      "a@acme.example,Again,,\r\n"
      "d@acme.example,D\r\n";
  const auto imported = send(std::move(request), "POST", "/api/v1/accounts/import", "");
  expect_status(imported, 200);
  EXPECT_EQ(imported.json["created"], 1);
  std::vector<int> lines;
  for (const auto& failure : imported.json["failed"]) lines.push_back(failure["line"]);
  EXPECT_EQ(lines, (std::vector<int>{3, 5, 6, 7}));
  EXPECT_EQ(call("GET", "/accounts/a@acme.example").json["name"], "Smith, A");
}

TEST_F(AccountApi, RefusesAnImportWithUnknownColumns) {
  proto::http::Request request;
  request.body = "address,colour\r\n";
  expect_status(send(request, "POST", "/api/v1/accounts/import", ""), 400);
  request.body = "name\r\n";
  expect_status(send(request, "POST", "/api/v1/accounts/import", ""), 400);
}

// All pieces of an answer that is streamed.
std::string text_of(testlib::ShardRunner& runner, BodySource& stream) {
  std::string text;
  while (true) {
    const auto piece = runner.run(stream.next());
    if (!piece || piece->empty()) return text;
    text += *piece;
  }
}

TEST_F(AccountApi, ExportsWhatTheImportTakes) {
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"address", "anna@acme.example"}}), 200);
  auto exported = call("GET", "/accounts/export?tenant=acme");
  expect_status(exported, 200);
  ASSERT_NE(exported.reply.stream, nullptr);
  EXPECT_EQ(text_of(runner_, *exported.reply.stream),
            "address,name,kind,state,quota,client_networks,former_addresses\n"
            "anna@acme.example,Ann,person,active,0,,ann@acme.example\n");
}

TEST_F(AccountApi, MovesAccountsWithTheirPasswordsAndFormerAddresses) {
  expect_status(call("PUT", "/accounts/ann@acme.example/password", {{"password", "correct horse"}}), 204);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"address", "anna@acme.example"}, {"plan", "bulk"}}), 200);
  auto exported = call("GET", "/accounts/export?tenant=acme&with_passwords=true");
  EXPECT_EQ(trace_.last().detail, "accounts of tenant acme: exported with password hashes");
  EXPECT_EQ(trace_.last().tenant, live_->snapshot()->tenant_by_name("acme")->id);
  ASSERT_NE(exported.reply.stream, nullptr);
  proto::http::Request request;
  request.body = text_of(runner_, *exported.reply.stream);
  const auto before = value(directory_->account_by_address(*mail::Address::parse("ann@acme.example")));
  expect_status(call("DELETE", "/aliases/sales@acme.example"), 204);
  expect_status(call("DELETE", "/accounts/anna@acme.example"), 204);
  expect_status(call("GET", "/accounts/ann@acme.example"), 404);

  auto refused = send(request, "POST", "/api/v1/accounts/import", token_for("acme"));
  EXPECT_EQ(refused.json["created"], 0) << "hashes and plans are the operator's";
  const auto imported = send(request, "POST", "/api/v1/accounts/import", "");
  EXPECT_EQ(imported.json["created"], 1) << imported.json;
  const auto after = value(directory_->account_by_address(*mail::Address::parse("ann@acme.example")));
  ASSERT_TRUE(before && after);
  EXPECT_EQ(after->address.text(), "anna@acme.example");
  EXPECT_EQ(after->password_hash, before->password_hash);
  EXPECT_EQ(after->plan, before->plan);
  EXPECT_EQ(call("GET", "/accounts/anna@acme.example").json["former_addresses"], Json::array({"ann@acme.example"}));
}

TEST_F(AccountApi, AChangeHoldsAtOnceUnderEachOfItsAddresses) {
  const auto found = [&](const char* text) {
    return value(runner_.run(live_->account_by_address(runner_.shard(), *mail::Address::parse(text))));
  };
  const std::string account = "/accounts/ann@acme.example";
  EXPECT_FALSE(found("anna@acme.example"));
  EXPECT_TRUE(found("ann@acme.example"));
  expect_status(call("PATCH", account, {{"address", "anna@acme.example"}}), 200);
  EXPECT_EQ(found("ann@acme.example")->address.text(), "anna@acme.example");
  ASSERT_TRUE(found("anna@acme.example"));
  expect_status(call("PUT", account + "/password", {{"password", "correct horse"}}), 204);
  EXPECT_NE(found("ann@acme.example")->password_hash, "");
  EXPECT_NE(found("anna@acme.example")->password_hash, "");
  expect_status(call("DELETE", "/aliases/ann@acme.example"), 204);
  EXPECT_FALSE(found("ann@acme.example"));
  expect_status(call("POST", "/accounts", {{"address", "ann@acme.example"}}), 201);
  EXPECT_EQ(found("ann@acme.example")->address.text(), "ann@acme.example");
  expect_status(call("DELETE", "/aliases/sales@acme.example"), 204);
  expect_status(call("DELETE", "/accounts/anna@acme.example"), 204);
  EXPECT_FALSE(found("anna@acme.example"));
}

TEST_F(AccountApi, KeepsHashesFromTenantsAndRefusesThoseThatCostTooMuch) {
  expect_status(call("GET", "/accounts/export?with_passwords=true", nullptr, token_for("acme")), 403);
  proto::http::Request request;
  request.body =
      "address,password_hash\n"
      "b@acme.example,secret\n"
      "c@acme.example,\"$argon2id$v=19$m=4194304,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\n";
  const auto imported = send(std::move(request), "POST", "/api/v1/accounts/import", "");
  EXPECT_EQ(imported.json["created"], 0);
  EXPECT_EQ(imported.json["failed"].size(), 2U);
}

TEST_F(AccountApi, ImportsNothingOfARowWhoseFormerAddressIsTaken) {
  proto::http::Request request;
  request.body = "address,former_addresses\nb@acme.example,old@acme.example;ann@acme.example\n";
  const auto imported = send(std::move(request), "POST", "/api/v1/accounts/import", "");
  EXPECT_EQ(imported.json["created"], 0);
  expect_status(call("GET", "/accounts/b@acme.example"), 404);
  expect_status(call("GET", "/accounts/old@acme.example"), 404);
}

TEST_F(AliasApi, LeadsToLocalAndRemoteAddresses) {
  const auto added =
      call("POST", "/aliases", {{"from", "Info@acme.example"}, {"to", {"ann@acme.example", "b@remote.example"}}});
  expect_status(added, 201);
  EXPECT_EQ(added.json["from"], "info@acme.example");
  expect_status(call("GET", "/aliases/info@acme.example"), 200);
  EXPECT_EQ(call("GET", "/aliases?tenant=acme").json["items"].size(), 2U);
  expect_status(call("DELETE", "/aliases/info@acme.example"), 204);
  expect_status(call("DELETE", "/aliases/info@acme.example"), 404);
  expect_status(call("POST", "/aliases", {{"from", "x@nowhere.example"}, {"to", {"a@b.example"}}}), 404);
  expect_status(call("POST", "/aliases", {{"from", "x@acme.example"}, {"to", Json::array()}}), 400);
  expect_status(call("POST", "/aliases", {{"from", "x@acme.example"}, {"to", {"no address"}}}), 400);
}

TEST_F(RouteApi, IsNamedByIdOrByPatternAndTenant) {
  const auto added =
      call("POST", "/routes", {{"pattern", "*"}, {"host", "hop.example"}, {"port", 2525}, {"tls", "required"}});
  expect_status(added, 201);
  EXPECT_EQ(added.json["port"], 2525);
  expect_status(call("DELETE", "/routes/acme.test"), 404);
  expect_status(call("DELETE", "/routes/acme.test?tenant=acme"), 204);
  expect_status(call("DELETE", "/routes/" + added.json["id"].get<std::string>()), 204);
  expect_status(call("POST", "/routes", {{"pattern", "*"}, {"host", "h.example"}, {"port", 65536}}), 400);
  expect_status(call("POST", "/routes", {{"pattern", "*"}, {"host", "h.example"}, {"tls", "some"}}), 400);
}

TEST_F(TokenApi, ShowsItsSecretOnceAndSignsIn) {
  const auto made = call("POST", "/tokens", {{"name", "panel"}});
  const auto secret = made.json.value("secret", "");
  EXPECT_TRUE(secret.starts_with("bh_"));
  EXPECT_EQ(secret.size(), 67U);
  EXPECT_EQ(dump(call("GET", "/tokens").json).find("secret"), std::string::npos);
  expect_status(call("GET", "/status", nullptr, secret), 200);
  expect_status(call("DELETE", "/tokens/panel"), 204);
  expect_status(call("GET", "/status", nullptr, secret), 401);
}

TEST_F(TokenApi, EndsWhenItExpires) {
  const auto ends = to_rfc3339(clock_.now() + std::chrono::seconds{10});
  const auto made = call("POST", "/tokens", {{"name", "short"}, {"expires_at", ends}});
  const auto secret = made.json.value("secret", "");
  clock_.advance(std::chrono::seconds{9});
  expect_status(call("GET", "/status", nullptr, secret), 200);
  clock_.advance(std::chrono::seconds{1});
  expect_status(call("GET", "/status", nullptr, secret), 401);
  expect_status(call("POST", "/tokens", {{"name", "late"}, {"expires_at", ends}}), 400);
}

using DirectoryChanges = AdminTest;

TEST_F(DirectoryChanges, RecordANewPasswordAsAnEventOfTheAccount) {
  expect_status(call("PUT", "/accounts/ann@acme.example/password", {{"password", "long enough"}}), 204);
  EXPECT_EQ(trace_.last().kind, trace::EventKind::kPasswordChanged);
  EXPECT_EQ(trace_.last().account_name, "ann@acme.example");
  EXPECT_EQ(trace_.last().detail, "account ann@acme.example: password set");
}

TEST_F(DirectoryChanges, DropAFormerAddressLikeAnAlias) {
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"address", "anna@acme.example"}}), 200);
  EXPECT_EQ(call("GET", "/accounts/anna@acme.example").json["former_addresses"], Json::array({"ann@acme.example"}));
  expect_status(call("DELETE", "/aliases/ann@acme.example", nullptr, token_for("other")), 404);
  expect_status(call("DELETE", "/aliases/anna@acme.example"), 404);
  expect_status(call("DELETE", "/aliases/Ann@acme.example"), 204);
  EXPECT_EQ(call("GET", "/accounts/anna@acme.example").json["former_addresses"], Json::array());
  expect_status(call("GET", "/accounts/ann@acme.example"), 404);
}

TEST_F(DirectoryChanges, RefuseAnAliasThatLeadsBackToItself) {
  const auto add = [this](const char* from, const char* to) {
    return call("POST", "/aliases", {{"from", from}, {"to", {"ann@acme.example", to}}});
  };
  expect_status(add("a@acme.example", "A@ACME.example"), 409);
  expect_status(add("a@acme.example", "b@acme.example"), 201);
  expect_status(add("b@acme.example", "c@acme.example"), 201);
  const auto refused = add("c@acme.example", "a@acme.example");
  expect_status(refused, 409);
  EXPECT_EQ(refused.json["error"]["message"], "c@acme.example would lead back to itself through a@acme.example");
  expect_status(add("c@acme.example", "sales@acme.example"), 201);
}

TEST_F(DirectoryChanges, AskForTheKeyOfACertificate) {
  const auto refused = call("PATCH", "/tenants/acme", {{"certificate", "PEM"}});
  expect_status(refused, 400);
  EXPECT_EQ(refused.json["error"]["advice"], "give --key too");
}

TEST_F(TargetApi, WarnsOfTargetsThatNobodyHas) {
  const auto warnings = [](const Outcome& answer) { return answer.json.value("warnings", Json::array()).size(); };
  EXPECT_EQ(warnings(call("POST", "/aliases", {{"from", "a@acme.example"}, {"to", {"ann@acme.example"}}})), 0U);
  const auto alias =
      call("POST", "/aliases", {{"from", "b@acme.example"}, {"to", {"x@acme.example", "y@far.example"}}});
  expect_status(alias, 201);
  ASSERT_EQ(warnings(alias), 1U);
  EXPECT_NE(alias.json["warnings"][0].get<std::string>().find("bulkhead account add x@acme.example"),
            std::string::npos);
  EXPECT_EQ(warnings(call("GET", "/aliases/b@acme.example")), 1U);
  EXPECT_EQ(warnings(call("PATCH", "/domains/acme.example", {{"catch_all", "nobody@acme.example"}})), 1U);
  EXPECT_EQ(warnings(call("PATCH", "/tenants/acme", {{"postmaster", "ann@acme.example"}})), 0U);
  EXPECT_EQ(warnings(call("PATCH", "/tenants/acme", {{"postmaster", "admin@acme.example"}})), 1U);
  expect_status(call("POST", "/accounts", {{"address", "nobody@acme.example"}}), 201);
  EXPECT_EQ(warnings(call("GET", "/domains/acme.example")), 0U);
}

TEST_F(TargetApi, TellsATenantNothingOfWhatOthersHave) {
  const Json alias{{"from", "spy@acme.example"}, {"to", {"ann@other.example", "nobody@other.example"}}};
  const auto added = call("POST", "/aliases", alias, token_for("acme"));
  expect_status(added, 201);
  EXPECT_FALSE(added.json.contains("warnings")) << added.json;
}

TEST_F(TargetApi, WarnsWhoIsServedNoLongerWhenAnAddressChangesHands) {
  const auto moved = call("PATCH", "/addresses/192.0.2.2", {{"shared", true}});
  expect_status(moved, 200);
  ASSERT_EQ(moved.json["warnings"].size(), 1U) << "other uses no shared addresses: " << moved.json;
  EXPECT_NE(moved.json["warnings"][0].get<std::string>().find("bulkhead tenant set other --shared-addresses yes"),
            std::string::npos)
      << moved.json;
  const auto fresh = call("POST", "/addresses", {{"ip", "192.0.2.77"}, {"shared", true}});
  EXPECT_FALSE(fresh.json.contains("warnings")) << "nobody was told to use it: " << fresh.json;
  expect_status(call("POST", "/addresses", {{"ip", "192.0.2.3"}, {"tenant", "acme"}}), 201);
  const auto shared = call("PATCH", "/addresses/192.0.2.3", {{"shared", true}});
  ASSERT_EQ(shared.json["warnings"].size(), 1U) << shared.json;
  EXPECT_NE(shared.json["warnings"][0].get<std::string>().find("192.0.2.3 does not serve one tenant (acme) any more"),
            std::string::npos)
      << shared.json;
  expect_status(call("POST", "/tenants", {{"name", "third"}}), 201);
  const auto own = call("POST", "/addresses", {{"ip", "192.0.2.4"}, {"tenant", "third"}});
  ASSERT_EQ(own.json["warnings"].size(), 1U) << own.json;
  EXPECT_NE(own.json["warnings"][0].get<std::string>().find("third has an address of its own now"), std::string::npos);
}

TEST_F(TargetApi, WakesWhatWaitsForAMailboxWhenItMayTakeOtherMail) {
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"name", "Ann"}}), 200);
  EXPECT_EQ(queue_.mailbox_wakes, 0);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"quota", 5000}}), 200);
  EXPECT_EQ(queue_.mailbox_wakes, 1);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"state", "suspended"}}), 200);
  expect_status(call("PATCH", "/accounts/ann@acme.example", {{"state", "active"}}), 200);
  EXPECT_EQ(queue_.mailbox_wakes, 3);
}

TEST_F(TenantApi, AFeedbackAddressIsSaidToTakeAllItsMail) {
  const auto warning_of = [this](const std::string& address) {
    const auto changed = call("PATCH", "/tenants/acme", {{"feedback_address", address}});
    expect_status(changed, 200);
    return changed.json.contains("warnings") ? changed.json["warnings"][0].get<std::string>() : std::string{};
  };
  EXPECT_NE(warning_of("fbl@acme.example").find("delivered to nobody"), std::string::npos);
  EXPECT_NE(warning_of("ann@acme.example").find("a mailbox ann@acme.example, too"), std::string::npos);
  EXPECT_NE(warning_of("sales@acme.example").find("an alias sales@acme.example, too"), std::string::npos);
  EXPECT_EQ(warning_of(""), "");
  EXPECT_FALSE(call("PATCH", "/tenants/acme", {{"postmaster", ""}}).json.contains("warnings"));
}

}  // namespace
}  // namespace bulkhead::admin
