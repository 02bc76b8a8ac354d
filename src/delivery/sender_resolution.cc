#include "src/delivery/sender_resolution.h"

namespace bulkhead::delivery {

namespace {

using Kind = tenants::Resolution::Kind;

queue::QueuedRecipient recipient_of(const mail::Address& address, std::optional<AccountId> local) {
  queue::QueuedRecipient recipient;
  recipient.recipient.address = address;
  recipient.local = local;
  return recipient;
}

Task<Result<std::vector<queue::QueuedRecipient>>> resolve(tenants::LiveDirectory& directory, net::Shard& shard,
                                                          mail::Address sender) {
  const auto resolution = co_await directory.resolve(shard, sender);
  if (!resolution) co_return fail(resolution.error());
  std::vector<queue::QueuedRecipient> recipients;
  const bool is_remote = resolution->kind == Kind::kRemote || resolution->kind == Kind::kLoop;
  if (is_remote) recipients.push_back(recipient_of(sender, std::nullopt));
  for (const auto& account : resolution->accounts) recipients.push_back(recipient_of(sender, account.id));
  for (const auto& forward : resolution->forwards) recipients.push_back(recipient_of(forward, std::nullopt));
  if (!recipients.empty() || resolution->kind != Kind::kSuspended) co_return recipients;
  // Of a suspended tenant the resolution names nobody.
  mail::Address address = sender;
  auto account = co_await directory.account_by_address(shard, std::move(address));
  if (!account) co_return fail(account.error());
  recipients.push_back(recipient_of(sender, *account ? std::optional{(*account)->id} : std::nullopt));
  co_return recipients;
}

}  // namespace

SenderResolution sender_resolution(tenants::LiveDirectory& directory) {
  return [&directory](net::Shard& shard, TenantId, mail::Address sender) {
    return resolve(directory, shard, std::move(sender));
  };
}

}  // namespace bulkhead::delivery
