#include "src/net/tls_channel.h"

#include <array>
#include <cerrno>

#include <sys/socket.h>

#include "src/net/tls_clients.h"

namespace bulkhead::net {

namespace {

// A BIO whose bytes come straight from the socket and go to the channel's buffer.
TlsChannel& channel_of(BIO* bio) {
  return *static_cast<TlsChannel*>(BIO_get_data(bio));
}

int read_bytes(BIO* bio, char* buffer, int size) {
  return channel_of(bio).bio_read(buffer, size, *bio);
}

int write_bytes(BIO* bio, const char* bytes, int size) {
  return channel_of(bio).bio_write(bytes, size);
}

long control(BIO* bio, int command, long, void*) {
  if (command == BIO_CTRL_EOF) return channel_of(bio).is_at_end() ? 1 : 0;
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

// A table of functions, made once and the same for ever.
const BIO_METHOD* channel_method() {
  static BIO_METHOD* const kMethod = [] {
    BIO_METHOD* method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "bulkhead channel");
    BULKHEAD_CHECK(method != nullptr);
    BIO_meth_set_read(method, read_bytes);
    BIO_meth_set_write(method, write_bytes);
    BIO_meth_set_ctrl(method, control);
    return method;
  }();
  return kMethod;
}

// So much is encrypted before it is sent: large enough for few sends, small enough to keep memory bounded.
constexpr std::size_t kOutMax = 128 * 1024;
// A buffer above this is not kept by an idle connection.
constexpr std::size_t kIdleCapacityMax = 4096;

}  // namespace

TlsChannel::TlsChannel(Transport& transport, SslPtr ssl, SocketAddress arrival)
    : transport_(transport), arrival_(arrival), ssl_(std::move(ssl)) {
  BIO* bio = BIO_new(channel_method());
  BULKHEAD_CHECK(bio != nullptr);
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);
  SSL_set_app_data(ssl_.get(), this);
}

