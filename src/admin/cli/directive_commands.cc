// Orders about a part of the queue, and who has the most in it.
#include <fmt/format.h>

#include "src/admin/cli/actions.h"
#include "src/admin/cli/queue_arguments.h"

namespace bulkhead::admin::cli {
namespace {

std::vector<Argument> order_flags() {
  auto flags = with_all(queue_selector_flags());
  flags.push_back({.name = "dry-run", .help = "Count and show samples, change nothing", .kind = ValueKind::kSwitch});
  flags.push_back({.name = "and-future", .help = "Also what is accepted later", .kind = ValueKind::kSwitch});
  return flags;
}

const Columns kSampleColumns{{"ID", "id"},           {"STATE", "state"},    {"TENANT", "tenant"},
                             {"ACCOUNT", "account"}, {"SENDER", "sender"},  {"RECIPIENTS", "recipients"},
                             {"SITE", "site"},       {"SUBJECT", "subject"}};

void show_samples(Output& output, const Json& answer) {
  if (output.is_json() || member(answer, "samples").empty()) return;
  Output::List list{output, kSampleColumns};
  for (const auto& sample : member(answer, "samples")) list.add(sample);
  list.finish();
}

}  // namespace

std::string order_sentence(const Json& answer, const std::string& done, bool is_dry_run) {
  const bool is_exact = member(answer, "exact") != false;
  auto text = fmt::format("{}{} of {}", is_exact ? "" : "about ",
                          counted(member(answer, "deliveries"), "delivery", "deliveries"),
                          counted(member(answer, "messages"), "message", "messages"));
  // Accounts are counted only for orders that counters answer.
  if (const auto& accounts = member(answer, "accounts"); accounts.is_number() && accounts != 0)
    text += " of " + counted(member(answer, "accounts"), "account", "accounts");
  text += member(answer, "deliveries") == 1 ? " is " : " are ";
  text += is_dry_run ? "meant; nothing was changed" : done;
  if (!is_dry_run && member(answer, "active") != 0)
    text += fmt::format("; {} of them under way, whose attempts end first", format_value(member(answer, "active")));
  if (member(answer, "complete") == false)
    text += "; the queue is still being looked through, see: bulkhead queue directives";
  return text;
}

namespace {

constexpr std::string_view kNotCounted = "senders here are told, senders outside only with --report-to-all";

// Whom an order to bounce tells; "" for other orders.
std::string report_sentence(const Json& reports, bool is_dry_run) {
  if (!reports.is_object()) return {};
  const auto count = [&reports](const char* name) {
    const auto& value = member(reports, name);
    return value.is_number_unsigned() ? value.get<std::uint64_t>() : 0;
  };
  const auto known = count("told") + count("outside") + count("null_sender");
  if (known + count("unknown") == 0) return {};
  if (known == 0) return fmt::format("reports: {}", kNotCounted);
  auto text = fmt::format("reports: {} told to {}", count("told"), count("told") == 1 ? "its sender" : "their senders");
  if (count("outside") > 0) {
    text += fmt::format(", {} not told, as senders outside may be forged ({})", count("outside"),
                        is_dry_run ? "--report-to-all tells them too" : "--report-to-all would have told them too");
  }
  if (count("null_sender") > 0) text += fmt::format(", {} without a sender to tell", count("null_sender"));
  if (count("unknown") > 0) {
    text += fmt::format(", and of {} more {}", count("unknown"), kNotCounted);
  }
  return text;
}

// What the verb does to what it means, as "are …".
CommandFunction order_of(std::string verb, std::string done) {
  return
      [verb = std::move(verb), done = std::move(done)](CommandContext& context, const Arguments& arguments) -> Status {
        const auto body = body_of(context, arguments);
        if (!body) return fail(body.error());
        const auto answer = context.api.post("/queue/" + verb, *body);
        if (!answer) return fail(answer.error());
        show_samples(context.output, *answer);
        context.output.done(*answer, order_sentence(*answer, done, arguments.has("dry-run")));
        const auto reports = report_sentence(member(*answer, "reports"), arguments.has("dry-run"));
        if (!reports.empty() && !context.output.is_json()) context.output.line(reports);
        show_warnings(context.output, *answer);
        for (const auto& text : member(*answer, "overridden")) {
          context.output.warn("ended by this order: " + text.get<std::string>());
        }
        return {};
      };
}

Command order(std::string verb, std::string help, std::string example, std::string done, std::vector<Argument> flags) {
  auto run = order_of(verb, std::move(done));
  return {std::move(verb), std::move(help), std::move(example), {}, std::move(flags), std::move(run)};
}

Status end_order(CommandContext& context, const Arguments& arguments) {
  const auto ended = context.api.remove(path_of("queue/directives", arguments, "NAME"));
  if (!ended) return fail(ended.error());
  const bool is_over = member(*ended, "ended") != false;
  context.output.done(*ended, fmt::format("order {} {}", arguments.text("NAME"),
                                          is_over ? "removed" : "means nothing that follows any more"));
  show_warnings(context.output, *ended);
  return {};
}

}  // namespace

namespace {

// Where the rows are tenants, or have many, a column of tenants says nothing.
Status top(CommandContext& context, const Arguments& arguments) {
  const auto by = arguments.text("by");
  Columns columns{{"KEY", "key"}};
  if (by != "tenant" && by != "site" && by != "source") columns.push_back({"TENANT", "tenant"});
  for (const Column& column : Columns{{"DELIVERIES", "deliveries"},
                                      {"READY", "ready"},
                                      {"ACTIVE", "active"},
                                      {"SCHEDULED", "scheduled"},
                                      {"HELD", "held"}}) {
    columns.push_back(column);
  }
  return list_of("queue/top", std::move(columns))(context, arguments);
}

}  // namespace

std::vector<Command> directive_commands() {
  auto bounce_flags = order_flags();
  bounce_flags.push_back({.name = "report-to-all",
                          .help = "Report also to senders outside, who may be forged",
                          .kind = ValueKind::kSwitch});
  auto top_flags = queue_selector_flags();
  top_flags.push_back(
      {.name = "by", .help = "account, tenant, sender, client-ip, site or source; account when absent"});
  return {
      {"top",
       "Show who has the most in the queue",
       "bulkhead queue top --by account",
       {},
       with_limit(std::move(top_flags), "At most this many; the first 500 when absent"),
       top},
      order("hold", "Hold mail until it is released; no attempt is used and it does not expire",
            "bulkhead queue hold --account info@acme.example --and-future", "held", order_flags()),
      order("release", "Release what is held", "bulkhead queue release --account info@acme.example", "released",
            order_flags()),
      order("purge", "Remove mail without a report to its sender",
            "bulkhead queue purge --account info@acme.example --dry-run", "purged", order_flags()),
      order("bounce", "Return mail; senders here are told, those outside only with --report-to-all",
            "bulkhead queue bounce --site example.net", "returned", std::move(bounce_flags)),
      {"directives",
       "List the orders that are in force, and what they have done",
       "bulkhead queue directives",
       {},
       {{.name = "tenant", .help = "Of this tenant"}},
       list_of("queue/directives", {{"ID", "id"},
                                    {"ACTION", "action"},
                                    {"TENANT", "tenant"},
                                    {"SELECTOR", "selector"},
                                    {"FUTURE", "and_future"},
                                    {"GIVEN", "given_at"},
                                    {"BY", "by"},
                                    {"HELD", "progress.held"},
                                    {"LEFT", "progress.left"},
                                    {"DONE", "progress.done"}})},
      {"end",
       "End an order: what it held goes on, what it excepted from a hold is held again",
       "bulkhead queue end 01JDABCDEFGHJKMNPQRSTVWXYZ",
       {subject("Id of the order")},
       {},
       &end_order},
  };
}

}  // namespace bulkhead::admin::cli
