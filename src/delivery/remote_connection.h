// One SMTP connection to a remote host: a stream and the client's state machine over it.
//
// Lives on one shard. No call overlaps another.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "src/base/clock.h"
#include "src/delivery/outgoing_body.h"
#include "src/delivery/settings.h"
#include "src/delivery/targets.h"
#include "src/net/stream.h"
#include "src/net/tls.h"
#include "src/proto/smtp/client_session.h"

namespace bulkhead::delivery {

// One mail transaction to be carried.
struct Parcel {
  Parcel(const BodyReading& reading, queue::MessagePtr message) : body(reading, std::move(message)) {}
  smtp::ClientMail mail;
  OutgoingBody body;
  bool is_begun = false;  // its envelope went behind the message before
};

class RemoteConnection {
 public:
  RemoteConnection(std::unique_ptr<net::Stream> stream, Target target, tenants::RouteTls tls, const Timeouts& timeouts,
                   const Clock& clock);
  ~RemoteConnection();
  RemoteConnection(const RemoteConnection&) = delete;
  RemoteConnection& operator=(const RemoteConnection&) = delete;

  // Greeting, EHLO, STARTTLS as the policy says. Afterwards session().phase() is kReady, or kEnded with a reason.
  Task<void> open();
  // The handshake failed, so that another connection in clear may be tried where the policy permits.
  bool has_failed_handshake() const { return has_failed_handshake_; }

  // Sends one message. `next`, when not null, is one whose envelope may follow in the same write; its is_begun tells.
  // Always returns a result; the connection may have ended with it.
  Task<smtp::ClientResult> carry(Parcel& parcel, Parcel* next);

  Task<void> quit();  // says goodbye, waits a little for the answer, closes
  void close() { stream_->close(); }
  void cancel() { stream_->cancel(); }

  smtp::ClientSession& session() { return session_; }
  const Target& target() const { return target_; }
  bool is_usable() const;  // open, and the remote has neither closed it nor said anything unasked
  std::string tls_text() const;
  bool has_verified_tls() const { return stream_->tls() != nullptr && stream_->tls()->is_verified; }

 private:
  Task<void> exchange(SteadyTime deadline);
  Task<void> handshake();
  Task<void> send_envelope(Parcel& parcel);
  Task<void> send_body(Parcel& parcel, Parcel* next);
  Task<void> send_small_body(Parcel& parcel, Parcel* next);
  Task<void> hear_why(Error error);
  void lost(const Error& error);

  std::unique_ptr<net::Stream> stream_;
  Target target_;
  tenants::RouteTls tls_;
  const Timeouts& timeouts_;
  const Clock& clock_;
  smtp::ClientSession session_;
  bool has_failed_handshake_ = false;
  std::array<char, 4096> buffer_;
};

}  // namespace bulkhead::delivery
