// HTTP/1.1 responses as bytes (RFC 9110, RFC 9112).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/proto/http/request.h"

namespace bulkhead::proto::http {

struct Response {
  int status = 200;
  std::string content_type;     // "" when there is no body
  std::vector<Header> headers;  // besides Content-Type, Content-Length, Transfer-Encoding and Connection
  std::string body;
};

enum class Connection { kKeepAlive, kClose };
// Whether the body is in `Response::body`, follows in chunks, or follows and ends with the connection (HTTP/1.0).
enum class BodyFraming { kLength, kChunked, kUntilClose };

std::string_view reason_phrase(int status);  // "Not Found"; "Unknown" for a status we never send
// Status line and header fields with the empty line. Line breaks in values become spaces: nobody adds fields.
std::string encode_head(const Response& response, Connection connection, BodyFraming framing);
// One chunk of a chunked body; "" gives the last one.
std::string encode_chunk(std::string_view bytes);

}  // namespace bulkhead::proto::http
