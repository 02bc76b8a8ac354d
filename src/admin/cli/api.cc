#include "src/admin/cli/api.h"

#include <fmt/format.h>

#include "src/proto/http/request.h"

namespace bulkhead::admin::cli {
namespace {

constexpr std::string_view kRoot = "/api/v1";
constexpr std::size_t kPageSize = 500;
constexpr std::size_t kLineMax = 1024 * 1024;

std::string text_of(const Json& json, const char* name) {
  return json.is_object() && json.contains(name) && json[name].is_string() ? json[name].get<std::string>()
                                                                           : std::string{};
}

// The server's error, in its words. The code only tells the exit status apart: what makes no sense whatever the server
// has (400) is bad usage, every other refusal is a refusal.
Error refusal(const ApiAnswer& answer) {
  const auto body = parse_json(answer.body);
  const Json error = body && body->is_object() && body->contains("error") ? (*body)["error"] : Json::object();
  const auto message = text_of(error, "message");
  if (message.empty()) {
    return Error{ErrorCode::kProtocol, fmt::format("the server answered with status {}", answer.status), {}};
  }
  const auto code = answer.status == 404   ? ErrorCode::kNotFound
                    : answer.status == 400 ? ErrorCode::kInvalid
                                           : ErrorCode::kConflict;
  return Error{code, message, text_of(error, "advice")};
}

Result<Json> read_answer(const Result<ApiAnswer>& answer) {
  if (!answer) return fail(answer.error());
  if (answer->status < 200 || answer->status > 299) return fail(refusal(*answer));
  if (answer->body.empty()) return Json(nullptr);
  auto json = parse_json(answer->body);
  if (!json) return fail(ErrorCode::kProtocol, "the server's answer is not JSON", "is this a Bulkhead server?");
  return json;
}

std::string with_page(const std::string& path, std::size_t limit, const std::string& after) {
  auto out = fmt::format("{}{}limit={}", path, path.find('?') == std::string::npos ? '?' : '&', limit);
  if (!after.empty()) out += "&after=" + proto::http::percent_encode(after);
  return out;
}

}  // namespace

const Json& member(const Json& json, const char* name) {
  static const Json kNull = nullptr;
  if (!json.is_object()) return kNull;
  const auto found = json.find(name);
  return found == json.end() ? kNull : *found;
}

Result<Json> Api::call(const char* method, const std::string& path, const Json* body) {
  ApiRequest request{method, std::string{kRoot} + path, {}, {}};
  if (body != nullptr) {
    request.body = dump(*body);
    request.content_type = "application/json";
  }
  return read_answer(transport_.send(request));
}

Result<Json> Api::post_csv(const std::string& path, std::string csv) {
  return read_answer(transport_.send({"POST", std::string{kRoot} + path, std::move(csv), "text/csv"}));
}

Status Api::each_item(const std::string& path, std::size_t count_max, const std::function<void(const Json&)>& on_item) {
  std::string after;
  std::size_t count = 0;
  do {
    const auto limit = count_max == 0 ? kPageSize : std::min(kPageSize, count_max - count);
    const auto page = get(with_page(path, limit, after));
    if (!page) return fail(page.error());
    if (!page->is_object() || !page->contains("items"))
      return fail(ErrorCode::kProtocol, "the server's answer is no list");
    for (const auto& item : member(*page, "items")) {
      on_item(item);
      ++count;
    }
    for (const auto& text : member(*page, "warnings")) {
      if (on_warning_) on_warning_(text.get<std::string>());
    }
    after = text_of(*page, "next");
  } while (!after.empty() && (count_max == 0 || count < count_max));
  return {};
}

Status Api::each_line(const std::string& path, const std::function<bool(std::string_view)>& on_line) {
  std::string rest;
  const auto on_bytes = [&](std::string_view bytes) {
    rest += bytes;
    for (auto end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
      const std::string line = rest.substr(0, end);
      rest.erase(0, end + 1);
      if (!line.empty() && !on_line(line)) return false;
    }
    return rest.size() <= kLineMax;
  };
  const auto answer = transport_.stream({"GET", std::string{kRoot} + path, {}, {}}, on_bytes);
  if (!answer) return fail(answer.error());
  if (answer->status < 200 || answer->status > 299) return fail(refusal(*answer));
  return {};
}

}  // namespace bulkhead::admin::cli
