#include "src/admin/cli/command.h"

#include <charconv>
#include <fstream>

#include <fmt/format.h>

#include "src/admin/csv.h"
#include "src/proto/http/request.h"

namespace bulkhead::admin::cli {
namespace {

constexpr std::streamsize kFileMax = 1024 * 1024;

template <class T>
Result<T> parse_number(std::string_view text) {
  T value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is not a number", text));
  }
  return value;
}

Result<Json> read_file(const std::string& path) {
  if (path.empty()) return Json("");
  std::ifstream file{path, std::ios::binary};
  if (!file) return fail(ErrorCode::kNotFound, fmt::format("the file {} cannot be read", path));
  std::string text(static_cast<std::size_t>(kFileMax), '\0');
  file.read(text.data(), kFileMax);
  text.resize(static_cast<std::size_t>(file.gcount()));
  return Json(std::move(text));
}

// A gap between two commas is a slip: what was meant to stand there is not known.
Result<Json> list_in(std::string_view text) {
  for (std::string_view rest = text; !text.empty();) {
    const auto end = std::min(rest.find_first_of(",;"), rest.size());
    if (rest.substr(0, end).find_first_not_of(' ') == std::string_view::npos) {
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" has an empty place in its list", text));
    }
    if (end == rest.size()) break;
    rest.remove_prefix(end + 1);
  }
  return Json(split_list(text));
}

Result<Json> value_of(const Argument& argument, const std::string& text) {
  switch (argument.kind) {
    case ValueKind::kText:
      return Json(text);
    case ValueKind::kSwitch:
      return Json(true);
    case ValueKind::kOff:
      return Json(false);
    case ValueKind::kList:
      return list_in(text);
    case ValueKind::kYesNo:
      if (text == "yes" || text == "no") return Json(text == "yes");
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is neither yes nor no", text));
    case ValueKind::kFile:
      return read_file(text);
    case ValueKind::kNumber:
    case ValueKind::kSize:
      break;
  }
  const auto number = argument.kind == ValueKind::kSize ? parse_size(text) : parse_number<std::uint64_t>(text);
  if (!number) {
    return fail(ErrorCode::kInvalid, number.error().message,
                argument.kind == ValueKind::kSize ? "write bytes, or a number with its unit: 500M, 2G" : "");
  }
  return Json(*number);
}

}  // namespace

std::string Argument::api_field() const {
  if (!field.empty()) return field;
  std::string out = name;
  std::ranges::replace(out, '-', '_');
  return out;
}

std::string Arguments::text(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return {};
  std::string joined;
  for (const auto& value : found->second) joined += (joined.empty() ? "" : ",") + value;
  return joined;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t factor = 1;
  if (!text.empty()) {
    switch (text.back()) {
      case 'k':
      case 'K':
        factor = 1ULL << 10;
        break;
      case 'm':
      case 'M':
        factor = 1ULL << 20;
        break;
      case 'g':
      case 'G':
        factor = 1ULL << 30;
        break;
      case 't':
      case 'T':
        factor = 1ULL << 40;
        break;
      default:
        break;
    }
  }
  if (factor != 1) text.remove_suffix(1);
  const auto number = parse_number<std::uint64_t>(text);
  if (!number) return number;
  if (*number > UINT64_MAX / factor) return fail(ErrorCode::kInvalid, "the size is too large");
  return *number * factor;
}

Result<Json> body_of(const CommandContext& context, const Arguments& arguments) {
  Json body = Json::object();
  for (const auto* list : {&context.command.positionals, &context.command.flags}) {
    for (const auto& argument : *list) {
      if (argument.field == "-" || !arguments.has(argument.name)) continue;
      auto value = value_of(argument, arguments.text(argument.name));
      if (!value)
        return fail(value.error().code, fmt::format("{}: {}", argument.name, value.error().message),
                    value.error().advice);
      body[argument.api_field()] = std::move(*value);
    }
  }
  return body;
}

Result<std::string> query_of(const CommandContext& context, const Arguments& arguments) {
  std::string query;
  for (const auto& flag : context.command.flags) {
    if (flag.field == "-" || !arguments.has(flag.name)) continue;
    const auto value = flag.kind == ValueKind::kSwitch ? "true" : arguments.text(flag.name);
    query += fmt::format("{}{}={}", query.empty() ? '?' : '&', flag.api_field(), proto::http::percent_encode(value));
  }
  return query;
}

std::string path_of(std::string_view collection, const Arguments& arguments, const std::string& positional) {
  return fmt::format("/{}/{}", collection, proto::http::percent_encode(arguments.text(positional)));
}

const std::vector<Noun>& nouns() {
  static const std::vector<Noun> kNouns{tenant_commands(), domain_commands(), address_commands(), account_commands(),
                                        alias_commands(),  route_commands(),  token_commands(),   queue_commands(),
                                        trace_commands(),  status_command(),  limit_commands(),   reputation_commands(),
                                        case_commands(),   listing_commands()};
  return kNouns;
}

}  // namespace bulkhead::admin::cli
