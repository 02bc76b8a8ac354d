#include "src/queue/records.h"

#include "src/queue/record_codec.h"

namespace bulkhead::queue {
namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::uint8_t kVersionWithExpiry = 2;  // only where a hold has moved it
// A hostile server may answer with kilobytes; what is kept of it is bounded.
constexpr std::size_t kAnswerTextMax = 1024;
constexpr std::uint8_t kConsumed = 3;  // a fate on disk: delivered, and kept by no mailbox
constexpr std::size_t kMessageKeySize = 1 + 16;
constexpr std::size_t kDeliveryKeySize = kMessageKeySize + 2;

}  // namespace

std::string message_key(const MessageId& id) {
  std::string key{'m'};
  key.append(id.bytes());
  return key;
}

std::string delivery_key(const DeliveryKey& delivery) {
  std::string key{'d'};
  key.append(delivery.message.bytes());
  key.push_back(static_cast<char>(delivery.index >> 8));
  key.push_back(static_cast<char>(delivery.index & 0xFF));
  return key;
}

std::optional<MessageId> parse_message_key(std::string_view key) {
  if (key.size() != kMessageKeySize || key[0] != 'm') return std::nullopt;
  return MessageId::from_bytes(key.substr(1));
}

std::optional<DeliveryKey> parse_delivery_key(std::string_view key) {
  if (key.size() != kDeliveryKeySize || key[0] != 'd') return std::nullopt;
  DeliveryKey delivery;
  delivery.message = MessageId::from_bytes(key.substr(1, 16));
  delivery.index = static_cast<std::uint16_t>(static_cast<std::uint8_t>(key[kMessageKeySize]) << 8 |
                                              static_cast<std::uint8_t>(key[kMessageKeySize + 1]));
  return delivery;
}

std::string past_message(char letter, const MessageId& id) {
  std::string key{letter};
  key.append(id.bytes());
  key.append(3, '\xFF');  // longer than any index, so greater than each of this message's keys
  return key;
}

std::string directive_key(const DirectiveId& id) {
  return std::string{'x'}.append(id.bytes());
}

std::vector<std::uint16_t> DeliveryRecord::pending() const {
  std::vector<std::uint16_t> indexes;
  for (const auto& state : recipients) {
    if (state.fate == Fate::kDeferred) indexes.push_back(state.recipient);
  }
  return indexes;
}

bool DeliveryRecord::has_stored() const {
  for (const auto& state : recipients) {
    if (state.fate == Fate::kDelivered && !state.is_consumed) return true;
  }
  return false;
}

std::string DeliveryRecord::encode() const {
  std::string bytes;
  RecordWriter out{bytes};
  const bool has_expiry = expires_at != UtcTime{};
  out.byte(has_expiry ? kVersionWithExpiry : kVersion);
  if (has_expiry) out.time(expires_at);
  out.byte(is_warned ? 1 : 0);
  out.number(attempts);
  out.time(next_attempt);
  out.time(since);
  out.text(remote);
  out.text(remote_mta);
  out.number(recipients.size());
  for (const auto& state : recipients) {
    out.number(state.recipient);
    out.byte(state.is_consumed ? kConsumed : static_cast<std::uint8_t>(state.fate));
    out.number(static_cast<std::uint64_t>(state.answer.code < 0 ? 0 : state.answer.code));
    out.text(state.answer.enhanced);
    out.text(std::string_view{state.answer.text}.substr(0, kAnswerTextMax));
  }
  return bytes;
}

Result<DeliveryRecord> DeliveryRecord::decode(std::string_view bytes) {
  RecordReader in{bytes};
  const std::uint8_t version = in.byte();
  if (version != kVersion && version != kVersionWithExpiry) {
    return fail(ErrorCode::kCorrupt, "a delivery's record has an unknown version");
  }
  DeliveryRecord record;
  if (version == kVersionWithExpiry) record.expires_at = in.time();
  record.is_warned = in.byte() != 0;
  record.attempts = static_cast<std::uint16_t>(in.number());
  record.next_attempt = in.time();
  record.since = in.time();
  record.remote = in.text();
  record.remote_mta = in.text();
  const std::uint64_t count = in.number();
  for (std::uint64_t i = 0; i < count && in.is_good(); ++i) {
    RecipientState state;
    state.recipient = static_cast<std::uint16_t>(in.number());
    const std::uint8_t fate = in.byte();
    if (fate > kConsumed) return fail(ErrorCode::kCorrupt, "a recipient's fate is unknown");
    state.is_consumed = fate == kConsumed;
    state.fate = state.is_consumed ? Fate::kDelivered : static_cast<Fate>(fate);
    state.answer.code = static_cast<int>(in.number());
    state.answer.enhanced = in.text();
    state.answer.text = in.text();
    record.recipients.push_back(std::move(state));
  }
  if (!in.is_good() || !in.is_at_end()) return fail(ErrorCode::kCorrupt, "a delivery's record does not decode");
  return record;
}

}  // namespace bulkhead::queue
