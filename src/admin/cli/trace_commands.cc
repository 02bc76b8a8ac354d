#include <csignal>
#include <cstdlib>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/cli/actions.h"
#include "src/trace/event_names.h"

namespace bulkhead::admin::cli {
namespace {

std::vector<Argument> filters() {
  return {{.name = "tenant", .help = "Of this tenant"},
          {.name = "account", .help = "Of this account"},
          {.name = "sender", .help = "From this envelope sender; '<>' is the null sender"},
          {.name = "recipient", .help = "To this recipient"},
          {.name = "recipient-domain", .help = "To this domain"},
          {.name = "site", .help = "To this remote site: a provider, or the MX hosts, as queue list names it"},
          {.name = "source", .help = "Left from this address"},
          {.name = "client-ip", .help = "Handed in by this client"},
          {.name = "subject", .help = "With this in the subject"},
          {.name = "id", .help = "Of this message"},
          {.name = "message-id", .help = "With this header field Message-ID"},
          {.name = "since", .help = "From this time on: 2026-11-23T00:00:00Z, 2026-11-23, or 1h for an hour ago"},
          {.name = "until", .help = "Up to this time"},
          {.name = "older-than", .help = "At least this long ago: 90s, 15m, 1h or 5d"},
          {.name = "event", .help = fmt::format("One of: {}", fmt::join(trace::event_names(), ", "))},
          {.name = "user", .help = "Changed by this caller"},
          {.name = "protocol", .help = "smtp, submission, submissions, api, …"}};
}

constexpr std::size_t kDetailMax = 200;
constexpr std::size_t kShownUsually = 100;

const Columns kColumns{{"AT", "at"},         {"EVENT", "event"},
                       {"ID", "id"},         {"TENANT", "tenant"},
                       {"SENDER", "sender"}, {"RECIPIENT", "recipient"},
                       {"SOURCE", "source"}, {"REMOTE", "remote"},
                       {"REPLY", "reply"},   {"DETAIL", "what", kDetailMax}};

// Who and why, of the fields that apply: "uid 0: tenant acme: added", "ann@acme.example from 192.0.2.7".
std::string detail_of(const Json& event) {
  std::string text;
  const auto add = [&](const char* field, const char* before) {
    const auto& value = member(event, field);
    if (!value.is_string() || value == "") return;
    text += (text.empty() ? "" : before) + value.get<std::string>();
  };
  const bool is_change = !member(event, "user").is_null();
  add(is_change ? "user" : "account", " ");
  if (!member(event, "client_ip").is_null()) text += (text.empty() ? "from " : " from ");
  add("client_ip", "");
  add("verdict", ": ");
  add("rule", ": ");
  add("detail", ": ");
  return text;
}

Status search(CommandContext& context, const Arguments& arguments) {
  const auto limit = limit_of(arguments, kShownUsually);
  if (!limit) return fail(limit.error());
  const auto query = query_of(context, arguments);
  if (!query) return fail(query.error());
  Output::List list{context.output, kColumns};
  const auto add = [&](const Json& event) {
    Json row = event;
    if (!context.output.is_json() && event.is_object()) row["what"] = detail_of(event);
    list.add(row);
  };
  if (auto listed = context.api.each_item("/trace" + *query, *limit, add); !listed) return listed;
  list.finish();
  return {};
}

Status show(CommandContext& context, const Arguments& arguments) {
  const auto found = context.api.get(path_of("trace", arguments, "NAME"));
  if (!found) return fail(found.error());
  if (context.output.is_json()) {
    context.output.object(*found);
    return {};
  }
  context.output.object(Json{{"id", member(*found, "id")}, {"events", member(*found, "events")}});
  return {};
}

// An event on one line: "AT EVENT field=value …".
std::string event_line(const Json& event) {
  std::string line = format_value(member(event, "at")) + " " + format_value(member(event, "event"));
  for (const auto& [name, value] : event.items()) {
    if (name == "at" || name == "event" || name == "recipients") continue;
    line += " " + name + "=" + format_value(value);
  }
  return line;
}

Status follow(CommandContext& context, const Arguments& arguments) {
  const auto query = query_of(context, arguments);
  if (!query) return fail(query.error());
  // It goes on for ever: Ctrl-C is how it is meant to end.
  std::signal(SIGINT, [](int) { std::_Exit(0); });
  const auto followed = context.api.each_line("/trace/follow" + *query, [&context](std::string_view text) {
    const auto event = parse_json(text);
    if (event) context.output.line(context.output.is_json() ? std::string{text} : event_line(*event));
    return true;
  });
  if (!followed) return followed;
  // An end in good order is the server's.
  return fail(ErrorCode::kCancelled, "the server has ended the stream: it stops, or the token is valid no longer",
              "what came since then, once it runs again: bulkhead trace search --since 1h");
}

Status verify(CommandContext& context, const Arguments& /*arguments*/) {
  const auto found = context.api.get("/trace/verify");
  if (!found) return fail(found.error());
  const bool is_empty = member(*found, "blocks") == 0 && member(*found, "intact") == true;
  if (is_empty && !context.output.is_json()) {
    context.output.line("there is nothing to verify yet: no block of the chain was written so far");
  } else {
    context.output.object(*found);
  }
  if (const auto& unsettled = member(*found, "unsettled"); !context.output.is_json() && unsettled > 0) {
    context.output.line(fmt::format("{} not covered yet: the newest events join the chain within minutes",
                                    counted(unsettled, "event is", "events are")));
  }
  if (member(*found, "intact") == true) return {};
  return fail(ErrorCode::kCorrupt, "the trace was altered or damaged");
}

}  // namespace

Noun trace_commands() {
  return {"trace",
          "What happened to messages",
          {
              {"search",
               "Search events, the newest first",
               "bulkhead trace search --recipient bob@example.com --since 1d",
               {},
               with_limit(filters(), "At most this many; 100 when absent"),
               search},
              {"show",
               "Show everything that happened to a message",
               "bulkhead trace show 01JDABCDEFGHJKMNPQRSTVWXYZ",
               {subject("Id of the message")},
               {},
               show},
              {"follow",
               "Print events as they happen",
               "bulkhead trace follow --tenant acme --event bounced",
               {},
               filters(),
               follow},
              {"verify", "Check that nothing was altered or removed", "bulkhead trace verify", {}, {}, verify},
          }};
}

}  // namespace bulkhead::admin::cli
