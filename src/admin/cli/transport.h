// How the commands reach the API: over the Unix socket or a URL; in tests, a table of answers.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace bulkhead::admin::cli {

struct Settings {
  std::string socket;  // path; used unless `url` is given
  std::string url;     // "https://mx1.isp.example:8443"
  std::string token;
};

struct ApiRequest {
  std::string method;
  std::string target;  // path and query: "/api/v1/tenants?limit=1000"
  std::string body;
  std::string content_type;  // "" without a body
};

struct ApiAnswer {
  int status = 0;
  std::string body;
};

class Transport {
 public:
  virtual ~Transport() = default;
  // kClosed: the server cannot be reached, and why.
  virtual Result<ApiAnswer> send(const ApiRequest& request) = 0;
  // As send(), but what a successful answer holds goes to `on_bytes` as it comes and not into the body; `on_bytes`
  // ends the call by answering false.
  virtual Result<ApiAnswer> stream(const ApiRequest& request,
                                   const std::function<bool(std::string_view)>& on_bytes) = 0;
};

// Over libcurl. Certificates of a URL are verified.
std::unique_ptr<Transport> make_curl_transport(const Settings& settings);

}  // namespace bulkhead::admin::cli
