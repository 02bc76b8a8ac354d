// A stream whose other end is the test: what the test gives is read, what is written is kept.
//
// Everything happens on the test's thread. A read with nothing to give suspends its coroutine until give(), end() or
// time_out(); a coroutine under test is started with `start(task)`.
#pragma once

#include <algorithm>
#include <coroutine>
#include <cstring>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "src/net/stream.h"

namespace bulkhead::testlib {

// Starts a task and lets it run up to its first wait; `is_done` is set when it has ended and must outlive it.
struct Started {
  struct promise_type {
    Started get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};
inline Started start(Task<void> task, bool& is_done) {
  co_await std::move(task);
  is_done = true;
}

class MemoryStream final : public net::Stream {
 public:
  MemoryStream(SocketAddress local, SocketAddress remote) : local_(local), remote_(remote) {}

  // The peer sends a segment; one read takes at most one.
  void give(std::string bytes) {
    if (!bytes.empty()) segments_.push_back(std::move(bytes));
    resume();
  }
  // Segments that will all have arrived when the reader looks.
  void give(std::deque<std::string> segments) {
    for (auto& segment : segments) {
      if (!segment.empty()) segments_.push_back(std::move(segment));
    }
    resume();
  }
  void end() {  // the peer closes its side
    has_ended_ = true;
    resume();
  }
  void time_out() { fail_reads(ErrorCode::kTimeout); }
  void fail_reads(ErrorCode code) {
    read_error_ = code;
    resume();
  }
  void fail_writes(ErrorCode code) { write_error_ = code; }
  void pretend_tls() {
    tls_.emplace();
    tls_->version = "TLSv1.3";
    tls_->cipher = "TLS_AES_256_GCM_SHA384";
  }

  std::string take_written() { return std::exchange(written_, {}); }
  std::size_t writes() const { return writes_; }
  std::size_t reads() const { return reads_; }
  bool is_closed() const { return is_closed_; }
  bool is_reading() const { return static_cast<bool>(reader_); }
  std::chrono::milliseconds last_timeout() const { return last_timeout_; }

  Task<Result<std::size_t>> read_some(std::span<char> buffer, std::chrono::milliseconds timeout) override {
    last_timeout_ = timeout;
    ++reads_;
    Waiting waiting{*this};
    co_await waiting;
    if (is_cancelled_) co_return fail(ErrorCode::kCancelled, "cancelled");
    if (read_error_) co_return fail(*read_error_, "the test made the read fail");
    if (segments_.empty()) co_return std::size_t{0};
    auto& segment = segments_.front();
    const std::size_t size = std::min(buffer.size(), segment.size());
    std::memcpy(buffer.data(), segment.data(), size);
    segment.erase(0, size);
    if (segment.empty()) segments_.pop_front();
    co_return size;
  }
  Task<Status> write_all(std::string_view bytes, std::chrono::milliseconds) override {
    if (write_error_) co_return fail(*write_error_, "the test made the write fail");
    ++writes_;
    written_ += bytes;
    co_return Status{};
  }
  Task<Status> write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds) override {
    if (write_error_) co_return fail(*write_error_, "the test made the write fail");
    ++writes_;
    for (const auto piece : pieces) written_ += piece;
    co_return Status{};
  }
  Task<Status> start_tls_server(const net::TlsServerContexts&, std::chrono::milliseconds) override {
    pretend_tls();
    co_return Status{};
  }
  Task<Status> start_tls_client(const net::TlsClientPolicy&, std::chrono::milliseconds) override {
    pretend_tls();
    co_return Status{};
  }
  const net::TlsSession* tls() const override { return tls_ ? &*tls_ : nullptr; }
  SocketAddress local() const override { return local_; }
  SocketAddress remote() const override { return remote_; }
  bool is_readable_now() const override { return !segments_.empty() || has_ended_; }
  // The real stream resumes its reader later; here it is resumed by the test's next resume().
  void cancel() override { is_cancelled_ = true; }
  void close() override { is_closed_ = true; }

  void resume() {
    if (reader_ && is_ready()) std::exchange(reader_, nullptr).resume();
  }

 private:
  struct Waiting {
    MemoryStream& stream;
    bool await_ready() const { return stream.is_ready(); }
    void await_suspend(std::coroutine_handle<> reader) { stream.reader_ = reader; }
    void await_resume() const {}
  };
  bool is_ready() const { return !segments_.empty() || has_ended_ || read_error_ || is_cancelled_; }

  SocketAddress local_, remote_;
  std::deque<std::string> segments_;
  std::string written_;
  std::coroutine_handle<> reader_;
  std::optional<net::TlsSession> tls_;
  std::optional<ErrorCode> read_error_, write_error_;
  std::chrono::milliseconds last_timeout_{0};
  std::size_t writes_ = 0, reads_ = 0;
  bool has_ended_ = false, is_cancelled_ = false, is_closed_ = false;
};

}  // namespace bulkhead::testlib
