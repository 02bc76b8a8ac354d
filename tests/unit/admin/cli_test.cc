// The command line against a table of answers: what it asks for, what it prints, how it ends.
#include <deque>
#include <sstream>

#include <gtest/gtest.h>

#include "src/admin/cli/command.h"
#include "src/admin/cli/run.h"
#include "src/admin/rest/router.h"

namespace bulkhead::admin::cli {
namespace {

class FakeTransport final : public Transport {
 public:
  struct State {
    std::vector<ApiRequest> requests;
    std::deque<Result<ApiAnswer>> answers;  // in order; then 200 with an empty object
  };
  explicit FakeTransport(State& state) : state_(state) {}
  Result<ApiAnswer> send(const ApiRequest& request) override {
    state_.requests.push_back(request);
    if (state_.answers.empty()) return ApiAnswer{200, "{}"};
    auto answer = std::move(state_.answers.front());
    state_.answers.pop_front();
    return answer;
  }
  Result<ApiAnswer> stream(const ApiRequest& request, const std::function<bool(std::string_view)>& on_bytes) override {
    auto answer = send(request);
    if (answer && answer->status == 200) on_bytes(answer->body);
    return answer;
  }

 private:
  State& state_;
};

class Cli : public ::testing::Test {
 protected:
  int run(std::vector<std::string> words, const std::string& input = "") {
    std::istringstream in{input};
    out_.str("");
    err_.str("");
    CliEnvironment environment{.in = in, .out = out_, .err = err_};
    environment.version = "0.1.0";
    environment.settings = [this](const std::string& file) -> Result<Settings> {
      configuration_file_ = file;
      return Settings{.socket = "/run/test.sock", .url = {}, .token = {}};
    };
    environment.connect = [this](const Settings& settings) {
      settings_ = settings;
      return std::make_unique<FakeTransport>(state_);
    };
    environment.read_password = [] { return Result<Secret>{Secret{"typed password"}}; };
    environment.local_commands = {{"serve", "Run the server", [this](const std::string& file, bool) {
                                     configuration_file_ = file;
                                     return 7;
                                   }}};
    std::vector<const char*> arguments{"bulkhead"};
    for (const auto& word : words) arguments.push_back(word.c_str());
    return run_cli(static_cast<int>(arguments.size()), arguments.data(), environment);
  }
  void answer(const Json& json, int status = 200) { state_.answers.push_back(ApiAnswer{status, dump(json)}); }
  const ApiRequest& last() const { return state_.requests.back(); }