TlsChannel::~TlsChannel() {
  // Otherwise OpenSSL takes a connection without close_notify for an attack and spoils its session, which the cache
  // still holds. Peers that just close are the rule in mail.
  if (is_established_) SSL_set_shutdown(ssl_.get(), SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
}

void TlsChannel::keep_sessions_in(TlsSessionCache& sessions, std::string key) {
  sessions_ = &sessions;
  session_key_ = std::move(key);
}

bool TlsChannel::keep_session(SSL_SESSION* session) {
  if (sessions_ == nullptr || session_key_.empty()) return false;
  sessions_->put(session_key_, SslSessionPtr{session});
  return true;
}

int TlsChannel::bio_read(char* buffer, int size, BIO& bio) {
  BIO_clear_retry_flags(&bio);
  if (!transport_.is_open()) return -1;
  const auto got = ::recv(transport_.fd(), buffer, static_cast<std::size_t>(size), MSG_DONTWAIT);
  may_have_more_ = got == size;
  if (got == 0) is_at_end_ = true;
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(&bio);
  return static_cast<int>(got);
}

int TlsChannel::bio_write(const char* bytes, int size) {
  out_.append(bytes, static_cast<std::size_t>(size));
  return size;
}

Task<Status> TlsChannel::flush(SteadyTime deadline) {
  // A read may have something to say too (key update, alert) while a write waits: who sends takes it along.
  if (is_sending_) co_return Status{};
  is_sending_ = true;
  Status status{};
  while (status && !out_.empty()) {
    const std::size_t sent = transport_.send_now(out_);
    if (sent == out_.size()) {
      out_.clear();
      break;
    }
    sending_ = std::move(out_);
    out_.clear();
    status = co_await transport_.write_all(Outgoing{std::string_view{sending_}.substr(sent)}, deadline);
  }
  if (out_.capacity() > kIdleCapacityMax) out_ = {};
  if (sending_.capacity() > kIdleCapacityMax) sending_ = {};
  is_sending_ = false;
  co_return status;
}

Task<Status> TlsChannel::handshake(SteadyTime deadline) {
  while (true) {
    ERR_clear_error();
    const int done = SSL_do_handshake(ssl_.get());
    const int ssl_error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
    Status failed{};
    // Named before the flush, which may leave the thread to another connection's errors.
    if (done != 1 && ssl_error != SSL_ERROR_WANT_READ) failed = fail(handshake_failure(ssl_error));
    // An alert goes out even when we give up: it tells the peer why.
    const auto flushed = co_await flush(deadline);
    if (!failed) co_return failed;
    if (!flushed) co_return flushed;
    if (done == 1) break;
    if (auto status = co_await transport_.wait_readable(deadline); !status) {
      if (status.error().code != ErrorCode::kTimeout) co_return status;
      co_return fail(ErrorCode::kTimeout, "the TLS handshake took too long");
    }
  }
  is_established_ = true;
  describe_session();
  co_return Status{};
}

Error TlsChannel::handshake_failure(int ssl_error) {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (!SSL_is_server(ssl_.get()) && SSL_get_verify_mode(ssl_.get()) != SSL_VERIFY_NONE && verified != X509_V_OK) {
    problem_ = std::string{"the server's certificate is not accepted: "} + X509_verify_cert_error_string(verified);
  }
  // A session that does not work is not tried again.
  if (sessions_ != nullptr) sessions_->remove(session_key_);
  return failure("TLS handshake", ssl_error);
}

Error TlsChannel::failure(std::string_view what, int ssl_error) {
  const int number = errno;
  std::string reason = take_openssl_error();
  if (!problem_.empty()) reason = std::exchange(problem_, {});
  const std::string prefix = std::string{what} + " failed: ";
  if (ssl_error == SSL_ERROR_SSL) return {ErrorCode::kProtocol, prefix + reason, {}};
  if (is_at_end_ || ssl_error == SSL_ERROR_ZERO_RETURN) {
    return {ErrorCode::kClosed, prefix + "the peer closed the connection", {}};
  }
  if (!transport_.is_open()) return {ErrorCode::kClosed, prefix + "the connection was closed", {}};
  return {ErrorCode::kClosed, system_error(what, "socket", number).message, {}};
}

void TlsChannel::describe_session() {
  const SSL* ssl = ssl_.get();
  const SSL_CIPHER* cipher = SSL_get_current_cipher(ssl);
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  session_.version = SSL_get_version(ssl);
  session_.cipher = cipher == nullptr ? "" : SSL_CIPHER_standard_name(cipher);
  session_.bits = cipher == nullptr ? 0 : SSL_CIPHER_get_bits(cipher, nullptr);
  session_.server_name = name == nullptr ? "" : name;
  session_.is_resumed = SSL_session_reused(ssl) == 1;
  session_.is_verified = SSL_get_verify_mode(ssl) != SSL_VERIFY_NONE && SSL_get_verify_result(ssl) == X509_V_OK;
}

Task<Result<std::size_t>> TlsChannel::read_some(std::span<char> buffer, SteadyTime deadline) {
  BULKHEAD_CHECK(!buffer.empty());
  if (transport_.is_cancelled()) co_return fail(ErrorCode::kCancelled, "the wait was cancelled");
  // After an answer the next request is rarely there yet: waiting first saves the read that finds nothing.
  bool must_wait = !may_have_more_ && !has_buffered();
  while (true) {
    if (must_wait) {
      if (auto status = co_await transport_.wait_readable(deadline); !status) co_return fail(status.error());
    }
    ERR_clear_error();
    std::size_t size = 0;
    const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
    const int ssl_error = done == 1 ? SSL_ERROR_NONE : SSL_get_error(ssl_.get(), done);
    if (done != 1 && ssl_error == SSL_ERROR_ZERO_RETURN) co_return std::size_t{0};
    Status failed{};
    if (done != 1 && ssl_error != SSL_ERROR_WANT_READ) failed = fail(failure("reading from TLS", ssl_error));
    if (!out_.empty()) {
      const auto flushed = co_await flush(deadline);
      if (!flushed && done != 1 && failed) co_return fail(flushed.error());
    }
    if (!failed) co_return fail(std::move(failed.error()));
    if (done == 1) co_return size;
    must_wait = true;
  }
}

Status TlsChannel::encrypt_some(Outgoing& bytes) {
  std::array<char, SSL3_RT_MAX_PLAIN_LENGTH> scratch;
  while (!bytes.is_empty() && out_.size() < kOutMax) {
    const std::string_view text = bytes.gather(scratch);
    ERR_clear_error();
    std::size_t written = 0;
    const int done = SSL_write_ex(ssl_.get(), text.data(), text.size(), &written);
    if (done != 1) return fail(failure("writing to TLS", SSL_get_error(ssl_.get(), done)));
    bytes.consume(written);
  }
  return {};
}

Task<Status> TlsChannel::write_all(Outgoing bytes, SteadyTime deadline) {
  while (!bytes.is_empty()) {
    if (!transport_.is_open()) co_return fail(ErrorCode::kClosed, "the connection was closed");
    if (auto status = encrypt_some(bytes); !status) co_return status;
    if (auto status = co_await flush(deadline); !status) co_return status;
  }
  co_return Status{};
}

void TlsChannel::say_goodbye() {
  // In the middle of a record that waits to be sent an alert would only be noise.
  if (!is_established_ || is_sending_ || !transport_.is_open()) return;
  ERR_clear_error();
  SSL_shutdown(ssl_.get());
  ERR_clear_error();
  transport_.send_now(out_);
  out_.clear();
}

}  // namespace bulkhead::net
