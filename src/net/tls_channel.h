// TLS over a Transport: OpenSSL reads from the socket itself and writes into a buffer that goes out in few sends.
// Private to src/net; lives on one shard.
#pragma once

#include "src/net/openssl_types.h"
#include "src/net/stream.h"
#include "src/net/tls.h"
#include "src/net/transport.h"

namespace bulkhead::net {

class TlsSessionCache;

class TlsChannel {
 public:
  TlsChannel(Transport& transport, SslPtr ssl, SocketAddress arrival);
  ~TlsChannel();
  TlsChannel(const TlsChannel&) = delete;
  TlsChannel& operator=(const TlsChannel&) = delete;

  // Where to keep the sessions that a server gives a client; `sessions` outlives the channel.
  void keep_sessions_in(TlsSessionCache& sessions, std::string key);

  Task<Status> handshake(SteadyTime deadline);
  Task<Result<std::size_t>> read_some(std::span<char> buffer, SteadyTime deadline);
  Task<Status> write_all(Outgoing bytes, SteadyTime deadline);
  bool has_buffered() const { return SSL_has_pending(ssl_.get()) == 1; }
  void say_goodbye();  // close_notify, if it fits into the socket at once
  const TlsSession* session() const { return is_established_ ? &session_ : nullptr; }

  // For the callbacks of OpenSSL, which find the channel as the application data of the SSL.
  const SocketAddress& arrival() const { return arrival_; }
  void note_problem(std::string problem) { problem_ = std::move(problem); }
  bool keep_session(SSL_SESSION* session);  // takes the reference when true
  int bio_read(char* buffer, int size, BIO& bio);
  int bio_write(const char* bytes, int size);
  bool is_at_end() const { return is_at_end_; }

 private:
  Task<Status> flush(SteadyTime deadline);
  Status encrypt_some(Outgoing& bytes);
  Error failure(std::string_view what, int ssl_error);
  Error handshake_failure(int ssl_error);
  void describe_session();

  Transport& transport_;
  SocketAddress arrival_;
  std::string out_;      // encrypted, to be sent
  std::string sending_;  // what flush() is waiting to send
  bool is_sending_ = false;
  bool is_at_end_ = false;
  bool is_established_ = false;
  bool may_have_more_ = true;  // the last read of the socket filled its buffer
  std::string problem_;
  TlsSession session_;
  TlsSessionCache* sessions_ = nullptr;
  std::string session_key_;
  SslPtr ssl_;  // last: dies first, its BIO refers to the channel
};

}  // namespace bulkhead::net
