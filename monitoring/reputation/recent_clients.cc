#include "monitoring/reputation/recent_clients.h"

#include <algorithm>

namespace bulkhead::reputation {

bool RecentClients::see(const AccountId& account, const IpAddress& client, UtcTime now) {
  if (!seen_.contains(account) && seen_.size() >= accounts_max_ && !seen_.empty()) seen_.erase(seen_.begin());
  auto& latest = seen_[account];
  const auto found = std::ranges::find(latest, client, &Seen::client);
  const bool is_new = found == latest.end() || now - found->at > kAge;
  if (found != latest.end()) {
    latest.erase(found);
  } else if (latest.size() >= kPerAccount) {
    latest.erase(latest.begin());
  }
  latest.push_back({client, now});
  return is_new;
}

std::vector<std::string> RecentClients::of(const AccountId& account, UtcTime now) const {
  std::vector<std::string> out;
  const auto found = seen_.find(account);
  if (found == seen_.end()) return out;
  for (const auto& seen : found->second) {
    if (now - seen.at <= kAge) out.push_back(seen.client.text());
  }
  return out;
}

}  // namespace bulkhead::reputation
