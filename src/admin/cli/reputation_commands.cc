#include <fmt/format.h>

#include "src/admin/cli/actions.h"
#include "src/admin/cli/queue_arguments.h"
#include "src/proto/http/request.h"

namespace bulkhead::admin::cli {
namespace {

const Columns kCaseColumns{{"CASE", "id"},          {"STATUS", "status"}, {"STATE", "state"},
                           {"KIND", "kind"},        {"NAME", "name"},     {"TENANT", "tenant"},
                           {"OPENED", "opened_at"}, {"UNTIL", "until"},   {"RULE", "rule"}};

Status purge(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto answer = context.api.post(path_of("cases", arguments, "NAME") + "/purge", *body);
  if (!answer) return fail(answer.error());
  context.output.done(*answer, order_sentence(*answer, "purged", arguments.has("dry-run")));
  return {};
}

// POST to /cases/NAME/VERB, or PUT to /reputation/NAME/PART.
CommandFunction decide(std::string verb, std::string done) {
  return
      [verb = std::move(verb), done = std::move(done)](CommandContext& context, const Arguments& arguments) -> Status {
        const auto body = body_of(context, arguments);
        if (!body) return fail(body.error());
        const auto answer = context.api.post(path_of("cases", arguments, "NAME") + "/" + verb, *body);
        if (!answer) return fail(answer.error());
        context.output.done(*answer, fmt::format("case {} {}", arguments.text("NAME"), done));
        return {};
      };
}

Status exempt(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto answer = context.api.post(path_of("reputation", arguments, "NAME") + "/exemption", *body);
  if (!answer) return fail(answer.error());
  const auto& until = member(*answer, "exempt_until");
  context.output.done(*answer, fmt::format("{}: {}", arguments.text("NAME"),
                                           until.is_string() ? "exempt until " + until.get<std::string>()
                                                             : std::string{"the exemption has ended"}));
  return {};
}

Status set_state(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto answer = context.api.patch(path_of("reputation", arguments, "NAME"), *body);
  if (!answer) return fail(answer.error());
  auto text = fmt::format("{} is {}", arguments.text("NAME"), format_value(member(*answer, "state")));
  for (const auto* name : {"until", "case"}) {
    const auto& value = member(*answer, name);
    if (value.is_string()) text += fmt::format(", {} {}", name, format_value(value));
  }
  context.output.done(*answer, text);
  return {};
}

// Comments and lines "match …", whose control characters the server has escaped.
Status unknown_replies(CommandContext& context, const Arguments& arguments) {
  if (context.output.is_json() || !arguments.has("export")) {
    return list_of("reputation/replies",
                   {{"COUNT", "count"}, {"PROVIDER", "provider"}, {"STAGE", "stage"}, {"SAMPLE", "sample", 160}})(
        context, arguments);
  }
  return context.api.each_item("/reputation/replies", 0, [&context](const Json& item) {
    const auto& fixture = member(item, "fixture");
    if (!fixture.is_string()) return;
    const auto text = fixture.get<std::string>();
    context.output.line(text.substr(0, text.find_last_not_of('\n') + 1));
  });
}

Status history(CommandContext& context, const Arguments& arguments) {
  Output::List list{context.output, {{"AT", "at"}, {"CASE", "case"}, {"BY", "by"}, {"WHAT", "what", 200}}};
  auto listed = context.api.each_item(path_of("reputation", arguments, "NAME") + "/history", 0,
                                      [&list](const Json& item) { list.add(item); });
  if (listed) list.finish();
  return listed;
}

// The scope's own settings, and the rules as a table.
void show_policy(Output& output, const Json& policy) {
  if (output.is_json()) return output.object(policy);
  Json head = policy;
  head.erase("rules");
  output.object(head);
  output.line("");
  Output::List list{output,
                    {{"RULE", "rule"},
                     {"KIND", "kind"},
                     {"LEADS TO", "leads_to"},
                     {"SIGNAL", "signal"},
                     {"WITHIN", "within"},
                     {"COUNT", "count"},
                     {"SHARE", "share_over"},
                     {"VOLUME", "volume"},
                     {"SHADOW", "shadow"},
                     {"OWN", "own"}}};
  for (auto rule : member(policy, "rules")) {
    const auto share = member(rule, "share_over");
    if (share.is_number()) rule["share_over"] = fmt::format("{:.4g}%", share.get<double>() * 100);
    list.add(rule);
  }
  list.finish();
}

// As body_of(); the word "default" is null, which gives a setting back.
Result<Json> policy_body(const CommandContext& context, const Arguments& arguments) {
  Arguments others;
  Json given_back = Json::object();
  for (const auto& flag : context.command.flags) {
    if (!arguments.has(flag.name)) continue;
    const auto text = arguments.text(flag.name);
    if (text == "default") {
      given_back[flag.api_field()] = nullptr;
    } else {
      others.set(flag.name, {text});
    }
  }
  auto body = body_of(context, others);
  if (body) body->update(given_back);
  return body;
}

// Shows the policy of a scope, or sets it when something to set is given.
Status policy(CommandContext& context, const Arguments& arguments) {
  const auto body = policy_body(context, arguments);
  if (!body) return fail(body.error());
  std::string query;
  std::size_t which = 0;
  for (const auto* name : {"tenant", "plan", "rule"}) {
    if (!arguments.has(name)) continue;
    const auto value = proto::http::percent_encode(arguments.text(name));
    query += fmt::format("{}{}={}", which++ == 0 ? '?' : '&', name, value);
  }
  const bool is_change = body->size() > which;
  const auto answer =
      is_change ? context.api.patch("/reputation/policy", *body) : context.api.get("/reputation/policy" + query);
  if (!answer) return fail(answer.error());
  show_policy(context.output, *answer);
  return {};
}

// A setting that "default" gives back to what holds above the scope.
Argument given_back(std::string name, std::string help, ValueKind kind) {
  return {.name = std::move(name), .help = std::move(help) + "; default gives it back", .kind = kind};
}

std::vector<Argument> order_flags(std::string usual) {
  return {{.name = "for", .help = "How long: 90s, 15m, 4h, 7d; " + usual + " when absent"},
          {.name = "reason", .help = "Why, for those who look later", .is_required = true}};
}

std::vector<Command> changing_commands() {
  const auto who = subject("user@domain, a source address, IP@SITE, client:IP, domain:NAME or tenant:NAME");
  auto set_flags = order_flags("a day");
  set_flags.insert(
      set_flags.begin(),
      {.name = "state", .help = "normal, restored, watched, throttled or quarantined", .is_required = true});
  return {{"set",
           "Put somebody into a state",
           "bulkhead reputation set info@acme.example --state quarantined --for 2d --reason 'stolen password'",
           {who},
           std::move(set_flags),
           set_state},
          {"exempt",
           "Let rules only report about somebody for a while; --for 0 ends that",
           "bulkhead reputation exempt news@acme.example --for 7d --reason 'annual mailing'",
           {who},
           order_flags("7 days"),
           exempt},
          {"policy",
           "Show the rules that hold for the node, a plan or a tenant, or set something of them",
           "bulkhead reputation policy --tenant acme --shadow yes",
           {},
           {{.name = "tenant", .help = "Of this tenant"},
            {.name = "plan", .help = "Of the plan new, normal or bulk"},
            given_back("shadow", "Whether rules only report", ValueKind::kYesNo),
            given_back("lock-sign-in", "Whether the password of a quarantined account is locked", ValueKind::kYesNo),
            {.name = "rule", .help = "Only this rule, which --count, --share, --volume and --rule-shadow are about"},
            given_back("count", "From how many on the rule fires", ValueKind::kNumber),
            given_back("share", "Over which share it fires: 0.5%", ValueKind::kText),
            given_back("volume", "Below which volume a share says nothing", ValueKind::kNumber),
            given_back("rule-shadow", "Whether this rule only reports", ValueKind::kYesNo)},
           policy}};
}

}  // namespace

Noun reputation_commands() {
  const auto who = subject("user@domain, a source address, IP@SITE, client:IP, domain:NAME or tenant:NAME");
  Noun noun{"reputation",
            "How accounts, tenants, addresses and clients stand",
            {{"list",
              "List who is not in the normal state, the worst first",
              "bulkhead reputation list --state throttled",
              {},
              with_limit({{.name = "tenant", .help = "Of this tenant"},
                          {.name = "kind", .help = "account, tenant, domain, address, address-site, client or site"},
                          {.name = "state", .help = "This state or a worse one; restored when absent"},
                          {.name = "exempt",
                           .help = "Only those that are exempt now, in whatever state",
                           .kind = ValueKind::kSwitch}},
                         "At most this many; the first page when absent"),
              list_of("reputation", {{"KIND", "kind"},
                                     {"NAME", "name"},
                                     {"TENANT", "tenant"},
                                     {"STATE", "state"},
                                     {"SINCE", "since"},
                                     {"UNTIL", "until"},
                                     {"EXEMPT", "exempt_until"}})},
             {"show",
              "Show how somebody stands, and why, in words",
              "bulkhead reputation show info@acme.example",
              {who},
              {},
              show_of("reputation")},
             {"history",
              "Show all that was done about somebody",
              "bulkhead reputation history info@acme.example",
              {who},
              {},
              history}}};
  for (auto& command : changing_commands()) noun.commands.push_back(std::move(command));
  noun.commands.push_back({"replies",
                           "List replies of remote servers that no rule knows, the most frequent first",
                           "bulkhead reputation replies --export > unknown.txt",
                           {},
                           {{.name = "export",
                             .help = "As text that rules begin with: for a file of its own, never the one in use",
                             .kind = ValueKind::kSwitch,
                             .field = "-"}},
                           unknown_replies});
  noun.commands.push_back(
      {"rules",
       "List how often each rule has read a reply since the start",
       "bulkhead reputation rules",
       {},
       {},
       list_of("reputation/rules", {{"RULE", "rule"}, {"DECIDED", "decided"}, {"IN SHADOW", "shadow"}})});
  return noun;
}

Noun case_commands() {
  const auto id = subject("Id of the case");
  return {"case",
          "Outbreaks and quarantines under investigation",
          {{"list",
            "List cases, the newest first",
            "bulkhead case list --status open",
            {},
            with_limit({{.name = "tenant", .help = "Of this tenant"},
                        {.name = "status", .help = "open, closed, released, expired or reported"},
                        {.name = "state", .help = "normal, restored, watched, throttled or quarantined"},
                        {.name = "kind", .help = "account, tenant, domain, address, address-site, client or site"},
                        {.name = "name", .help = "Of whom"}},
                       "At most this many; all when absent"),
            list_of("cases", kCaseColumns)},
           {"show",
            "Show a case: the evidence, what was done, and until when",
            "bulkhead case show 01JDABCDEFGHJKMNPQRSTVWXYZ",
            {id},
            {},
            show_of("cases")},
           {"release",
            "Undo what was done: mail goes on, with thresholds halved for a week",
            "bulkhead case release 01JDABCDEFGHJKMNPQRSTVWXYZ",
            {id},
            {{.name = "reason", .help = "Why, for those who look later"}},
            decide("release", "released")},
           {"close",
            "Close a case; what was done goes on until it ends by itself",
            "bulkhead case close 01JDABCDEFGHJKMNPQRSTVWXYZ",
            {id},
            {},
            decide("close", "closed")},
           {"purge",
            "Throw away what the case's account or tenant has in the queue, while the case is in force",
            "bulkhead case purge 01JDABCDEFGHJKMNPQRSTVWXYZ",
            {id},
            {{.name = "dry-run", .help = "Count only, change nothing", .kind = ValueKind::kSwitch}},
            purge}}};
}

}  // namespace bulkhead::admin::cli