  FakeTransport::State state_;
  Settings settings_;
  std::string configuration_file_;
  std::ostringstream out_, err_;
};

TEST_F(Cli, AddsATenantWithItsFlagsAnywhere) {
  EXPECT_EQ(run({"tenant", "add", "--message-size-max", "2M", "acme", "--json", "--postmaster=p@acme.example"}),
            kExitDone);
  EXPECT_EQ(last().method, "POST");
  EXPECT_EQ(last().target, "/api/v1/tenants");
  EXPECT_EQ(last().body, R"({"name":"acme","postmaster":"p@acme.example","message_size_max":2097152})");
  EXPECT_EQ(settings_.socket, "/run/test.sock");
  EXPECT_EQ(configuration_file_, "/etc/bulkhead/bulkhead.toml");
}

TEST_F(Cli, TakesTheServerFromTheCommandLine) {
  EXPECT_EQ(run({"status", "--url", "https://mx.example", "--token", "t"}), kExitDone);
  EXPECT_EQ(settings_.url, "https://mx.example");
  EXPECT_EQ(settings_.token, "t");
  EXPECT_EQ(configuration_file_, "") << "the configuration was not needed";
  EXPECT_EQ(run({"--socket", "/tmp/s", "status"}), kExitDone);
  EXPECT_EQ(settings_.socket, "/tmp/s");
}

TEST_F(Cli, EncodesNamesAndSelectors) {
  EXPECT_EQ(run({"account", "show", "a/../b?x@acme.example"}), kExitDone);
  EXPECT_EQ(last().target, "/api/v1/accounts/a%2F..%2Fb%3Fx%40acme.example");
  EXPECT_EQ(run({"queue", "count", "--recipient-domain", "a b.example", "--older-than", "1h"}), kExitDone);
  EXPECT_EQ(last().target, "/api/v1/queue/count?recipient_domain=a%20b.example&older_than=1h");
}

TEST_F(Cli, PutsThePagesOfAListTogether) {
  const Json row{{"name", "acme"}, {"state", "active"}, {"reseller", nullptr}, {"created_at", "2026"}};
  answer({{"items", {row}}, {"next", "acme"}});
  answer({{"items", {row}}, {"next", nullptr}});
  EXPECT_EQ(run({"tenant", "list"}), kExitDone);
  EXPECT_EQ(out_.str(), "NAME  STATE   RESELLER  ADDED\nacme  active  -         2026\nacme  active  -         2026\n");
  EXPECT_EQ(last().target, "/api/v1/tenants?limit=500&after=acme");
  answer({{"items", {row}}, {"next", nullptr}});
  EXPECT_EQ(run({"tenant", "list", "--json"}), kExitDone);
  EXPECT_EQ(Json::parse(out_.str()), Json::array({row}));
  answer({{"items", Json::array()}, {"next", nullptr}});
  EXPECT_EQ(run({"tenant", "list", "--json"}), kExitDone);
  EXPECT_EQ(out_.str(), "[]\n");
}

TEST_F(Cli, PutsUnknownRepliesOutAsTextForRules) {
  const Json row{{"provider", ""}, {"sample", "550 odd"}, {"fixture", "# 2 times\nmatch {- rcpt} 550 odd\n"}};
  answer({{"items", {row, row}}, {"next", nullptr}});
  EXPECT_EQ(run({"reputation", "replies", "--export"}), kExitDone);
  EXPECT_EQ(out_.str(), "# 2 times\nmatch {- rcpt} 550 odd\n# 2 times\nmatch {- rcpt} 550 odd\n");
  EXPECT_EQ(last().target, "/api/v1/reputation/replies?limit=500") << "the switch is the command's own";
  answer({{"items", {row}}, {"next", nullptr}});
  EXPECT_EQ(run({"reputation", "replies", "--export", "--json"}), kExitDone);
  EXPECT_EQ(Json::parse(out_.str()), Json::array({row}));
}

TEST_F(Cli, ShowsRulesAsATableAndGivesSettingsBack) {
  const Json rule{{"rule", "account-bounces"}, {"kind", "account"}, {"leads_to", "throttled"}, {"signal", "bounces"},
                  {"within", "a day"},         {"count", 20.0},     {"share_over", 0.125},     {"volume", 100.0},
                  {"shadow", false},           {"own", true}};
  const Json policy{{"tenant", nullptr}, {"shadow", false}, {"rules", Json::array({rule})}};
  answer(policy);
  EXPECT_EQ(run({"reputation", "policy", "--rule", "account-bounces"}), kExitDone);
  EXPECT_EQ(last().method, "GET") << "nothing is set";
  EXPECT_EQ(last().target, "/api/v1/reputation/policy?rule=account-bounces");
  EXPECT_NE(out_.str().find("RULE             KIND     LEADS TO"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("12.5%"), std::string::npos);
  answer(policy);
  EXPECT_EQ(
      run({"reputation", "policy", "--rule", "account-bounces", "--count", "default", "--share", "default", "--volume",
           "default", "--rule-shadow", "default", "--shadow", "default", "--lock-sign-in", "default", "--json"}),
      kExitDone);
  EXPECT_EQ(last().method, "PATCH");
  for (const auto* field : {"count", "share", "volume", "rule_shadow", "shadow", "lock_sign_in"}) {
    EXPECT_TRUE(Json::parse(last().body).at(field).is_null()) << field;
  }
  EXPECT_EQ(Json::parse(out_.str()), policy);
  EXPECT_NE(run({"reputation", "policy", "--rule", "account-bounces", "--count", "many"}), kExitDone);
}

TEST_F(Cli, SaysHowSomebodyStandsAfterAnOrder) {
  answer({{"state", "quarantined"}, {"until", "2026-11-24T00:00:00Z"}, {"case", "01J"}});
  EXPECT_EQ(run({"reputation", "set", "a@b.example", "--state", "quarantined", "--reason", "x"}), kExitDone);
  EXPECT_EQ(out_.str(), "a@b.example is quarantined, until 2026-11-24T00:00:00Z, case 01J\n");
  answer({{"state", "normal"}, {"until", nullptr}, {"case", nullptr}});
  EXPECT_EQ(run({"reputation", "set", "a@b.example", "--state", "normal", "--reason", "x"}), kExitDone);
  EXPECT_EQ(out_.str(), "a@b.example is normal\n");
  answer({{"exempt_until", "2026-11-24T00:00:00Z"}});
  EXPECT_EQ(run({"reputation", "exempt", "a@b.example", "--for", "1h", "--reason", "x"}), kExitDone);
  EXPECT_EQ(out_.str(), "a@b.example: exempt until 2026-11-24T00:00:00Z\n");
  answer({{"exempt_until", nullptr}});
  EXPECT_EQ(run({"reputation", "exempt", "a@b.example", "--for", "0", "--reason", "x"}), kExitDone);
  EXPECT_EQ(out_.str(), "a@b.example: the exemption has ended\n");
}

TEST_F(Cli, ShowsCountsAsPeopleReadThem) {
  answer({{"evidence", {{"count", 84.0}, {"share", 0.004}, {"share_allowed", 0.1}, {"distinct", 12.345}}}});
  EXPECT_EQ(run({"case", "show", "01J"}), kExitDone);
  for (const auto* text : {"84\n", "0.4%\n", "10%\n", "12.3\n"}) {
    EXPECT_NE(out_.str().find(text), std::string::npos) << text << out_.str();
  }
}

TEST_F(Cli, SaysHowMuchACaseHasThrownAway) {
  const Json purged{{"deliveries", 94}, {"messages", 94}, {"active", 0}, {"complete", true}};
  answer(purged);
  EXPECT_EQ(run({"case", "purge", "01JDABCDEFGHJKMNPQRSTVWXYZ"}), kExitDone);
  EXPECT_EQ(out_.str(), "94 deliveries of 94 messages are purged\n");
  answer(purged);
  EXPECT_EQ(run({"case", "purge", "01JDABCDEFGHJKMNPQRSTVWXYZ", "--dry-run"}), kExitDone);
  EXPECT_EQ(last().body, R"({"dry_run":true})");
  EXPECT_EQ(out_.str(), "94 deliveries of 94 messages are meant; nothing was changed\n");
}

TEST_F(Cli, EscapesWhatCameFromOutside) {
  answer({{"items", {{{"id", "1"}, {"sender", "\x1b[2J"}, {"recipients", {"a", "b"}}, {"reason", {{"code", "x"}}}}}},
          {"next", nullptr}});
  EXPECT_EQ(run({"queue", "list"}), kExitDone);
  EXPECT_EQ(out_.str().find('\x1b'), std::string::npos);
  EXPECT_NE(out_.str().find("\\x1b[2J"), std::string::npos);
  EXPECT_NE(out_.str().find("a, b"), std::string::npos);
}

TEST_F(Cli, EndsWithOneWhenRefused) {
  answer({{"error", {{"code", "not-found"}, {"message", "no tenant \"x\""}, {"advice", "list them"}}}}, 404);
  EXPECT_EQ(run({"tenant", "show", "x"}), kExitRefused);
  EXPECT_EQ(err_.str(), "bulkhead: no tenant \"x\"\n  list them\n");
  EXPECT_EQ(out_.str(), "");
  state_.answers.push_back(ApiAnswer{200, "<html>"});
  EXPECT_EQ(run({"tenant", "show", "x"}), kExitRefused);
}

TEST_F(Cli, EndsWithTwoWhenTheServerSaysThatItMakesNoSense) {
  answer({{"error", {{"code", "invalid"}, {"message", "the filter since is no time"}, {"advice", nullptr}}}}, 400);
  EXPECT_EQ(run({"trace", "search", "--since", "soon"}), kExitUsage);
}

TEST_F(Cli, RetriesTheMessageThatIsNamed) {
  answer({{"deliveries", 2}, {"messages", 1}});
  EXPECT_EQ(run({"queue", "retry", "01JDABCDEFGHJKMNPQRSTVWXYZ"}), kExitDone);
  EXPECT_EQ(last().body, R"({"id":"01JDABCDEFGHJKMNPQRSTVWXYZ"})");
}

TEST_F(Cli, NamesTheHelpOfTheCommandThatLacksSomething) {
  EXPECT_EQ(run({"domain", "add", "acme.example"}), kExitUsage);
  EXPECT_EQ(err_.str(), "bulkhead: --tenant is required\n  see: bulkhead domain add --help\n");
  EXPECT_EQ(run({"account", "set", "ann@acme.example"}), kExitUsage);
  EXPECT_NE(err_.str().find("what can be set: bulkhead account set --help\n"), std::string::npos) << err_.str();
  EXPECT_EQ(run({"limit", "set", "--account", "ann@acme.example"}), kExitUsage);
  EXPECT_NE(err_.str().find("no limit was given"), std::string::npos) << err_.str();
}

TEST_F(Cli, ShowsWarningsOnStandardError) {
  answer({{"from", "a@acme.example"}, {"warnings", {"b@acme.example does not exist"}}}, 201);
  EXPECT_EQ(run({"alias", "add", "a@acme.example", "--to", "b@acme.example"}), kExitDone);
  EXPECT_EQ(err_.str(), "warning: b@acme.example does not exist\n");
}

TEST_F(Cli, ShowsWarningsOfSearchesOnStandardError) {
  answer({{"items", Json::array()}, {"next", nullptr}, {"warnings", {"there is no account x now"}}});
  EXPECT_EQ(run({"queue", "list", "--account", "x"}), kExitDone);
  EXPECT_EQ(err_.str(), "warning: there is no account x now\n");
}

TEST_F(Cli, TellsWhomABounceReportsTo) {
  const Json reports{{"told", 10}, {"outside", 2}, {"null_sender", 1}, {"unknown", 0}};
  answer(
      {{"deliveries", 13}, {"messages", 13}, {"accounts", 0}, {"active", 0}, {"complete", true}, {"reports", reports}});
  EXPECT_EQ(run({"queue", "bounce", "--site", "example.net"}), kExitDone);
  EXPECT_EQ(
      out_.str(),
      "13 deliveries of 13 messages are returned\n"
      "reports: 10 told to their senders, 2 not told, as senders outside may be forged (--report-to-all would have "
      "told them too), 1 without a sender to tell\n");
}

TEST_F(Cli, SaysNoCountOfReportsThatNobodyHasCounted) {
  const Json reports{{"told", 0}, {"outside", 0}, {"null_sender", 0}, {"unknown", 3}};
  answer({{"deliveries", 3}, {"messages", 3}, {"active", 0}, {"complete", true}, {"reports", reports}});
  EXPECT_EQ(run({"queue", "bounce", "--subject", "offer"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "3 deliveries of 3 messages are returned\n"
            "reports: senders here are told, senders outside only with --report-to-all\n");
}

TEST_F(Cli, LeavesOutTheTenantWhereManyAreCountedTogether) {
  const Json row{{"key", "x.example"}, {"tenant", nullptr}, {"deliveries", 3}};
  for (const char* by : {"site", "source", "tenant"}) {
    answer({{"items", Json::array({row})}});
    EXPECT_EQ(run({"queue", "top", "--by", by}), kExitDone);
    EXPECT_EQ(out_.str().find("TENANT"), std::string::npos) << out_.str();
  }
  answer({{"items", Json::array({row})}});
  EXPECT_EQ(run({"queue", "top", "--by", "account"}), kExitDone);
  EXPECT_NE(out_.str().find("TENANT"), std::string::npos) << out_.str();
}

TEST_F(Cli, SaysWhatALimitIsNow) {
  const Json row{{"from", "account a@b.example"}, {"measure", "messages"}, {"limit", "500/1h"}};
  answer({{"limits", Json::array({row})}, {"warnings", {"look"}}});
  EXPECT_EQ(run({"limit", "set", "--account", "a@b.example", "--messages", "500/h"}), kExitDone);
  EXPECT_EQ(out_.str(), "limit of account a@b.example: messages 500/1h\n");
  EXPECT_EQ(err_.str(), "warning: look\n");
  answer({{"limits", Json::array()}});
  EXPECT_EQ(run({"limit", "set", "--account", "a@b.example", "--messages", "default"}), kExitDone);
  EXPECT_EQ(out_.str(), "limit set: nothing of its own is left\n");
}

TEST_F(Cli, RefusesOddWordsBeforeItAsks) {
  for (const auto& words :
       std::vector<std::vector<std::string>>{{"limit", "warm-up", "--days", "1,,2"},
                                             {"limit", "warm-up", "--days", "1,2,"},
                                             {"queue", "show", ""},
                                             {"queue", "retry", " "},
                                             {"reputation", "show", ""},
                                             {"case", "release", ""},
                                             {"queue", "list", "--limit", "5k"},
                                             {"queue", "list", "--limit", "0"},
                                             {"queue", "hold", "--account", "a", "--account", "b"},
                                             {"limit", "set", "--site", "x", "--connections", "-1"}}) {
    EXPECT_EQ(run(words), kExitUsage) << ::testing::PrintToString(words);
  }
  EXPECT_TRUE(state_.requests.empty());
  EXPECT_EQ(run({"limit", "warm-up", "--days", "1, 2"}), kExitDone);
  EXPECT_EQ(last().body, R"({"days":["1","2"]})");
  EXPECT_EQ(run({"limit", "warm-up", "--days", ""}), kExitDone);
  EXPECT_EQ(last().body, R"({"days":[]})");
}

TEST_F(Cli, TellsThatAPurgeAtWorkGoesOn) {
  answer({{"id", "01JD"}, {"ended", false}, {"left", 12}, {"warnings", {"12 deliveries stay out"}}});
  EXPECT_EQ(run({"queue", "end", "01JD"}), kExitDone);
  EXPECT_EQ(out_.str(), "order 01JD means nothing that follows any more\n");
  EXPECT_EQ(err_.str(), "warning: 12 deliveries stay out\n");
}

TEST_F(Cli, ListsTheNamesOfEvents) {
  EXPECT_EQ(run({"trace", "search", "--help"}), kExitDone);
  EXPECT_NE(out_.str().find("login_failed"), std::string::npos) << out_.str();
}

TEST_F(Cli, EndsWithThreeWhenTheServerIsAway) {
  state_.answers.push_back(fail(ErrorCode::kClosed, "no answer from /run/test.sock"));
  EXPECT_EQ(run({"status"}), kExitNotReachable);
}

TEST_F(Cli, EndsWithTwoOnBadUsage) {
  for (const auto& words : std::vector<std::vector<std::string>>{{},
                                                                 {"tenant"},
                                                                 {"tenant", "fly"},
                                                                 {"tenant", "show"},
                                                                 {"tenant", "show", "a", "b"},
                                                                 {"tenant", "list", "--colour"},
                                                                 {"tenant", "add", "a", "--message-size-max", "big"},
                                                                 {"tenant", "set", "a"},
                                                                 {"alias", "add", "a@b.example"},
                                                                 {"queue", "retry"}}) {
    EXPECT_EQ(run(words), kExitUsage) << ::testing::PrintToString(words);
    EXPECT_NE(err_.str(), "");
  }
  EXPECT_TRUE(state_.requests.empty());
}

TEST_F(Cli, NamesWhatWasWrongWithTheWords) {
  EXPECT_EQ(run({"--config", "x", "alias", "fly", "away"}), kExitUsage);
  EXPECT_EQ(err_.str(), "bulkhead: no command 'alias fly'; there are: add, list, show, remove\n");
  EXPECT_EQ(run({"fly"}), kExitUsage);
  EXPECT_TRUE(err_.str().starts_with("bulkhead: no command 'fly'; there are: serve, version, tenant")) << err_.str();
  EXPECT_EQ(run({"tenant", "show", "a", "b", "c"}), kExitUsage);
  EXPECT_EQ(err_.str(), "bulkhead: not understood: b c\n  see: bulkhead tenant show --help\n");
}

TEST_F(Cli, AdvisesATokenForAServerElsewhere) {
  EXPECT_EQ(run({"status", "--url", "https://mx.example"}), kExitUsage);
  EXPECT_NE(err_.str().find("BULKHEAD_TOKEN"), std::string::npos);
  EXPECT_TRUE(state_.requests.empty());
}

TEST_F(Cli, SetsTheDefaultAddressAsItAddsOne) {
  EXPECT_EQ(run({"address", "set", "--default", "192.0.2.1"}), kExitDone);
  EXPECT_EQ(last().body, R"({"default":true})");
  EXPECT_EQ(run({"address", "set", "192.0.2.1", "--no-default"}), kExitDone);
  EXPECT_EQ(last().body, R"({"default":false})");
}

TEST_F(Cli, ShowsWhoAndWhyInTheTrace) {
  answer({{"items",
           {{{"at", "T"}, {"event", "login"}, {"account", "ann@a.example"}, {"client_ip", "192.0.2.7"}},
            {{"at", "T"}, {"event", "changed"}, {"user", "uid 0"}, {"detail", "tenant acme: added"}}}}});
  EXPECT_EQ(run({"trace", "search", "--sender", "<>"}), kExitDone);
  EXPECT_EQ(last().target, "/api/v1/trace?sender=%3C%3E&limit=100");
  EXPECT_NE(out_.str().find("ann@a.example from 192.0.2.7\n"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("uid 0: tenant acme: added\n"), std::string::npos) << out_.str();
}

TEST_F(Cli, TellsHowMuchOfTheTraceIsNotCovered) {
  answer({{"intact", true}, {"blocks", 0}, {"events", 0}, {"unsettled", 12}, {"faults", Json::array()}});
  EXPECT_EQ(run({"trace", "verify"}), kExitDone);
  EXPECT_NE(out_.str().find("12 events are not covered yet"), std::string::npos) << out_.str();
  EXPECT_NE(out_.str().find("there is nothing to verify yet"), std::string::npos) << out_.str();
  EXPECT_EQ(out_.str().find("intact"), std::string::npos) << out_.str();
}

TEST_F(Cli, ShowsSizesAndTimesForPersons) {
  answer({{"quota", 0}, {"uptime", 93784}});
  EXPECT_EQ(run({"status"}), kExitDone);
  EXPECT_EQ(out_.str(), "quota:  unlimited\nuptime: 1 day 2:03:04\n");
  answer({{"deliveries", 1}, {"messages", 1}});
  EXPECT_EQ(run({"queue", "retry", "--all"}), kExitDone);
  EXPECT_EQ(out_.str(), "1 delivery of 1 message is due now\n");
}

TEST_F(Cli, ExplainsEveryNounAndVerb) {
  for (const auto& noun : nouns()) {
    EXPECT_EQ(run({noun.name, "--help"}), kExitDone);
    EXPECT_NE(out_.str().find("Example"), std::string::npos) << noun.name;
    for (const auto& command : noun.commands) {
      if (command.verb.empty()) continue;
      EXPECT_EQ(run({noun.name, command.verb, "--help"}), kExitDone);
      EXPECT_NE(out_.str().find(command.example), std::string::npos) << noun.name << " " << command.verb;
      EXPECT_TRUE(command.example.starts_with("bulkhead " + noun.name + " " + command.verb)) << command.example;
    }
  }
}

TEST_F(Cli, TakesTheWordsOfHabit) {
  EXPECT_EQ(run({"help"}), kExitDone);
  EXPECT_NE(out_.str().find("tenant"), std::string::npos);
  EXPECT_EQ(run({"help", "tenant", "add"}), kExitDone);
  EXPECT_NE(out_.str().find("bulkhead tenant add"), std::string::npos);
  EXPECT_NE(out_.str().find("Every command takes --json"), std::string::npos);
  EXPECT_EQ(run({"--version"}), kExitDone);
  EXPECT_EQ(out_.str(), "bulkhead 0.1.0\n");
  EXPECT_TRUE(state_.requests.empty());
}

TEST_F(Cli, ImportsQuotasAsTheFlagTakesThem) {
  run({"account", "import", "-"}, "address,quota\na@acme.example,1G\nb@acme.example,lots\n");
  EXPECT_EQ(last().body, "address,quota\na@acme.example,1073741824\nb@acme.example,lots\n");
}

TEST_F(Cli, WarnsWhenATenantLosesItsLastAddress) {
  const Json address{{"ip", "192.0.2.1"}, {"tenant", "acme"}};
  answer(address);
  answer(Json(nullptr));
  answer({{"items", Json::array({address})}, {"next", nullptr}});
  EXPECT_EQ(run({"address", "remove", "192.0.2.1"}), kExitDone);
  EXPECT_EQ(err_.str(), "");
  answer(address);
  answer(Json(nullptr));
  answer({{"items", Json::array()}, {"next", nullptr}});
  EXPECT_EQ(run({"address", "remove", "192.0.2.1"}), kExitDone);
  EXPECT_NE(err_.str().find("acme has no address of its own any more"), std::string::npos) << err_.str();
}

TEST_F(Cli, AsksOnlyForWhatTheApiTakes) {
  for (const auto& noun : nouns()) {
    for (const auto& command : noun.commands) {
      state_.requests.clear();
      std::vector<std::string> words{noun.name};
      if (!command.verb.empty()) words.push_back(command.verb);
      for (const auto& positional : command.positionals) words.push_back(positional.name == "FILE" ? "-" : "1");
      for (const auto& flag : command.flags) {
        words.push_back("--" + flag.name);
        if (flag.kind == ValueKind::kFile) words.emplace_back("");
        if (flag.kind == ValueKind::kText || flag.kind == ValueKind::kList || flag.kind == ValueKind::kNumber ||
            flag.kind == ValueKind::kSize)
          words.emplace_back("1");
        if (flag.kind == ValueKind::kYesNo) words.emplace_back("yes");
      }
      run(words, "address\nx@acme.example\n");
      ASSERT_FALSE(state_.requests.empty()) << ::testing::PrintToString(words) << err_.str();
      const auto& request = last();
      proto::http::Request http{
          .method = request.method, .path = request.target, .query = {}, .headers = {}, .body = request.body};
      if (const auto mark = request.target.find('?'); mark != std::string::npos) {
        http.path = request.target.substr(0, mark);
        http.query = proto::http::parse_query(std::string_view{request.target}.substr(mark + 1)).value();
      }
      const auto match = match_endpoint(http.method, http.path);
      ASSERT_NE(match.endpoint, nullptr) << http.method << " " << http.path;
      const auto call = read_call(*match.endpoint, http);
      EXPECT_TRUE(call) << ::testing::PrintToString(words) << call.error().message;
    }
  }
}

TEST_F(Cli, ReadsPasswordsFromStandardInputOrTheTerminal) {
  EXPECT_EQ(run({"account", "add", "a@acme.example", "--password-stdin"}, "pass word\r\nmore\n"), kExitDone);
  EXPECT_EQ(last().body, R"({"address":"a@acme.example","password":"pass word"})");
  EXPECT_EQ(run({"account", "passwd", "a@acme.example"}), kExitDone);
  EXPECT_EQ(last().body, R"({"password":"typed password"})");
  EXPECT_EQ(run({"account", "passwd", "a@acme.example", "--none"}), kExitDone);
  EXPECT_EQ(last().body, R"({"password":null})");
  EXPECT_EQ(run({"account", "passwd", "a@acme.example", "--password-stdin"}, ""), kExitUsage);
}

TEST_F(Cli, ImportsInPartsAndTellsTheLinesOfTheFile) {
  std::string csv = "address,name\n";
  for (int i = 0; i < 51; ++i) csv += "u" + std::to_string(i) + "@acme.example,\"two\nlines\"\n";
  answer({{"created", 50}, {"failed", Json::array()}});
  answer({{"created", 0}, {"failed", {{{"line", 2}, {"message", "the name is taken"}}}}});
  EXPECT_EQ(run({"account", "import", "-"}, csv), kExitRefused);
  EXPECT_EQ(state_.requests.size(), 2U);
  EXPECT_EQ(last().body, "address,name\nu50@acme.example,\"two\nlines\"\n");
  EXPECT_NE(err_.str().find("line 102: the name is taken"), std::string::npos) << err_.str();
  EXPECT_NE(out_.str().find("50 accounts added, 1 refused"), std::string::npos);
}

TEST_F(Cli, PrintsTheRecordsAsAZoneFile) {
  answer({{"domain", "a.example"},
          {"records", {{{"name", "a.example."}, {"type", "TXT"}, {"value", "v=spf1 -all"}, {"purpose", "SPF"}}}}});
  EXPECT_EQ(run({"domain", "dns", "a.example"}), kExitDone);
  EXPECT_EQ(out_.str(), "; SPF\na.example. IN TXT \"v=spf1 -all\"\n");
}

TEST_F(Cli, FollowsTheTraceLineByLine) {
  state_.answers.push_back(ApiAnswer{200, "\n{\"at\":\"T\",\"event\":\"bounced\",\"sender\":\"a\\u001b\"}\n\n"});
  EXPECT_EQ(run({"trace", "follow", "--event", "bounced"}), kExitRefused) << "the server has ended it";
  EXPECT_EQ(out_.str(), "T bounced sender=a\\x1b\n");
  EXPECT_NE(err_.str().find("the server has ended the stream"), std::string::npos) << err_.str();
}

TEST_F(Cli, RunsLocalCommandsWithTheConfiguration) {
  EXPECT_EQ(run({"serve", "--config", "/tmp/x.toml"}), 7);
  EXPECT_EQ(configuration_file_, "/tmp/x.toml");
  EXPECT_EQ(run({"version"}), kExitDone);
  EXPECT_EQ(out_.str(), "bulkhead 0.1.0\n");
}

}  // namespace
}  // namespace bulkhead::admin::cli
