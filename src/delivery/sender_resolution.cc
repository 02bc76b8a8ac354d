#include "src/app/sender_resolution.h"

namespace bulkhead::app {

namespace {

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
  if (resolution->kind == tenants::Resolution::Kind::kRemote) {
    recipients.push_back(recipient_of(sender, std::nullopt));
  }
  for (const auto& account : resolution->accounts) recipients.push_back(recipient_of(sender, account.id));
  for (const auto& forward : resolution->forwards) recipients.push_back(recipient_of(forward, std::nullopt));
  co_return recipients;
}

}  // namespace

SenderResolution sender_resolution(tenants::LiveDirectory& directory) {
  return [&directory](net::Shard& shard, TenantId, mail::Address sender) {
    return resolve(directory, shard, std::move(sender));
  };
}

}  // namespace bulkhead::app
