// Two ends of one real connection over loopback.
#pragma once

#include <array>
#include <future>
#include <memory>
#include <string>
#include <vector>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "src/net/listener.h"
#include "tests/testlib/shard_runner.h"

namespace bulkhead::net {

class StreamPair {
 public:
  explicit StreamPair(testlib::ShardRunner& runner, ConnectOptions options = {}) : runner_(runner) {
    std::promise<std::unique_ptr<Stream>> accepted;
    auto made = Listener::tcp(runner.shard(), {*IpAddress::parse("127.0.0.1"), 0},
                              [&](std::unique_ptr<Stream> stream) { accepted.set_value(std::move(stream)); });
    std::unique_ptr<Listener> listener = std::move(made.value());
    endpoint_ = listener->local();
    runner.call([&] { listener->start(); });
    client_ = std::move(runner.run(connect(runner.shard(), endpoint_, options)).value());
    server_ = accepted.get_future().get();
    runner.call([&] { listener.reset(); });
  }
  ~StreamPair() {
    runner_.call([this] {
      client_.reset();
      server_.reset();
    });
  }
  StreamPair(const StreamPair&) = delete;
  StreamPair& operator=(const StreamPair&) = delete;

  Stream& client() { return *client_; }
  Stream& server() { return *server_; }
  SocketAddress endpoint() const { return endpoint_; }

 private:
  testlib::ShardRunner& runner_;
  SocketAddress endpoint_;
  std::unique_ptr<Stream> client_, server_;
};

}  // namespace bulkhead::net
