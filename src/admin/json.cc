#include "src/admin/json.h"

#include <fmt/format.h>

namespace bulkhead::admin {
namespace {

constexpr int kDepthMax = 32;
constexpr auto kReplace = Json::error_handler_t::replace;

// The nesting of brackets outside strings, looked at before anything is built.
bool is_too_deep(std::string_view text) {
  int depth = 0;
  bool is_in_string = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_in_string) {
      if (c == '\\') ++i;
      if (c == '"') is_in_string = false;
      continue;
    }
    if (c == '"') is_in_string = true;
    if (c == '[' || c == '{') ++depth;
    if (c == ']' || c == '}') --depth;
    if (depth > kDepthMax) return true;
  }
  return false;
}

}  // namespace

Result<Json> parse_json(std::string_view text) {
  if (is_too_deep(text)) {
    return fail(ErrorCode::kInvalid, fmt::format("the JSON is nested deeper than {} levels", kDepthMax));
  }
  auto json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return fail(ErrorCode::kInvalid, "the text is not valid JSON", "send one JSON document");
  return json;
}

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, kReplace);
}
std::string dump_pretty(const Json& json) {
  return json.dump(2, ' ', false, kReplace);
}

}  // namespace bulkhead::admin
