// Bytes in, HTTP requests out. Bounded, and strict where leniency lets two parties disagree about where a request
// ends: Content-Length with Transfer-Encoding, two Content-Lengths, and any coding but "chunked" are refused
// (RFC 9112 §6.1, §6.3, §11.2). The grammar is the http-parser library's; the bounds are ours.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/proto/http/request.h"

namespace bulkhead::proto::http {

struct RequestLimits {
  std::size_t head_size_max = 16 * 1024;  // request line and header fields
  std::size_t header_count_max = 100;
  std::size_t body_size_max = 8 * 1024 * 1024;
};

// Why a request was refused: the status to answer with and a sentence. The connection must be closed afterwards.
struct Refusal {
  int status = 400;
  std::string reason;
};

// One connection's parser; one thread at a time.
class RequestParser {
 public:
  explicit RequestParser(RequestLimits limits = {});
  ~RequestParser();
  RequestParser(const RequestParser&) = delete;
  RequestParser& operator=(const RequestParser&) = delete;

  enum class State {
    kStart,  // nothing of the next request was seen
    kHead,   // in its request line or header fields
    kBody,
    kDone,     // take() it before the next feed()
    kRefused,  // see refusal()
  };
  // Takes bytes of the connection until a request is complete; answers how many it used. The rest belongs to the
  // next request (pipelining).
  std::size_t feed(std::string_view bytes);
  State state() const;
  const Refusal& refusal() const;
  // Whether the peer waits for "100 Continue" before it sends the body (RFC 9110 §10.1.1). True at most once a request.
  bool take_expects_continue();
  // The complete request; the parser is ready for the next one.
  Request take();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace bulkhead::proto::http
