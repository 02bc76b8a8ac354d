#include "monitoring/reputation/recent_clients.h"

#include <algorithm>

namespace bulkhead::reputation {

RecentClients::Account& RecentClients::use(const AccountId& account) {
  if (const auto found = by_id_.find(account); found != by_id_.end()) {
    order_.splice(order_.begin(), order_, found->second);
    return order_.front();
  }
  if (order_.size() >= accounts_max_) {
    by_id_.erase(order_.back().id);
    order_.pop_back();
  }
  order_.push_front({account, {}});
  by_id_[account] = order_.begin();
  return order_.front();
}

bool RecentClients::see(const AccountId& account, const IpAddress& client, UtcTime now) {
  auto& latest = use(account).seen;
  const auto found = std::ranges::find(latest, client, &Seen::client);
  const bool is_new = found == latest.end() || now - found->at > kAge;
  if (found != latest.end()) {
    latest.erase(found);
  } else if (latest.size() >= kPerAccount) {
    latest.erase(latest.begin());
  }
  latest.push_back({client, now});
  // Who has not been seen for long goes, a few with each look: memory follows what is busy.
  for (int i = 0; i < 2 && now - order_.back().seen.back().at > kAge; ++i) {
    by_id_.erase(order_.back().id);
    order_.pop_back();
  }
  return is_new;
}

std::vector<std::string> RecentClients::of(const AccountId& account, UtcTime now) const {
  std::vector<std::string> out;
  const auto found = by_id_.find(account);
  if (found == by_id_.end()) return out;
  for (const auto& seen : found->second->seen) {
    if (now - seen.at <= kAge) out.push_back(seen.client.text());
  }
  return out;
}

}  // namespace bulkhead::reputation
