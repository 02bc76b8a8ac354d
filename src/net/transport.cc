#include "src/net/transport.h"

#include <array>
#include <cerrno>

#include <asio/buffer.hpp>
#include <sys/uio.h>

namespace bulkhead::net {

std::size_t Outgoing::fill(std::span<iovec> vectors) const {
  std::size_t count = 0;
  const auto add = [&](std::string_view piece) {
    // sendmsg does not write through iov_base.
    if (!piece.empty()) vectors[count++] = iovec{const_cast<char*>(piece.data()), piece.size()};
  };
  add(single_);
  for (const auto piece : pieces_) {
    if (count == vectors.size()) break;
    add(piece);
  }
  return count;
}

void Outgoing::consume(std::size_t size) {
  while (size >= single_.size() && !single_.empty()) {
    size -= single_.size();
    single_ = {};
    skip_empty();
  }
  single_.remove_prefix(size);
}

std::string_view Outgoing::gather(std::span<char> scratch) const {
  if (pieces_.empty() || single_.size() >= scratch.size()) return single_.substr(0, scratch.size());
  std::size_t size = 0;
  const auto add = [&](std::string_view piece) {
    const auto part = piece.substr(0, scratch.size() - size);
    size += part.copy(scratch.data() + size, part.size());
  };
  add(single_);
  for (const auto piece : pieces_) add(piece);
  return {scratch.data(), size};
}

void Outgoing::skip_empty() {
  while (single_.empty() && !pieces_.empty()) {
    single_ = pieces_.front();
    pieces_ = pieces_.subspan(1);
  }
}

void Transport::Wait::expired() {
  has_expired = true;
  asio::error_code ignored;
  transport.socket_.cancel(ignored);
}

struct Transport::Completed {
  Wait* wait;
  void operator()(const asio::error_code& error, std::size_t size = 0) const {
    wait->unlink();
    wait->is_pending = false;
    wait->error = error;
    wait->size = size;
    wait->waiter.resume();
  }
};

void Transport::begin(Wait& wait, std::coroutine_handle<> awaiting, SteadyTime deadline) {
  BULKHEAD_CHECK(!wait.is_pending);
  wait.waiter = awaiting;
  wait.is_pending = true;
  wait.has_expired = false;
  loop_.set_deadline(wait, deadline);
}

struct Transport::ReadAwaiter {
  Transport& transport;
  std::span<char> buffer;
  SteadyTime deadline;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    transport.begin(transport.read_wait_, awaiting, deadline);
    transport.socket_.async_read_some(asio::buffer(buffer.data(), buffer.size()), Completed{&transport.read_wait_});
  }
  const Wait& await_resume() const noexcept { return transport.read_wait_; }
};

struct Transport::ReadableAwaiter {
  Transport& transport;
  SteadyTime deadline;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    transport.begin(transport.read_wait_, awaiting, deadline);
    transport.socket_.async_wait(asio::socket_base::wait_read, Completed{&transport.read_wait_});
  }
  const Wait& await_resume() const noexcept { return transport.read_wait_; }
};

struct Transport::WriteAwaiter {
  Transport& transport;
  SteadyTime deadline;

  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> awaiting) {
    transport.begin(transport.write_wait_, awaiting, deadline);
    transport.socket_.async_wait(asio::socket_base::wait_write, Completed{&transport.write_wait_});
  }
  const Wait& await_resume() const noexcept { return transport.write_wait_; }
};

namespace {

// One gathered write; a function of its own, so that the vectors are no part of a coroutine's frame.
ssize_t send_some(int fd, const Outgoing& bytes) {
  constexpr std::size_t kVectors = 64;
  std::array<iovec, kVectors> vectors;
  msghdr message{};
  message.msg_iov = vectors.data();
  message.msg_iovlen = bytes.fill(vectors);
  return ::sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

Error socket_error(std::string_view verb, int number) {
  switch (number) {
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ECONNABORTED:
    case EBADF:
      return {ErrorCode::kClosed, "the peer closed the connection while we " + std::string{verb}, {}};
    case ETIMEDOUT:
      return {ErrorCode::kTimeout, "the peer vanished while we " + std::string{verb}, {}};
    default:
      return system_error(verb, "socket", number);
  }
}

}  // namespace

Transport::Transport(Shard& shard, OwnedFd fd) : shard_(shard), loop_(shard.impl()), socket_(loop_.io) {
  int family = AF_INET;
  socklen_t size = sizeof family;
  ::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &family, &size);
  asio::error_code error;
  socket_.assign(asio::generic::stream_protocol{family, 0}, fd.get(), error);
  // On failure (no memory in the kernel) the socket stays closed, and every call says so.
  if (!error) fd.release();
}

