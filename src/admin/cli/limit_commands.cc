#include <algorithm>

#include <fmt/format.h>

#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

std::vector<Argument> subjects() {
  return {
      {.name = "account", .help = "Of this account, by address or id"},
      {.name = "tenant", .help = "Of all accounts of this tenant together"},
      {.name = "reseller", .help = "Of a tenant and all that it owns, together"},
      {.name = "address", .help = "Of all that is handed in on this source address; with --site, of what leaves there"},
      {.name = "site", .help = "Of all that leaves to this site"},
      {.name = "plan", .help = "Of each account of the plan: new, normal or bulk"}};
}

std::vector<Argument> with_values(std::vector<Argument> flags) {
  for (const auto& value : std::vector<Argument>{
           {.name = "messages", .help = "500/1h (500/h is the same), '500/1h burst 50', none, or default"},
           {.name = "recipients", .help = "The same of recipients"},
           {.name = "bytes", .help = "The same of bytes: 10G/1d"},
           {.name = "connections", .help = "Open at once; of a site", .kind = ValueKind::kNumber},
           {.name = "messages-per-connection", .help = "Of a site", .kind = ValueKind::kNumber},
           {.name = "days", .help = "How long an account is new; of the plan new", .kind = ValueKind::kNumber}}) {
    flags.push_back(value);
  }
  return flags;
}

// What holds now, as the server has read it: "limit of account ann@acme.example: messages 500/1h".
std::string set_sentence(const Json& limits) {
  std::string values;
  for (const auto& row : limits) {
    values += fmt::format("{}{} {}", values.empty() ? "" : ", ", format_value(member(row, "measure")),
                          format_value(member(row, "limit")));
  }
  if (values.empty()) return "limit set: nothing of its own is left";
  return fmt::format("limit of {}: {}", format_value(member(limits.front(), "from")), values);
}

Status set_limit(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto flags = with_values({});
  const bool has_value = std::ranges::any_of(flags, [&](const auto& flag) { return arguments.has(flag.name); });
  if (!has_value) return fail(ErrorCode::kInvalid, "no limit was given", "what can be set: bulkhead limit set --help");
  const auto set = context.api.patch("/limits", *body);
  if (!set) return fail(set.error());
  context.output.done(*set, set_sentence(member(*set, "limits")));
  show_warnings(context.output, *set);
  return {};
}

Status unset_limit(CommandContext& context, const Arguments& arguments) {
  const auto query = query_of(context, arguments);
  if (!query) return fail(query.error());
  const auto removed = context.api.remove("/limits" + *query);
  if (!removed) return fail(removed.error());
  context.output.done(*removed, "limit unset");
  return {};
}

Status warm_up(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto table = body->empty() ? context.api.get("/limits/warm-up") : context.api.put("/limits/warm-up", *body);
  if (!table) return fail(table.error());
  context.output.object(*table);
  return {};
}

}  // namespace

Noun limit_commands() {
  return {"limit",
          "How much may be sent",
          {
              {"list",
               "List limits with their present use; of an account: all that it falls under",
               "bulkhead limit list --account anna@acme.example",
               {},
               {{.name = "account", .help = "All that this account's mail falls under"},
                {.name = "tenant", .help = "Only of this tenant, its accounts and addresses"},
                {.name = "reseller", .help = "Of a tenant and all that it owns, together"},
                {.name = "address", .help = "Of this source address, and of what leaves from there to a site"},
                {.name = "site", .help = "Of this site; with --address, of what leaves from there to it"},
                {.name = "plan", .help = "Of the plan new, normal or bulk"}},
               list_of("limits", {{"SCOPE", "scope"},
                                  {"NAME", "name"},
                                  {"MEASURE", "measure"},
                                  {"LIMIT", "limit"},
                                  {"USED", "used"},
                                  {"FREE AGAIN AT", "free_at"},
                                  {"FROM", "from"}})},
              {"set",
               "Set a limit",
               "bulkhead limit set --account anna@acme.example --messages 500/1h --recipients 2000/1d",
               {},
               with_values(subjects()),
               set_limit},
              {"unset",
               "Take a subject's limits away",
               "bulkhead limit unset --account anna@acme.example",
               {},
               subjects(),
               unset_limit},
              {"warm-up",
               "Show, or set with --days, what a new address may send to one site on its first day, its second, …",
               "bulkhead limit warm-up --days 50,100,200,400",
               {},
               {{.name = "days", .help = "Messages of each day; '' for no warm-up", .kind = ValueKind::kList}},
               warm_up},
          }};
}

}  // namespace bulkhead::admin::cli
