// A connected non-blocking socket in clear: reads and writes with deadlines. TLS and the Stream stand on it.
// Private to src/net; lives on one shard.
#pragma once

#include <span>
#include <string_view>

#include <asio/generic/stream_protocol.hpp>

#include "src/net/shard_impl.h"
#include "src/net/sockaddr.h"

namespace bulkhead::net {

// The bytes of one write: several pieces of the caller's, or one.
class Outgoing {
 public:
  explicit Outgoing(std::string_view bytes) : single_(bytes) {}
  explicit Outgoing(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }
  bool is_empty() const { return single_.empty(); }
  // Fills `vectors` from the front, returns how many.
  std::size_t fill(std::span<iovec> vectors) const;
  // The first bytes as one text of at most the scratch's size, copied there only if they lie in several pieces.
  std::string_view gather(std::span<char> scratch) const;
  void consume(std::size_t size);

 private:
  void skip_empty();
  std::string_view single_;                   // what is left of the piece at the front
  std::span<const std::string_view> pieces_;  // what follows it
};

class Transport {
 public:
  // Takes a connected (or connecting) non-blocking socket.
  Transport(Shard& shard, OwnedFd fd);
  ~Transport();

  Task<Result<std::size_t>> read_some(std::span<char> buffer, SteadyTime deadline);
  Task<Status> write_all(Outgoing bytes, SteadyTime deadline);
  Task<Status> wait_writable(SteadyTime deadline);
  Task<Status> wait_readable(SteadyTime deadline);

  bool is_readable_now() const;
  void cancel();  // as Stream::cancel()
  bool is_cancelled() const { return is_cancelled_; }
  void close();
  bool is_open() const { return socket_.is_open(); }
  int fd() { return socket_.native_handle(); }
  // One attempt to send, without waiting; how much the kernel took, 0 on failure.
  std::size_t send_now(std::string_view bytes);
  Shard& shard() { return shard_; }

 private:
  // One wait on the socket, with its deadline; at most one a direction.
  struct Wait final : DeadlineWheel::Entry {
    explicit Wait(Transport& t) : transport(t) {}
    void expired() override;

    Transport& transport;
    std::coroutine_handle<> waiter{};
    asio::error_code error;
    std::size_t size = 0;
    bool has_expired = false;
    bool is_pending = false;
  };
  struct Completed;  // ASIO's completion handler
  struct ReadAwaiter;
  struct ReadableAwaiter;
  struct WriteAwaiter;

  Status outcome_of(const Wait& wait, std::string_view verb) const;

  void begin(Wait& wait, std::coroutine_handle<> awaiting, SteadyTime deadline);

  Shard& shard_;
  Shard::Impl& loop_;
  asio::generic::stream_protocol::socket socket_;
  Wait read_wait_{*this};
  Wait write_wait_{*this};
  bool is_cancelled_ = false;
  // After a read that filled its buffer more is likely there already: so many reads skip the event loop. Bounded, so
  // that one fast peer does not keep the shard to itself.
  static constexpr int kDirectReadsMax = 16;
  int direct_reads_left_ = 0;
};

}  // namespace bulkhead::net
