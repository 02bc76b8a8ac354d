#include "src/app/queue_directory.h"

#include <fmt/format.h>

#include "netpolicy/limits/limiter.h"
#include "netpolicy/source_choice.h"
#include "src/delivery/targets.h"
#include "src/queue/lane.h"

namespace bulkhead::app {
namespace {

// A directory that does not answer suspends nobody: mail that was accepted goes on.
Task<std::optional<std::string>> suspension_of(tenants::LiveDirectory& directory, net::Shard& shard, AccountId id) {
  auto asking = directory.account_by_id(shard, id);
  const auto account = co_await std::move(asking);
  std::optional<std::string> reason;
  if (account && *account && (*account)->suspension == tenants::Suspension::kSuspended) {
    reason = fmt::format("the account {0} is suspended; its mail goes on after: bulkhead account resume {0}",
                         (*account)->address.text());
  }
  co_return reason;
}

Task<std::optional<AccountId>> account_named(tenants::LiveDirectory& directory, net::Shard& shard, std::string name) {
  std::optional<AccountId> id = AccountId::parse(name);
  auto address = mail::Address::parse(name);
  if (id || !address) co_return id;
  auto asking = directory.account_by_address(shard, std::move(*address));
  const auto account = co_await std::move(asking);
  if (account && *account) id = (*account)->id;
  co_return id;
}

// A directory that does not answer changes nothing.
Task<std::optional<UtcTime>> pace_of(tenants::LiveDirectory& directory, const Clock& clock, net::Shard& shard,
                                     queue::MessagePtr message) {
  if (!message->not_before || !message->account) co_return message->not_before;
  auto asking = directory.account_by_id(shard, *message->account);
  const auto account = co_await std::move(asking);
  if (!account || !*account) co_return message->not_before;
  const auto snapshot = directory.snapshot();
  co_return netpolicy::Limiter::repaced({*snapshot, **account, message->arrival.ip},
                                        {message->wait_reason, message->queued_at, *message->not_before}, clock.now());
}

// A directory that does not answer leaves it used.
Task<void> give_back_pace(tenants::LiveDirectory& directory, netpolicy::Limiter& limiter, net::Shard& shard,
                          std::vector<queue::Unpaced> unpaced) {
  for (const auto& one : unpaced) {
    const queue::Message& message = *one.message;
    if (!message.account) continue;
    auto asking = directory.account_by_id(shard, *message.account);
    const auto account = co_await std::move(asking);
    if (!account) co_return;
    if (!*account) continue;
    const auto snapshot = directory.snapshot();
    const std::uint64_t messages = one.counts_message ? 1 : 0;
    limiter.give_back_paced({*snapshot, **account, message.arrival.ip},
                            {messages, one.recipients, messages * message.body.length});
  }
}

}  // namespace

void connect_directory(queue::Queue::Parts& parts, tenants::LiveDirectory& directory, netpolicy::Limiter& limiter) {
  parts.account_suspension = [&directory](net::Shard& shard, AccountId id) {
    return suspension_of(directory, shard, id);
  };
  parts.account_of = [&directory](net::Shard& shard, std::string name) {
    return account_named(directory, shard, std::move(name));
  };
  parts.pace_of = [&directory, &clock = parts.clock](net::Shard& shard, queue::MessagePtr message) {
    return pace_of(directory, clock, shard, std::move(message));
  };
  parts.give_back_pace = [&directory, &limiter](net::Shard& shard, std::vector<queue::Unpaced> unpaced) {
    return give_back_pace(directory, limiter, shard, std::move(unpaced));
  };
  parts.is_tenant_suspended = [&directory](const TenantId& id) {
    const auto snapshot = directory.snapshot();
    const tenants::Tenant* tenant = snapshot->tenant(id);
    return tenant != nullptr && tenant->suspension == tenants::Suspension::kSuspended;
  };
}

std::vector<IpAddress> sources_of(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host,
                                  const queue::LaneKey& lane) {
  std::vector<IpAddress> sources;
  if (lane.site == "local") return sources;
  const Family first = lane.arrival.family();
  const Family second = first == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  for (const Family family : {first, second}) {
    const auto decision = netpolicy::choose_source(directory, host, lane.tenant, lane.arrival, family);
    if (decision.kind == netpolicy::SourceDecision::Kind::kUse) sources.push_back(decision.ip);
  }
  return sources;
}

std::optional<IpAddress> likely_source(const tenants::Snapshot& directory, const netpolicy::HostAddresses& host,
                                       const queue::LaneKey& lane) {
  if (lane.site == queue::kLocalSite) return std::nullopt;
  const auto sources = delivery::sources_for(directory, host, lane.tenant, lane.arrival);
  if (sources.must_wait() || !sources.has_any()) return std::nullopt;
  const Family other = sources.preferred == Family::kIpv4 ? Family::kIpv6 : Family::kIpv4;
  return sources.of(sources.has(sources.preferred) ? sources.preferred : other).ip;
}

}  // namespace bulkhead::app
