// One question on its way. Private to src/net.
#pragma once

#include <map>
#include <memory>

#include <ares.h>
#include <asio/posix/stream_descriptor.hpp>

#include "src/net/dns_message.h"
#include "src/net/shard_impl.h"

namespace bulkhead::net {

// Owns a c-ares channel of its own, so that each question has a socket, and with it a port and an id, that nobody can
// guess from another question. Calls `done` once, from the event loop, never from start().
class DnsQuery final : private DeadlineWheel::Entry {
 public:
  struct Question {
    std::string name;  // lower case, no trailing dot
    RecordType type = RecordType::kA;
  };
  struct Outcome {
    Result<DnsAnswer> answer;
    std::chrono::seconds ttl;
  };
  using Done = UniqueFunction<void(Outcome)>;

  // `servers` is a list as c-ares takes it; `options` outlives the query.
  DnsQuery(Shard& shard, const ResolverOptions& options, const std::string& servers, Question question);
  ~DnsQuery() override;
  void start(Done done);

 private:
  // A socket of c-ares, which opens and closes it; ASIO only watches.
  struct Watch {
    Watch(asio::io_context& io, int fd) : descriptor(io, fd) {}
    asio::posix::stream_descriptor descriptor;
    bool wants_read = false, wants_write = false;
    bool is_reading = false, is_writing = false;
  };

  Status open_channel();
  void watch(int fd, bool wants_read, bool wants_write);
  void wait(int fd, const std::shared_ptr<Watch>& watch);
  void process(ares_socket_t readable, ares_socket_t writable);
  void expired() override;
  void arm_timeout();
  void answered(int status, std::string_view bytes);
  void finish_if_answered();

  Shard& shard_;
  const ResolverOptions& options_;
  const std::string servers_;
  Question question_;
  SteadyTime deadline_;
  Done done_;
  std::optional<Outcome> outcome_;
  ares_channel channel_ = nullptr;
  std::map<int, std::shared_ptr<Watch>> watches_;
  std::shared_ptr<bool> is_alive_ = std::make_shared<bool>(true);
};

}  // namespace bulkhead::net
