#include "src/admin/cli/actions.h"

#include <fmt/format.h>

namespace bulkhead::admin::cli {

namespace {

// "bulkhead account set --help": an example begins with the noun and the verb.
std::string help_of(const Command& command) {
  const auto verb = command.example.find(command.verb + " ");
  return command.example.substr(0, verb) + command.verb + " --help";
}

}  // namespace

Argument subject(std::string help) {
  return {.name = "NAME", .help = std::move(help), .field = "-", .is_required = true};
}

std::vector<Argument> with_limit(std::vector<Argument> flags, std::string help) {
  flags.push_back({.name = "limit", .help = std::move(help), .kind = ValueKind::kNumber, .field = "-"});
  return flags;
}

Result<std::size_t> limit_of(const Arguments& arguments, std::size_t usual) {
  if (!arguments.has("limit")) return usual;
  const auto text = arguments.text("limit");
  const bool is_number = text.find_first_not_of("0123456789") == std::string::npos;
  const auto given = parse_size(text);
  if (!is_number || !given || *given == 0) return fail(ErrorCode::kInvalid, "limit: a number from 1 on");
  return *given;
}

CommandFunction list_of(std::string collection, Columns columns) {
  return [collection = std::move(collection), columns = std::move(columns)](CommandContext& context,
                                                                            const Arguments& arguments) -> Status {
    const auto query = query_of(context, arguments);
    if (!query) return fail(query.error());
    const auto limit = limit_of(arguments, 0);
    if (!limit) return fail(limit.error());
    Output::List list{context.output, columns};
    auto listed =
        context.api.each_item("/" + collection + *query, *limit, [&list](const Json& item) { list.add(item); });
    if (listed) list.finish();
    return listed;
  };
}

CommandFunction show_of(std::string collection, std::string part) {
  return [collection = std::move(collection), part = std::move(part)](CommandContext& context,
                                                                      const Arguments& arguments) -> Status {
    const auto found = context.api.get(path_of(collection, arguments, "NAME") + part);
    if (!found) return fail(found.error());
    context.output.object(*found);
    return {};
  };
}

void show_warnings(Output& output, const Json& answer) {
  for (const auto& text : member(answer, "warnings")) output.warn("warning: " + text.get<std::string>());
}

namespace {

// Alone on a line, so that a script can take it.
void show_secret(Output& output, const Json& answer) {
  const auto& secret = member(answer, "webhook_secret");
  if (output.is_json() || !secret.is_string()) return;
  output.line(secret.get<std::string>());
  output.warn("keep the webhook's secret: it is shown this once");
}

}  // namespace

CommandFunction add_to(std::string collection, std::string noun) {
  return [collection = std::move(collection), noun = std::move(noun)](CommandContext& context,
                                                                      const Arguments& arguments) -> Status {
    const auto body = body_of(context, arguments);
    if (!body) return fail(body.error());
    const auto made = context.api.post("/" + collection, *body);
    if (!made) return fail(made.error());
    const auto& name = context.command.positionals.front().name;
    context.output.done(*made, fmt::format("{} {} added", noun, arguments.text(name)));
    show_secret(context.output, *made);
    show_warnings(context.output, *made);
    return {};
  };
}

CommandFunction change_of(std::string collection, std::string done, Json fixed) {
  return [collection = std::move(collection), done = std::move(done), fixed = std::move(fixed)](
             CommandContext& context, const Arguments& arguments) -> Status {
    auto body = body_of(context, arguments);
    if (!body) return fail(body.error());
    body->update(fixed);
    if (body->empty())
      return fail(ErrorCode::kInvalid, "nothing to change was given", "what can be set: " + help_of(context.command));
    const auto changed = context.api.patch(path_of(collection, arguments, "NAME"), *body);
    if (!changed) return fail(changed.error());
    context.output.done(*changed, fmt::format("{} {}", arguments.text("NAME"), done));
    show_secret(context.output, *changed);
    show_warnings(context.output, *changed);
    return {};
  };
}

CommandFunction remove_from(std::string collection, std::string noun) {
  return [collection = std::move(collection), noun = std::move(noun)](CommandContext& context,
                                                                      const Arguments& arguments) -> Status {
    const auto query = query_of(context, arguments);
    if (!query) return fail(query.error());
    const auto removed = context.api.remove(path_of(collection, arguments, "NAME") + *query);
    if (!removed) return fail(removed.error());
    context.output.done(*removed, fmt::format("{} {} removed", noun, arguments.text("NAME")));
    return {};
  };
}

}  // namespace bulkhead::admin::cli
