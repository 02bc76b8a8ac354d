// The part of a session that takes the octets of a message: DATA and BDAT.
#include <algorithm>

#include "src/smtpd/commands/commands.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/refused_message.h"
#include "src/smtpd/session.h"

namespace bulkhead::smtpd {

namespace {

// An unwelcome chunk up to this size is read and dropped, so that the session can go on; a larger one ends it.
constexpr std::uint64_t kDiscardMax = 268435456;

// How much of a message that is refused already is read, in the hope that it ends, before the connection is cut.
bool is_hopeless(const Transaction& transaction, std::uint64_t received, const Settings& settings) {
  return transaction.reader->fault() != smtp::DataFault::kNone && received > 2 * settings.message_size_max;
}

}  // namespace

Task<Session::Flow> Session::fill_data() {
  const Flow flushed = co_await flush();
  if (flushed == Flow::kEnd) co_return Flow::kEnd;
  input_.grow();
  const auto& services = conversation_.services;
  const std::size_t before = input_.view().size();
  const Flow filled = co_await fill(services.settings.data_timeout);
  if (filled == Flow::kEnd) co_return Flow::kEnd;
  if (pace_.count(input_.view().size() - before, services.clock.steady(), services.settings)) co_return Flow::kGoOn;
  queue_reply(smtp::Reply(421, "4.4.2", "The message comes too slowly"));
  co_await flush();
  co_return Flow::kEnd;
}

Task<Session::Flow> Session::receive_data() {
  pace_.begin(conversation_.services.clock.steady());
  for (std::uint64_t received = 0;;) {
    auto& transaction = *conversation_.transaction;
    pieces_.clear();
    const auto progress = transaction.reader->feed(input_.view(), pieces_);
    received += progress.consumed;
    for (const auto piece : pieces_) transaction.sink->append(piece);
    input_.consume(progress.consumed);
    if (progress.is_complete) break;
    const auto& settings = conversation_.services.settings;
    if (is_hopeless(transaction, received, settings)) {
      const auto refused = check_content(conversation_);
      record_refused_message(conversation_, *refused);
      queue_reply(*refused);
      co_return co_await end();
    }
    const Flow filled = co_await fill_data();
    if (filled == Flow::kEnd) co_return Flow::kEnd;
  }
  auto answer = co_await accept_message(conversation_);
  co_return co_await conclude(std::move(answer));
}

Task<Session::Flow> Session::receive_chunk(smtp::BdatArguments chunk, Answer answer) {
  pace_.begin(conversation_.services.clock.steady());
  if (answer.next != Next::kReceiveChunk) {
    const Flow discarded = co_await discard_chunk(chunk.size);
    if (discarded == Flow::kEnd) {
      queue_reply(answer.reply);
      co_return co_await end();
    }
    co_return co_await conclude(std::move(answer));
  }
  const auto size_max = conversation_.services.settings.message_size_max;
  if (chunk.size > size_max) {
    record_refused_message(conversation_, too_big(size_max));
    conversation_.transaction.reset();
    const Flow discarded = co_await discard_chunk(chunk.size);
    Answer refused{too_big(size_max), discarded == Flow::kGoOn ? Next::kContinue : Next::kClose};
    co_return co_await conclude(std::move(refused));
  }
  for (std::uint64_t left = chunk.size; left > 0;) {
    auto& transaction = *conversation_.transaction;
    const auto content = input_.view().substr(0, left);
    pieces_.clear();
    transaction.reader->feed(content, pieces_);
    for (const auto piece : pieces_) transaction.sink->append(piece);
    left -= content.size();
    input_.consume(content.size());
    if (left == 0) break;
    const Flow filled = co_await fill_data();
    if (filled == Flow::kEnd) co_return Flow::kEnd;
  }
  const bool is_broken = conversation_.transaction->reader->fault() != smtp::DataFault::kNone;
  if (!chunk.is_last && !is_broken) {
    answer.next = Next::kContinue;
    co_return co_await conclude(std::move(answer));
  }
  auto final_answer = co_await accept_message(conversation_);
  co_return co_await conclude(std::move(final_answer));
}

// kEnd: the client is gone, or the chunk is too large to be worth reading.
Task<Session::Flow> Session::discard_chunk(std::uint64_t size) {
  if (size > kDiscardMax) co_return Flow::kEnd;
  for (;;) {
    const auto taken = std::min<std::uint64_t>(size, input_.view().size());
    input_.consume(taken);
    size -= taken;
    if (size == 0) co_return Flow::kGoOn;
    const Flow filled = co_await fill_data();
    if (filled == Flow::kEnd) co_return Flow::kEnd;
  }
}

}  // namespace bulkhead::smtpd
