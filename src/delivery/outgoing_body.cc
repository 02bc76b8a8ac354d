#include "src/delivery/outgoing_body.h"

#include <algorithm>
#include <utility>

#include "src/mail/dsn.h"
#include "src/mail/utf8.h"

namespace bulkhead::delivery {

namespace {
constexpr std::chrono::minutes kRecent{1};
}

Task<Result<std::string>> OutgoingBody::read(std::uint64_t offset, std::uint64_t size) {
  const bool is_recent = reading_.clock.now() - message_->queued_at < kRecent;
  if (message_->body.length <= kSmallMax && is_recent) co_return reading_.store.read_blob(message_->body, offset, size);
  auto work = [&store = reading_.store, message = message_, offset, size] {
    return store.read_blob(message->body, offset, size);
  };
  auto bytes = co_await reading_.pool.run(reading_.shard, std::move(work));
  if (!bytes) co_return fail(std::move(bytes.error()));
  co_return std::move(*bytes);
}

Task<Status> OutgoingBody::prepare() {
  const std::uint64_t length = message_->body.length;
  is_in_memory_ = length <= kSmallMax;
  if (is_in_memory_) {
    recent_ = reading_.store.recent_body(message_->body);
    whole_ = recent_.bytes;
    if (recent_) co_return Status{};
    auto bytes = co_await read(0, length);
    if (!bytes) co_return fail(std::move(bytes.error()));
    read_ = std::move(*bytes);
    whole_ = read_;
    co_return Status{};
  }
  // A large body is not held in memory: it is checked as a whole before a byte of it leaves.
  auto work = [&store = reading_.store, message = message_] { return store.verify_blob(message->body); };
  auto verified = co_await reading_.pool.run(reading_.shard, std::move(work));
  if (!verified) co_return fail(std::move(verified.error()));
  co_return std::move(*verified);
}

Task<Status> OutgoingBody::sign() {
  const MessageSigner* signer = reading_.signer;
  if (signer == nullptr || !signer->is_wanted(*message_)) co_return Status{};
  auto work = [signer, &store = reading_.store, message = message_] {
    const BodyPieces pieces = [&](std::uint64_t offset, std::uint64_t size) {
      return store.read_blob(message->body, offset, size);
    };
    return signer->sign(*message, pieces);
  };
  auto fields = co_await reading_.pool.run(reading_.shard, std::move(work));
  if (!fields) co_return fail(std::move(fields.error()));
  if (!*fields) co_return fail(std::move(fields->error()));
  signature_ = std::move(**fields);
  co_return Status{};
}

Task<Result<bool>> OutgoingBody::has_8bit() {
  if (is_in_memory_) co_return !mail::is_ascii(whole_);
  const std::uint64_t length = message_->body.length;
  for (std::uint64_t offset = 0; offset < length; offset += kPieceSize) {
    auto bytes = co_await read(offset, std::min(kPieceSize, length - offset));
    if (!bytes) co_return fail(std::move(bytes.error()));
    if (!mail::is_ascii(*bytes)) co_return true;
  }
  co_return false;
}

Task<Result<bool>> OutgoingBody::has_8bit_header() {
  if (is_in_memory_) co_return !mail::is_ascii(mail::header_section(whole_));
  auto bytes = co_await read(0, std::min(kPieceSize, message_->body.length));
  if (!bytes) co_return fail(std::move(bytes.error()));
  co_return !mail::is_ascii(mail::header_section(*bytes));
}

std::string_view OutgoingBody::wire(smtp::BodyFraming framing) {
  if (smtp::is_wire_ready(whole_, framing)) return whole_;
  encoded_.clear();
  smtp::BodyEncoder encoder{framing};
  encoder.encode(whole_, encoded_);
  encoder.finish(encoded_);
  return encoded_;
}

Task<Result<std::string>> OutgoingBody::next_piece() {
  std::string out;
  const std::uint64_t length = message_->body.length;
  if (offset_ == 0) encoder_.encode(signature_, out);
  if (offset_ < length) {
    const std::uint64_t size = std::min(kPieceSize, length - offset_);
    auto bytes = co_await read(offset_, size);
    if (!bytes) co_return fail(std::move(bytes.error()));
    if (bytes->size() != size) co_return fail(ErrorCode::kCorrupt, "a stored body is shorter than its record says");
    offset_ += size;
    encoder_.encode(*bytes, out);
  } else if (!is_finished_) {
    is_finished_ = true;
    encoder_.finish(out);
  }
  co_return out;
}

}  // namespace bulkhead::delivery
