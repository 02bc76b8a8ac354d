// How mail at rest lies in Family::kMailbox. Every key begins with a letter and the account.
//
//   m account folder 00 uid   the message (StoredMessage without its UID), the body's place last
//   i account message-id      folder and UID under which it was delivered; what makes a delivery idempotent
//   v account folder          UIDVALIDITY, written once
//   u account folder 00 uid   every UID that was ever given out is below this one
//   n account, b account      counters: messages, bytes
//   x account                 when its removal was noted: what it has is to be freed
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/mailbox/mailboxes.h"

namespace bulkhead::mailbox {

std::string message_key(const AccountId& account, std::string_view folder, std::uint32_t uid);
std::string delivered_key(const AccountId& account, const MessageId& message);
std::string validity_key(const AccountId& account, std::string_view folder);
std::string uid_bound_key(const AccountId& account, std::string_view folder, std::uint32_t bound);
std::string message_count_key(const AccountId& account);
std::string byte_count_key(const AccountId& account);
std::string removal_key(const AccountId& account);
inline constexpr std::string_view kRemovalsFirst = "x";
inline constexpr std::string_view kRemovalsPastLast = "y";
std::optional<AccountId> account_of_removal(std::string_view key);
// All keys of one kind ('m', 'i', 'v', 'u') of an account.
struct KeyRange {
  std::string first, past_last;
};
KeyRange account_range(char kind, const AccountId& account);
// The UID at the end of a message's or a bound's key.
std::uint32_t uid_of_key(std::string_view key);

std::string encode_message(const IncomingMessage& message);
std::optional<StoredMessage> decode_message(std::uint32_t uid, std::string_view bytes);
std::string encode_stored(const Stored& stored);

}  // namespace bulkhead::mailbox
