#include "src/proto/http/response.h"

#include <fmt/format.h>
#include <http_parser.h>

namespace bulkhead::proto::http {
namespace {

void append_field(std::string& out, std::string_view name, std::string_view value) {
  out.append(name).append(": ");
  for (const char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;
  out.append("\r\n");
}

// RFC 9110 §8.6: no Content-Length with 1xx and 204.
bool may_have_body(int status) {
  return status >= 200 && status != 204 && status != 304;
}

}  // namespace

std::string_view reason_phrase(int status) {
  const char* phrase = http_status_str(static_cast<http_status>(status));
  return phrase != nullptr && *phrase != '<' ? phrase : "Unknown";
}

std::string encode_head(const Response& response, Connection connection, BodyFraming framing) {
  std::string out = fmt::format("HTTP/1.1 {} {}\r\n", response.status, reason_phrase(response.status));
  if (!response.content_type.empty()) append_field(out, "Content-Type", response.content_type);
  for (const auto& field : response.headers) append_field(out, field.name, field.value);
  if (framing == BodyFraming::kChunked) {
    append_field(out, "Transfer-Encoding", "chunked");
  } else if (framing == BodyFraming::kLength && may_have_body(response.status)) {
    append_field(out, "Content-Length", std::to_string(response.body.size()));
  }
  if (connection == Connection::kClose) append_field(out, "Connection", "close");
  return out.append("\r\n");
}

std::string encode_chunk(std::string_view bytes) {
  if (bytes.empty()) return "0\r\n\r\n";
  return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

}  // namespace bulkhead::proto::http
