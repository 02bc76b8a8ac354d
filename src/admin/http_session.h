// The loop of one HTTP connection: reads a request, has it answered, writes the answer, and so on. Bounded in time
// and size; requests of a pipeline are answered one after the other.
#pragma once

#include <chrono>
#include <functional>

#include "src/admin/http_handler.h"
#include "src/net/stream.h"
#include "src/proto/http/request_parser.h"

namespace bulkhead::admin {

struct HttpTimeouts {
  std::chrono::milliseconds idle{60'000};     // between requests
  std::chrono::milliseconds request{30'000};  // from its first byte to its last
  std::chrono::milliseconds write{30'000};    // of each piece of an answer
};

struct HttpSessionOptions {
  proto::http::RequestLimits limits;
  HttpTimeouts timeouts;
  // Hears that a whole request has come (true), and that the session waits for the next one (false). May be empty.
  std::function<void(bool is_busy)> on_busy{};
};

// Ends when the peer closes, breaks the protocol or is too slow, or when the context's group is cancelled. All
// arguments outlive the task. Closes the stream.
Task<void> serve_http(net::Stream& stream, HttpContext& context, HttpHandler& handler, HttpSessionOptions options);

}  // namespace bulkhead::admin
