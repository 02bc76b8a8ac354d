#include "src/smtpd/mailbox_room.h"

#include <algorithm>

namespace bulkhead::smtpd {

namespace {

enum class Room : std::uint8_t { kFits, kFull, kNever };

Task<Room> room_of(Conversation& conversation, const tenants::Account& account, std::uint64_t size) {
  const std::uint64_t quota = account.quota_bytes;
  if (quota == 0) co_return Room::kFits;
  if (size > quota) co_return Room::kNever;
  auto& services = conversation.services;
  // A message of unknown size has at least something in it.
  auto asking = services.intake.has_room(services.shard, account.id, quota, std::max<std::uint64_t>(size, 1));
  const bool has_room = co_await std::move(asking);
  co_return has_room ? Room::kFits : Room::kFull;
}

smtp::Reply refusal_for(Room room) {
  if (room == Room::kNever) {
    return smtp::Reply(552, "5.2.2", "The message is larger than this mailbox may ever be: send a smaller one");
  }
  return smtp::Reply(452, "4.2.2", "This mailbox is full: try again later");
}

}  // namespace

Task<Refused> check_room(Conversation& conversation, const tenants::Resolution& resolution) {
  if (resolution.kind != tenants::Resolution::Kind::kTargets || !resolution.forwards.empty()) co_return std::nullopt;
  if (resolution.is_feedback) co_return std::nullopt;  // read whether or not there is a mailbox that keeps it
  const auto has_no_quota = [](const tenants::Account& account) { return account.quota_bytes == 0; };
  if (std::ranges::any_of(resolution.accounts, has_no_quota)) co_return std::nullopt;
  const std::uint64_t size = conversation.transaction->declared_size;
  Room best = Room::kNever;
  for (const auto& account : resolution.accounts) {
    auto asking = room_of(conversation, account, size);
    const Room room = co_await std::move(asking);
    if (room == Room::kFits) co_return std::nullopt;
    best = std::min(best, room);
  }
  co_return refusal_for(best);
}

Task<Refused> check_room_of_all(Conversation& conversation, std::uint64_t size) {
  auto& services = conversation.services;
  if (conversation.transaction->is_sure_to_fit) co_return std::nullopt;
  Room best = Room::kNever;
  for (std::size_t i = 0; i < conversation.transaction->recipients.size(); ++i) {
    const AccountId id = *conversation.transaction->recipients[i].local;
    auto looking = services.directory.account_by_id(services.shard, id);
    const auto account = co_await std::move(looking);
    if (!account || !*account) co_return std::nullopt;  // the queue deals with it
    auto asking = room_of(conversation, **account, size);
    const Room room = co_await std::move(asking);
    if (room == Room::kFits) co_return std::nullopt;
    best = std::min(best, room);
  }
  co_return refusal_for(best);
}

}  // namespace bulkhead::smtpd
