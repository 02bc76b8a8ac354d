#include <fmt/format.h>

#include "src/admin/cli/actions.h"
#include "src/admin/cli/queue_arguments.h"

namespace bulkhead::admin::cli {

std::vector<Argument> queue_selector_flags() {
  return {{.name = "tenant", .help = "Of this tenant"},
          {.name = "account", .help = "Charged to this account"},
          {.name = "sender", .help = "From this envelope sender; '<>' is the null sender"},
          {.name = "recipient", .help = "To this recipient"},
          {.name = "recipient-domain", .help = "To this domain"},
          {.name = "site", .help = "For this site"},
          {.name = "source", .help = "Leaving from this address"},
          {.name = "client-ip", .help = "Handed in by this client"},
          {.name = "state", .help = "ready, active, scheduled or held"},
          {.name = "older-than", .help = "Queued at least this long: 15m, 1h, 5d"},
          {.name = "subject", .help = "With this in the subject"},
          {.name = "id", .help = "This message"}};
}

std::vector<Argument> with_all(std::vector<Argument> flags) {
  flags.push_back({.name = "all", .help = "Everything, when no selector is given", .kind = ValueKind::kSwitch});
  return flags;
}

namespace {

Status count(CommandContext& context, const Arguments& arguments) {
  const auto query = query_of(context, arguments);
  if (!query) return fail(query.error());
  const auto counts = context.api.get("/queue/count" + *query);
  if (!counts) return fail(counts.error());
  Json shown = *counts;
  if (!context.output.is_json()) shown.erase("warnings");
  context.output.object(shown);
  if (!context.output.is_json()) show_warnings(context.output, *counts);
  return {};
}

Status retry(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  if (body->empty())
    return fail(ErrorCode::kInvalid, "say which: give a selector, or --all",
                "see what there is to say with: bulkhead queue retry --help");
  const auto answer = context.api.post("/queue/retry", *body);
  if (!answer) return fail(answer.error());
  const auto& deliveries = member(*answer, "deliveries");
  context.output.done(*answer, fmt::format("{} of {} {} due now", counted(deliveries, "delivery", "deliveries"),
                                           counted(member(*answer, "messages"), "message", "messages"),
                                           deliveries == 1 ? "is" : "are"));
  return {};
}

}  // namespace

Noun queue_commands() {
  const Argument id = subject("Id of the message");
  Noun noun{"queue",
            "Mail that waits or is on its way",
            {
                {"list",
                 "List deliveries, the oldest first",
                 "bulkhead queue list --tenant acme --state held",
                 {},
                 with_limit(queue_selector_flags(), "At most this many; all when absent"),
                 list_of("queue", {{"ID", "id"},
                                   {"STATE", "state"},
                                   {"TENANT", "tenant"},
                                   {"SENDER", "sender"},
                                   {"RECIPIENTS", "recipients"},
                                   {"SOURCE", "source"},
                                   {"SITE", "site"},
                                   {"TRIES", "attempts"},
                                   {"NEXT", "next_attempt"},
                                   {"REASON", "reason.code"}})},
                {"count",
                 "Count deliveries by state",
                 "bulkhead queue count --older-than 1h",
                 {},
                 queue_selector_flags(),
                 count},
                {"show",
                 "Show the deliveries of a message",
                 "bulkhead queue show 01JDABCDEFGHJKMNPQRSTVWXYZ",
                 {id},
                 {},
                 show_of("queue")},
                {"why",
                 "Say why a message waits, and what to do",
                 "bulkhead queue why 01JDABCDEFGHJKMNPQRSTVWXYZ",
                 {id},
                 {},
                 show_of("queue", "/why")},
                {"retry",
                 "Try scheduled deliveries now",
                 "bulkhead queue retry --recipient-domain example.com",
                 {{.name = "ID", .help = "Only this message", .field = "id"}},
                 with_all(queue_selector_flags()),
                 retry},
            }};
  for (auto& command : directive_commands()) noun.commands.push_back(std::move(command));
  return noun;
}

}  // namespace bulkhead::admin::cli