Transport::~Transport() {
  BULKHEAD_CHECK(!read_wait_.is_pending && !write_wait_.is_pending);
  close();
}

Status Transport::outcome_of(const Wait& wait, std::string_view verb) const {
  if (!wait.error) return {};
  if (wait.has_expired)
    return fail(ErrorCode::kTimeout, "the peer was silent for too long while we " + std::string{verb});
  if (wait.error == asio::error::operation_aborted) {
    if (!socket_.is_open()) return fail(ErrorCode::kClosed, "the connection was closed");
    return fail(ErrorCode::kCancelled, "the wait was cancelled");
  }
  return fail(socket_error(verb, wait.error.value()));
}

Task<Result<std::size_t>> Transport::read_some(std::span<char> buffer, SteadyTime deadline) {
  if (is_cancelled_) co_return fail(ErrorCode::kCancelled, "the wait was cancelled");
  if (!socket_.is_open()) co_return fail(ErrorCode::kClosed, "the connection was closed");
  BULKHEAD_CHECK(!buffer.empty());
  if (direct_reads_left_ > 0) {
    // In the middle of a large transfer the data is there: no detour through the event loop.
    const auto got = ::recv(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got >= 0) {
      direct_reads_left_ = static_cast<std::size_t>(got) == buffer.size() ? direct_reads_left_ - 1 : 0;
      co_return static_cast<std::size_t>(got);
    }
    direct_reads_left_ = 0;
    if (errno != EAGAIN && errno != EINTR) co_return fail(socket_error("read", errno));
  }
  ReadAwaiter awaiter{*this, buffer, deadline};
  const Wait& wait = co_await awaiter;
  if (wait.error == asio::error::eof) co_return std::size_t{0};
  if (auto status = outcome_of(wait, "read"); !status) co_return fail(std::move(status.error()));
  direct_reads_left_ = wait.size == buffer.size() ? kDirectReadsMax : 0;
  co_return wait.size;
}

Task<Status> Transport::wait_readable(SteadyTime deadline) {
  if (is_cancelled_) co_return fail(ErrorCode::kCancelled, "the wait was cancelled");
  if (!socket_.is_open()) co_return fail(ErrorCode::kClosed, "the connection was closed");
  ReadableAwaiter awaiter{*this, deadline};
  const Wait& wait = co_await awaiter;
  co_return outcome_of(wait, "read");
}

Task<Status> Transport::wait_writable(SteadyTime deadline) {
  WriteAwaiter awaiter{*this, deadline};
  const Wait& wait = co_await awaiter;
  co_return outcome_of(wait, "wrote");
}

Task<Status> Transport::write_all(Outgoing bytes, SteadyTime deadline) {
  while (!bytes.is_empty()) {
    if (!socket_.is_open()) co_return fail(ErrorCode::kClosed, "the connection was closed");
    const auto sent = send_some(fd(), bytes);
    if (sent >= 0) {
      bytes.consume(static_cast<std::size_t>(sent));
      continue;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) co_return fail(socket_error("wrote", errno));
    WriteAwaiter awaiter{*this, deadline};
    const Wait& wait = co_await awaiter;
    if (auto status = outcome_of(wait, "wrote"); !status) co_return status;
  }
  co_return Status{};
}

bool Transport::is_readable_now() const {
  if (!socket_.is_open()) return false;
  char byte = 0;
  auto& socket = const_cast<asio::generic::stream_protocol::socket&>(socket_);
  const auto got = ::recv(socket.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got >= 0 || errno != EAGAIN;
}

void Transport::cancel() {
  is_cancelled_ = true;
  asio::error_code ignored;
  if (socket_.is_open()) socket_.cancel(ignored);
}

void Transport::close() {
  if (!socket_.is_open()) return;
  // Closing with bytes unread resets the connection (RFC 1122 §4.2.2.13), which may destroy our last reply on its way.
  // What is there already is thrown away (tcp(7), MSG_TRUNC); who keeps sending is reset all the same.
  constexpr std::size_t kDiscardMax = 1 << 20;
  [[maybe_unused]] const auto discarded = ::recv(fd(), nullptr, kDiscardMax, MSG_TRUNC | MSG_DONTWAIT);
  asio::error_code ignored;
  socket_.close(ignored);
}

std::size_t Transport::send_now(std::string_view bytes) {
  if (!socket_.is_open()) return 0;
  const auto sent = ::send(fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

}  // namespace bulkhead::net
