#include "src/proto/smtp/client_session.h"

#include <utility>

#include "src/base/check.h"

namespace bulkhead::smtp {

namespace {
constexpr int kShutdownCode = 421;  // RFC 5321 §3.8: may answer any command
}

ClientSession::ClientSession(ClientSettings settings) : settings_(std::move(settings)) {
  expected_.push_back({ClientStage::kGreeting});
}

ClientPhase ClientSession::phase() const {
  if (is_ended_) return ClientPhase::kEnded;
  if (is_handshaking_) return ClientPhase::kHandshake;
  if (!is_open_) return ClientPhase::kOpening;
  if (!transactions_.empty() && transactions_.front().awaits_body) return ClientPhase::kBody;
  return transactions_.empty() && expected_.empty() ? ClientPhase::kReady : ClientPhase::kBusy;
}

void ClientSession::expect(ClientStage stage, std::uint32_t recipient) {
  expected_.push_back({stage, recipient});
  ++unwritten_;
}

std::string ClientSession::take_output() {
  unwritten_ = 0;
  return std::exchange(output_, {});
}

void ClientSession::receive(std::string_view bytes) {
  while (!bytes.empty() && !is_ended_) {
    auto reply = reader_.read(bytes);
    if (!reply) {
      end({ClientEnding::Kind::kProtocolBroken, ClientStage::kOther, {}, std::move(reply.error().message)});
    } else if (*reply) {
      handle(std::move(**reply), bytes);
    }
  }
}

void ClientSession::handle(Reply reply, std::string_view rest) {
  if (expected_.size() == unwritten_) return handle_unexpected(std::move(reply));
  const Expected expected = expected_.front();
  expected_.pop_front();
  if (expected.is_quit) return end({ClientEnding::Kind::kQuit, ClientStage::kOther, std::move(reply), {}});
  if (reply.code == kShutdownCode) return on_shutdown(expected.stage, expected.recipient, std::move(reply));
  switch (expected.stage) {
    case ClientStage::kGreeting:
      return on_greeting(std::move(reply));
    case ClientStage::kHello:
      return on_hello(std::move(reply));
    case ClientStage::kStartTls:
      return on_start_tls(std::move(reply), rest);
    case ClientStage::kMail:
      return on_mail(std::move(reply));
    case ClientStage::kRcpt:
      return on_rcpt(std::move(reply), expected.recipient);
    case ClientStage::kData:
      return on_data(std::move(reply));
    case ClientStage::kEndOfData:
      return on_end_of_data(std::move(reply));
    case ClientStage::kOther:  // RSET
      if (!reply.is_positive()) end({ClientEnding::Kind::kRefused, ClientStage::kOther, std::move(reply), {}});
  }
}

void ClientSession::handle_unexpected(Reply reply) {
  const bool is_in_body = phase() == ClientPhase::kBody;
  if (reply.code == kShutdownCode || (is_in_body && reply.code >= 400)) {
    // In the midst of the body it answers the message: the server has given up on it before its end.
    if (is_in_body) transactions_.front().result.final = reply;
    return end({ClientEnding::Kind::kShutdown, ClientStage::kOther, std::move(reply), {}});
  }
  end({ClientEnding::Kind::kProtocolBroken,
       ClientStage::kOther,
       {},
       "the remote server sent a reply before the command that it would answer"});
}

void ClientSession::on_greeting(Reply reply) {
  if (!reply.is_positive()) return end({ClientEnding::Kind::kRefused, ClientStage::kGreeting, std::move(reply), {}});
  output_.append("EHLO ").append(settings_.helo).append("\r\n");
  expect(ClientStage::kHello);
}

void ClientSession::on_hello(Reply reply) {
  if (reply.is_permanent() && !says_helo_ && !has_tls_) {
    says_helo_ = true;
    output_.append("HELO ").append(settings_.helo).append("\r\n");
    return expect(ClientStage::kHello);
  }
  if (!reply.is_positive()) return end({ClientEnding::Kind::kRefused, ClientStage::kHello, std::move(reply), {}});
  extensions_ = says_helo_ ? ClientExtensions{} : parse_extensions(reply);
  if (!has_tls_ && settings_.tls != ClientTls::kNever && extensions_.has_starttls) {
    output_ += "STARTTLS\r\n";
    return expect(ClientStage::kStartTls);
  }
  if (!has_tls_ && settings_.tls == ClientTls::kRequired) {
    return end({ClientEnding::Kind::kTlsMissing,
                ClientStage::kHello,
                {},
                "TLS is required here, and the remote server does not offer it"});
  }
  is_open_ = true;
}

void ClientSession::on_start_tls(Reply reply, std::string_view rest) {
  if (reply.code == 220) {
    if (!rest.empty()) {
      return end({ClientEnding::Kind::kProtocolBroken,
                  ClientStage::kStartTls,
                  {},
                  "the remote server sent text in clear behind its answer to STARTTLS"});
    }
    is_handshaking_ = true;
  } else if (settings_.tls == ClientTls::kRequired) {
    end({ClientEnding::Kind::kRefused, ClientStage::kStartTls, std::move(reply), {}});
  } else {
    is_open_ = true;
  }
}

void ClientSession::tls_started() {
  BULKHEAD_CHECK(is_handshaking_);
  is_handshaking_ = false;
  has_tls_ = true;
  extensions_ = {};
  output_.append("EHLO ").append(settings_.helo).append("\r\n");
  expect(ClientStage::kHello);
}

void ClientSession::connection_lost(std::string why) {
  end({ClientEnding::Kind::kLost,
       expected_.empty() ? ClientStage::kOther : expected_.front().stage,
       {},
       std::move(why)});
}

void ClientSession::quit() {
  if (is_ended_) return;
  output_ += "QUIT\r\n";
  expect(ClientStage::kOther);
  expected_.back().is_quit = true;
}

void ClientSession::on_shutdown(ClientStage stage, std::uint32_t recipient, Reply reply) {
  if (!transactions_.empty()) {
    Transaction& transaction = transactions_.front();
    transaction.result.has_any_reply = stage != ClientStage::kOther;
    if (stage == ClientStage::kRcpt && !transaction.is_mail_refused) transaction.result.refused[recipient] = reply;
    if (!transaction.result.final && stage != ClientStage::kOther && !transaction.is_dummy_body) {
      transaction.result.final = reply;
      transaction.result.final_stage = stage;
    }
  }
  const bool is_opening = !is_open_;
  end({is_opening ? ClientEnding::Kind::kRefused : ClientEnding::Kind::kShutdown, stage, std::move(reply), {}});
}

void ClientSession::end(ClientEnding ending) {
  if (is_ended_) return;
  is_ended_ = true;
  ending_ = std::move(ending);
  output_.clear();
  expected_.clear();
  unwritten_ = 0;
  while (!transactions_.empty()) finish_transaction();
}

}  // namespace bulkhead::smtp
