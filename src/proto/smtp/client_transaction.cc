// The part of ClientSession that carries a transaction: MAIL, RCPT, DATA or BDAT, and their answers.
#include <utility>

#include "src/base/check.h"
#include "src/proto/smtp/client_session.h"

namespace bulkhead::smtp {

bool ClientSession::takes_body_at_once(std::uint64_t wire_size) const {
  return extensions_.has_pipelining && extensions_.has_chunking && wire_size <= kAtOnceMax;
}

void ClientSession::begin(const ClientMail& mail) {
  if (is_ended_) {  // lost meanwhile: the transaction ends as one that never started
    results_.emplace_back().refused.resize(mail.recipients.size());
    return;
  }
  Transaction& transaction = transactions_.emplace_back();
  transaction.result.refused.resize(mail.recipients.size());
  ++begun_;
  write_envelope(transaction, mail);
  if (extensions_.has_pipelining) {
    output_ += "DATA\r\n";
    expect(ClientStage::kData);
  }
}

void ClientSession::begin_with_body(const ClientMail& mail, std::uint64_t wire_size) {
  BULKHEAD_CHECK(takes_body_at_once(wire_size));
  if (is_ended_) {
    results_.emplace_back().refused.resize(mail.recipients.size());
    return;
  }
  Transaction& transaction = transactions_.emplace_back();
  transaction.result.refused.resize(mail.recipients.size());
  transaction.result.is_body_sent = true;
  transaction.is_chunked = true;
  ++begun_;
  write_envelope(transaction, mail);
  output_.append("BDAT ").append(std::to_string(wire_size)).append(" LAST\r\n");
  expect(ClientStage::kEndOfData);
}

void ClientSession::write_envelope(Transaction& transaction, const ClientMail& mail) {
  if (std::exchange(needs_reset_, false)) {
    output_ += "RSET\r\n";
    expect(ClientStage::kOther);
  }
  append_mail_command(output_, mail, extensions_);
  expect(ClientStage::kMail);
  if (!extensions_.has_pipelining) {
    transaction.unwritten = mail.recipients;
    return;
  }
  for (std::uint32_t i = 0; i < mail.recipients.size(); ++i) {
    append_rcpt_command(output_, mail.recipients[i], extensions_);
    expect(ClientStage::kRcpt, i);
  }
}

void ClientSession::on_mail(Reply reply) {
  Transaction& transaction = transactions_.front();
  transaction.result.has_any_reply = true;
  if (!reply.is_positive()) {
    transaction.is_mail_refused = true;
    transaction.result.final = std::move(reply);
    transaction.result.final_stage = ClientStage::kMail;
  }
  continue_in_lockstep();
}

void ClientSession::on_rcpt(Reply reply, std::uint32_t recipient) {
  Transaction& transaction = transactions_.front();
  if (!transaction.is_mail_refused) {
    if (reply.is_positive()) {
      ++transaction.accepted;
    } else {
      transaction.result.refused[recipient] = std::move(reply);
    }
  }
  continue_in_lockstep();
}

// Without pipelining each answer leads to the next command.
void ClientSession::continue_in_lockstep() {
  if (extensions_.has_pipelining) return;
  Transaction& transaction = transactions_.front();
  if (transaction.is_mail_refused) return finish_transaction();
  if (transaction.next_rcpt < transaction.unwritten.size()) {
    append_rcpt_command(output_, transaction.unwritten[transaction.next_rcpt], extensions_);
    expect(ClientStage::kRcpt, static_cast<std::uint32_t>(transaction.next_rcpt));
    ++transaction.next_rcpt;
  } else if (transaction.accepted > 0) {
    output_ += "DATA\r\n";
    expect(ClientStage::kData);
  } else {
    needs_reset_ = true;
    finish_transaction();
  }
}

void ClientSession::on_data(Reply reply) {
  Transaction& transaction = transactions_.front();
  if (reply.code == 354) {
    if (transaction.accepted > 0) {
      transaction.awaits_body = true;
      return;
    }
    // RFC 2920 §3.1: a server may accept DATA though it refused every recipient; an empty message ends that.
    transaction.is_dummy_body = true;
    output_ += ".\r\n";
    return expect(ClientStage::kEndOfData);
  }
  if (reply.code < 400) {
    return end({ClientEnding::Kind::kProtocolBroken,
                ClientStage::kData,
                {},
                "the remote server answered DATA with neither 354 nor an error"});
  }
  needs_reset_ = !transaction.is_mail_refused;
  if (!transaction.is_mail_refused) {
    transaction.result.final = std::move(reply);
    transaction.result.final_stage = ClientStage::kData;
  }
  finish_transaction();
}

void ClientSession::end_body() {
  if (is_ended_) return;
  BULKHEAD_CHECK(phase() == ClientPhase::kBody);
  Transaction& transaction = transactions_.front();
  transaction.awaits_body = false;
  transaction.result.is_body_sent = true;
  output_ += ".\r\n";
  expect(ClientStage::kEndOfData);
}

void ClientSession::on_end_of_data(Reply reply) {
  Transaction& transaction = transactions_.front();
  if (reply.is_intermediate()) {
    return end({ClientEnding::Kind::kProtocolBroken,
                ClientStage::kEndOfData,
                {},
                "the remote server answered the end of the message with an intermediate reply"});
  }
  // RFC 3030 §2: what a failed BDAT leaves behind is undefined until RSET.
  if (transaction.is_chunked && !reply.is_positive()) needs_reset_ = !transaction.is_mail_refused;
  if (!transaction.is_mail_refused && !transaction.is_dummy_body && transaction.accepted > 0) {
    transaction.result.final = std::move(reply);
    transaction.result.final_stage = ClientStage::kEndOfData;
  }
  finish_transaction();
}

void ClientSession::finish_transaction() {
  results_.push_back(std::move(transactions_.front().result));
  transactions_.pop_front();
}

std::optional<ClientResult> ClientSession::take_result() {
  if (results_.empty()) return std::nullopt;
  ClientResult result = std::move(results_.front());
  results_.pop_front();
  return result;
}

}  // namespace bulkhead::smtp
