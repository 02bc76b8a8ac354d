#include "src/mailbox/rows.h"

#include <algorithm>

#include "src/store/encoding.h"

namespace bulkhead::mailbox {

using store::append_be;
using store::append_le;
using store::load_be;
using store::load_le;

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kPathMax = 0xFFFF;

std::string account_key(char kind, const AccountId& account) {
  std::string key(1, kind);
  key.append(account.bytes());
  return key;
}

std::string uid_key(char kind, const AccountId& account, std::string_view folder, std::uint32_t uid) {
  std::string key = account_key(kind, account);
  key.append(folder).push_back('\0');
  append_be<std::uint32_t>(key, uid);
  return key;
}

void append_text(std::string& out, std::string_view text) {
  text = text.substr(0, kPathMax);
  append_le<std::uint16_t>(out, static_cast<std::uint16_t>(text.size()));
  out.append(text);
}

std::optional<std::string> take_text(std::string_view& bytes) {
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t size = load_le<std::uint16_t>(bytes.data());
  if (bytes.size() < 2 + size) return std::nullopt;
  std::string text{bytes.substr(2, size)};
  bytes.remove_prefix(2 + size);
  return text;
}

}  // namespace

std::string message_key(const AccountId& account, std::string_view folder, std::uint32_t uid) {
  return uid_key('m', account, folder, uid);
}
std::string uid_bound_key(const AccountId& account, std::string_view folder, std::uint32_t bound) {
  return uid_key('u', account, folder, bound);
}
std::string delivered_key(const AccountId& account, const MessageId& message) {
  return account_key('i', account).append(message.bytes());
}
std::string validity_key(const AccountId& account, std::string_view folder) {
  return account_key('v', account).append(folder);
}
std::string message_count_key(const AccountId& account) {
  return account_key('n', account);
}
std::string byte_count_key(const AccountId& account) {
  return account_key('b', account);
}

std::string removal_key(const AccountId& account) {
  return account_key('x', account);
}

std::optional<AccountId> account_of_removal(std::string_view key) {
  if (key.size() != 17) return std::nullopt;
  return AccountId::from_bytes(key.substr(1));
}

KeyRange account_range(char kind, const AccountId& account) {
  KeyRange range{account_key(kind, account), account_key(kind, account)};
  std::string& past = range.past_last;
  // The kind is below 0xFF, so that this ends.
  while (static_cast<unsigned char>(past.back()) == 0xFF) past.pop_back();
  past.back() = static_cast<char>(static_cast<unsigned char>(past.back()) + 1);
  return range;
}

std::uint32_t uid_of_key(std::string_view key) {
  return key.size() < 4 ? 0 : load_be<std::uint32_t>(key.data() + key.size() - 4);
}

std::string encode_message(const IncomingMessage& message) {
  std::string value(1, kVersion);
  value.append(message.id.bytes());
  append_le<std::uint64_t>(value, message.size);
  append_le<std::uint64_t>(value, static_cast<std::uint64_t>(message.received_at.time_since_epoch().count()));
  append_le<std::uint32_t>(value, 0);  // flags
  append_text(value, message.return_path);
  append_text(value, message.delivered_to);
  message.body.append_to(value);
  return value;
}

std::optional<StoredMessage> decode_message(std::uint32_t uid, std::string_view bytes) {
  constexpr std::size_t kFixedSize = 1 + 16 + 8 + 8 + 4;
  if (bytes.size() < kFixedSize || bytes[0] != kVersion) return std::nullopt;
  StoredMessage message;
  message.uid = uid;
  message.id = MessageId::from_bytes(bytes.substr(1, 16));
  message.size = load_le<std::uint64_t>(bytes.data() + 17);
  const auto micros = static_cast<std::int64_t>(load_le<std::uint64_t>(bytes.data() + 25));
  message.received_at = UtcTime{std::chrono::microseconds{micros}};
  message.flags = load_le<std::uint32_t>(bytes.data() + 33);
  bytes.remove_prefix(kFixedSize);
  auto return_path = take_text(bytes);
  auto delivered_to = return_path ? take_text(bytes) : std::nullopt;
  const auto body = delivered_to ? store::BlobRef::decode(bytes) : std::nullopt;
  if (!body) return std::nullopt;
  message.return_path = std::move(*return_path);
  message.delivered_to = std::move(*delivered_to);
  message.body = *body;
  return message;
}

std::string encode_stored(const Stored& stored) {
  std::string value = stored.folder;
  value.push_back('\0');
  append_be<std::uint32_t>(value, stored.uid);
  return value;
}

}  // namespace bulkhead::mailbox
