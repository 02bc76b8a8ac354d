#include "src/proto/http/request_parser.h"

#include <algorithm>

#include <http_parser.h>

#include "src/base/check.h"

namespace bulkhead::proto::http {

struct RequestParser::Impl {
  explicit Impl(RequestLimits bounds) : limits(bounds) { restart(); }

  void restart() {
    http_parser_init(&parser, HTTP_REQUEST);
    parser.data = this;
    state = State::kStart;
    request = Request{};
    target.clear();
    head_size = 0;
    is_in_value = false;
    expects_continue = false;
  }

  // What stops the library's parser: non-zero from a callback.
  int refuse(int status, std::string reason) {
    if (state != State::kRefused) refusal = {status, std::move(reason)};
    state = State::kRefused;
    return -1;
  }

  int add_name(std::string_view part) {
    if (is_in_value || request.headers.empty()) {
      if (request.headers.size() == limits.header_count_max) return refuse(431, "too many header fields");
      request.headers.emplace_back();
      is_in_value = false;
    }
    request.headers.back().name += part;
    return 0;
  }

  int add_value(std::string_view part) {
    is_in_value = true;
    if (request.headers.empty()) return 0;
    request.headers.back().value += part;
    return 0;
  }

  static Impl& of(http_parser* parser) { return *static_cast<Impl*>(parser->data); }
  static const http_parser_settings& callbacks();
  std::size_t feed_some(std::string_view bytes);
  int head_complete();
  int check_framing();
  int split_target();
  int add_body(std::string_view part) {
    if (request.body.size() + part.size() > limits.body_size_max) return refuse(413, "the body is too large");
    request.body += part;
    return 0;
  }

  RequestLimits limits;
  http_parser parser{};
  State state = State::kStart;
  Refusal refusal;
  Request request;
  std::string target;
  std::size_t head_size = 0;
  bool is_in_value = false;
  bool expects_continue = false;
};

namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

}  // namespace

int RequestParser::Impl::check_framing() {
  std::size_t lengths = 0;
  std::size_t codings = 0;
  std::size_t hosts = 0;
  for (auto& field : request.headers) {
    field.value = std::string{trimmed(field.value)};
    // RFC 9112 §5.1: no space before the colon; the library lets it pass.
    if (field.name.find_first_of(" \t") != std::string::npos) return refuse(400, "a header field's name holds a space");
    if (is_same_token(field.name, "content-length")) ++lengths;
    if (is_same_token(field.name, "host")) ++hosts;
    if (!is_same_token(field.name, "transfer-encoding")) continue;
    ++codings;
    if (!is_same_token(field.value, "chunked")) return refuse(501, "the only transfer coding understood is chunked");
  }
  if (lengths > 1 || codings > 1 || (lengths > 0 && codings > 0)) {
    return refuse(400, "the length of the body is given more than once");
  }
  const bool is_http11 = parser.http_major == 1 && parser.http_minor == 1;
  if (hosts > 1 || (hosts == 0 && is_http11)) return refuse(400, "exactly one Host field is needed");
  if (lengths > 0 && parser.content_length > limits.body_size_max) return refuse(413, "the body is too large");
  return 0;
}

int RequestParser::Impl::split_target() {
  if (target.empty() || target.front() != '/') return refuse(400, "the request target must be a path");
  const auto mark = std::min(target.find('?'), target.size());
  request.path = target.substr(0, mark);
  if (mark == target.size()) return 0;
  auto query = parse_query(std::string_view{target}.substr(mark + 1));
  if (!query) return refuse(400, "the query string is malformed");
  request.query = std::move(*query);
  return 0;
}

// Feeds no more than the head may still take, so that the bound is exact however the bytes come.
std::size_t RequestParser::Impl::feed_some(std::string_view bytes) {
  if (state == State::kStart) state = State::kHead;
  const bool was_in_head = state == State::kHead;
  if (was_in_head) bytes = bytes.substr(0, limits.head_size_max - head_size);
  const std::size_t used = http_parser_execute(&parser, &callbacks(), bytes.data(), bytes.size());
  const auto error = HTTP_PARSER_ERRNO(&parser);
  if (error != HPE_OK && error != HPE_PAUSED) refuse(400, http_errno_description(error));
  if (was_in_head) head_size += used;
  if (state == State::kHead && head_size >= limits.head_size_max) {
    refuse(431, "the request line and header fields are too large");
  }
  return used;
}

int RequestParser::Impl::head_complete() {
  if (parser.http_major != 1) return refuse(505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
  request.method = http_method_str(static_cast<http_method>(parser.method));
  if (parser.method == HTTP_CONNECT) return refuse(405, "this is not a proxy");
  if (check_framing() != 0 || split_target() != 0) return -1;
  request.takes_chunks = parser.http_minor >= 1;
  request.is_keep_alive = http_should_keep_alive(&parser) != 0;
  const auto expect = request.header("expect");
  if (expect && !is_same_token(*expect, "100-continue")) return refuse(417, "the only expectation met is 100-continue");
  expects_continue = expect.has_value();
  // An offer to upgrade is ignored (RFC 9110 §7.8); the library would otherwise stop at the end of the head.
  parser.upgrade = 0;
  state = State::kBody;
  return 0;
}

const http_parser_settings& RequestParser::Impl::callbacks() {
  static const http_parser_settings kSettings = [] {
    http_parser_settings settings;
    http_parser_settings_init(&settings);
    settings.on_url = [](http_parser* parser, const char* bytes, std::size_t size) {
      of(parser).target.append(bytes, size);
      return 0;
    };
    // Trailer fields come through the same callbacks, after the head: they are ignored.
    settings.on_header_field = [](http_parser* parser, const char* bytes, std::size_t size) {
      return of(parser).state == State::kHead ? of(parser).add_name({bytes, size}) : 0;
    };
    settings.on_header_value = [](http_parser* parser, const char* bytes, std::size_t size) {
      return of(parser).state == State::kHead ? of(parser).add_value({bytes, size}) : 0;
    };
    settings.on_headers_complete = [](http_parser* parser) { return of(parser).head_complete(); };
    settings.on_body = [](http_parser* parser, const char* bytes, std::size_t size) {
      return of(parser).add_body({bytes, size});
    };
    settings.on_message_complete = [](http_parser* parser) {
      of(parser).state = State::kDone;
      http_parser_pause(parser, 1);  // so that the bytes of the next request are left to the caller
      return 0;
    };
    return settings;
  }();
  return kSettings;
}

RequestParser::RequestParser(RequestLimits limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

RequestParser::State RequestParser::state() const {
  return impl_->state;
}
const Refusal& RequestParser::refusal() const {
  return impl_->refusal;
}
bool RequestParser::take_expects_continue() {
  return impl_->state == State::kBody && std::exchange(impl_->expects_continue, false);
}

Request RequestParser::take() {
  BULKHEAD_CHECK(impl_->state == State::kDone);
  Request request = std::move(impl_->request);
  impl_->restart();
  return request;
}

std::size_t RequestParser::feed(std::string_view bytes) {
  auto& self = *impl_;
  std::size_t used = 0;
  while (used < bytes.size() && self.state != State::kDone && self.state != State::kRefused) {
    used += self.feed_some(bytes.substr(used));
  }
  return used;
}

}  // namespace bulkhead::proto::http
