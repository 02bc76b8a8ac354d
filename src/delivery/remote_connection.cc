#include "src/delivery/remote_connection.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::delivery {

namespace {

using smtp::ClientPhase;
using std::chrono::milliseconds;

smtp::ClientTls client_tls(tenants::RouteTls tls) {
  switch (tls) {
    case tenants::RouteTls::kOpportunistic:
      return smtp::ClientTls::kIfOffered;
    case tenants::RouteTls::kRequired:
    case tenants::RouteTls::kVerified:
      return smtp::ClientTls::kRequired;
    case tenants::RouteTls::kNone:
      break;
  }
  return smtp::ClientTls::kNever;
}

}  // namespace

RemoteConnection::RemoteConnection(std::unique_ptr<net::Stream> stream, Target target, tenants::RouteTls tls,
                                   const Timeouts& timeouts, const Clock& clock)
    : stream_(std::move(stream)),
      target_(std::move(target)),
      tls_(tls),
      timeouts_(timeouts),
      clock_(clock),
      session_({target_.helo, client_tls(tls)}) {}

RemoteConnection::~RemoteConnection() {
  stream_->close();
}

bool RemoteConnection::is_usable() const {
  return session_.phase() == ClientPhase::kReady && !stream_->is_readable_now();
}

std::string RemoteConnection::tls_text() const {
  const net::TlsSession* tls = stream_->tls();
  if (tls == nullptr) return {};
  return tls->is_verified ? tls->text() + " verified" : tls->text();
}

void RemoteConnection::lost(const Error& error) {
  switch (error.code) {
    case ErrorCode::kTimeout:
      return session_.connection_lost("the remote server did not answer in time");
    case ErrorCode::kCancelled:
      return session_.connection_lost("the delivery was interrupted by a shutdown");
    default:
      return session_.connection_lost("the connection was lost: " + error.message);
  }
}

// Writes what waits to be written, then reads once.
Task<void> RemoteConnection::exchange(SteadyTime deadline) {
  const auto left = [&] {
    return std::max(milliseconds{1}, std::chrono::duration_cast<milliseconds>(deadline - clock_.steady()));
  };
  if (clock_.steady() >= deadline) {
    lost(Error{ErrorCode::kTimeout, {}, {}});
    co_return;
  }
  const std::string out = session_.take_output();
  if (!out.empty()) {
    Status written = co_await stream_->write_all(out, left());
    if (!written) {
      co_await hear_why(std::move(written.error()));
      co_return;
    }
  }
  const auto size = co_await stream_->read_some(buffer_, left());
  if (!size) {
    lost(size.error());
  } else if (*size == 0) {
    session_.connection_lost("the remote server closed the connection");
  } else {
    session_.receive({buffer_.data(), *size});
  }
}

// A server that has closed the connection may have said why before.
Task<void> RemoteConnection::hear_why(Error error) {
  if (error.code != ErrorCode::kTimeout && error.code != ErrorCode::kCancelled) {
    const auto size = co_await stream_->read_some(buffer_, milliseconds{100});
    if (size && *size > 0) session_.receive({buffer_.data(), *size});
  }
  lost(error);
}

Task<void> RemoteConnection::open() {
  SteadyTime deadline = clock_.steady() + timeouts_.greeting;
  while (session_.phase() == ClientPhase::kOpening) {
    co_await exchange(deadline);
    if (session_.phase() == ClientPhase::kHandshake) {
      co_await handshake();
      deadline = clock_.steady() + timeouts_.command;
    }
  }
}

Task<void> RemoteConnection::handshake() {
  net::TlsClientPolicy policy;
  policy.server_name = IpAddress::parse(target_.host) ? std::string{} : target_.host;
  policy.session_key = fmt::format("{} {}", target_.source.text(), target_.text());
  if (tls_ == tenants::RouteTls::kVerified) policy.verify = net::TlsClientPolicy::Verify::kChainAndName;
  const Status started = co_await stream_->start_tls_client(policy, timeouts_.command);
  if (started) {
    session_.tls_started();
  } else {
    has_failed_handshake_ = started.error().code != ErrorCode::kCancelled;
    session_.connection_lost("the TLS handshake failed: " + started.error().message);
  }
}

Task<smtp::ClientResult> RemoteConnection::carry(Parcel& parcel, Parcel* next) {
  if (!std::exchange(parcel.is_begun, true)) co_await send_envelope(parcel);
  const milliseconds patience =
      timeouts_.command + milliseconds{1000} * static_cast<int>(parcel.mail.recipients.size());
  SteadyTime deadline = clock_.steady() + patience;
  auto result = session_.take_result();
  while (!result && session_.phase() == ClientPhase::kBusy) {
    co_await exchange(deadline);
    result = session_.take_result();
  }
  if (!result && session_.phase() == ClientPhase::kBody) {
    co_await send_body(parcel, next);
    deadline = clock_.steady() + timeouts_.end_of_data;
    for (result = session_.take_result(); !result; result = session_.take_result()) co_await exchange(deadline);
  }
  BULKHEAD_CHECK(result);
  co_return std::move(*result);
}

// With CHUNKING a small body goes in the same write.
Task<void> RemoteConnection::send_envelope(Parcel& parcel) {
  if (parcel.body.is_in_memory()) {
    const std::string_view wire = parcel.body.wire(smtp::BodyFraming::kChunk);
    const std::string_view signature = parcel.body.signature();
    const std::size_t size = signature.size() + wire.size();
    if (session_.takes_body_at_once(size)) {
      session_.begin_with_body(parcel.mail, size);
      const std::string envelope = session_.take_output();
      const std::array<std::string_view, 3> pieces{envelope, signature, wire};
      Status written = co_await stream_->write_all(pieces, timeouts_.data_block);
      if (!written) co_await hear_why(std::move(written.error()));
      co_return;
    }
  }
  session_.begin(parcel.mail);
}

Task<void> RemoteConnection::send_body(Parcel& parcel, Parcel* next) {
  if (parcel.body.is_in_memory()) {
    co_await send_small_body(parcel, next);
    co_return;
  }
  while (true) {
    const auto piece = co_await parcel.body.next_piece();
    if (!piece) {
      // The message is cut off before its end: without the final dot the remote server discards it.
      session_.connection_lost("the message could not be read to its end: " + piece.error().message);
      stream_->close();
      co_return;
    }
    if (piece->empty()) break;
    Status written = co_await stream_->write_all(std::string_view{*piece}, timeouts_.data_block);
    if (!written) {
      co_await hear_why(std::move(written.error()));
      co_return;
    }
  }
  session_.end_body();
}

// Body, final dot and the next message's envelope in one write.
Task<void> RemoteConnection::send_small_body(Parcel& parcel, Parcel* next) {
  const std::string_view wire = parcel.body.wire(smtp::BodyFraming::kDots);
  session_.end_body();
  if (next != nullptr && session_.extensions().has_pipelining) {
    session_.begin(next->mail);
    next->is_begun = true;
  }
  const std::string rest = session_.take_output();
  const std::array<std::string_view, 3> pieces{parcel.body.signature(), wire, rest};
  Status written = co_await stream_->write_all(pieces, timeouts_.data_block);
  if (!written) co_await hear_why(std::move(written.error()));
}

Task<void> RemoteConnection::quit() {
  if (session_.phase() == ClientPhase::kReady) {
    session_.quit();
    const SteadyTime deadline = clock_.steady() + timeouts_.quit;
    while (session_.phase() != ClientPhase::kEnded) co_await exchange(deadline);
  }
  stream_->close();
}

}  // namespace bulkhead::delivery
