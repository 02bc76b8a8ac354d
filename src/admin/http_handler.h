// What answers HTTP requests; the session (src/admin/http_session.h) reads and writes.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/base/clock.h"
#include "src/base/task.h"
#include "src/net/listener.h"
#include "src/net/shard.h"
#include "src/proto/http/response.h"

namespace bulkhead::admin {

// What a session's requests have in common. Lives as long as the session.
struct HttpContext {
  net::Shard& shard;
  net::TaskGroup& group;
  const Clock& clock;
  std::optional<net::UnixPeer> unix_peer;  // on the Unix socket
  SocketAddress remote;
};

// The rest of a long answer, piece by piece; sent in chunks. On the shard.
class BodySource {
 public:
  virtual ~BodySource() = default;
  virtual Task<Result<std::string>> next() = 0;  // "" at the end; an error cuts the answer off
};

struct HttpReply {
  proto::http::Response response;
  std::unique_ptr<BodySource> stream;  // null: the body is in `response`
};

// Shared by the sessions of one shard or of all: must not keep state of a request.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual Task<HttpReply> handle(HttpContext& context, proto::http::Request request) = 0;
};

}  // namespace bulkhead::admin
