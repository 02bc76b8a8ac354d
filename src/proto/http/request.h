// An HTTP/1.1 request as a value (RFC 9110, RFC 9112).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bulkhead::proto::http {

struct Header {
  std::string name;  // as it was sent
  std::string value;
};

using Parameters = std::vector<std::pair<std::string, std::string>>;

struct Request {
  std::string method;  // "GET"
  std::string path;    // still percent-encoded, without the query: "/api/v1/tenants"
  Parameters query;    // decoded, in order
  std::vector<Header> headers;
  std::string body;
  bool takes_chunks = false;   // speaks HTTP/1.1, so that the answer may come in chunks
  bool is_keep_alive = false;  // what the peer wants after this request

  // The first header field of that name, in any case; nothing when absent.
  std::optional<std::string_view> header(std::string_view name) const;
};

// The characters behind percent-encoding; nothing when an escape is malformed or stands for NUL.
std::optional<std::string> percent_decode(std::string_view text);
// Everything but the unreserved characters of RFC 3986 §2.3 escaped: fit for a path segment or a query value.
std::string percent_encode(std::string_view text);
// "a=1&b=x%20y"; '+' is a space, as forms send it. Nothing when an escape is malformed or there are over 100.
std::optional<Parameters> parse_query(std::string_view text);
// Whether two header names or tokens are the same but for case (ASCII).
bool is_same_token(std::string_view left, std::string_view right);

}  // namespace bulkhead::proto::http
