// From a request to a checked Call: finds the endpoint and refuses what the table does not allow.
#pragma once

#include "src/admin/rest/endpoint.h"

namespace bulkhead::admin {

struct Match {
  const Endpoint* endpoint = nullptr;                          // null: see `allowed`
  std::map<std::string, std::string, std::less<>> parameters;  // of the path, decoded
  std::string allowed;                                         // methods of this path, "" when no such path exists
};

inline constexpr std::string_view kApiRoot = "/api/v1";

// `path` is percent-encoded and begins with kApiRoot.
Match match_endpoint(std::string_view method, std::string_view path);
// Query and body of the request against the endpoint's fields. kInvalid names the field and what is right.
Result<Call> read_call(const Endpoint& endpoint, const proto::http::Request& request);

}  // namespace bulkhead::admin
