#include "monitoring/reputation/known_networks.h"

#include <algorithm>
#include <utility>

#include "monitoring/reputation/distinct_count.h"

namespace bulkhead::reputation {

namespace {

std::uint64_t network_of(const IpAddress& client) {
  const std::string_view bytes = client.bytes();
  return distinct_hash_of_bytes(bytes.substr(0, client.family() == Family::kIpv4 ? 3 : 6));
}

}  // namespace

void KnownNetworks::make_room() {
  if (networks_.size() < accounts_max_ || networks_.empty()) return;
  const auto victim = networks_.begin();
  changed_.insert(victim->first);
  networks_.erase(victim);
}

bool KnownNetworks::is_new(const AccountId& account, const IpAddress& client) {
  const std::uint64_t network = network_of(client);
  if (!networks_.contains(account)) make_room();
  auto& known = networks_[account];
  const bool is_first = known.empty();
  const auto found = std::ranges::find(known, network);
  const bool is_known = found != known.end();
  if (is_known && found + 1 == known.end()) return false;
  if (is_known) known.erase(found);
  if (known.size() >= kPerAccount) known.erase(known.begin());
  known.push_back(network);
  changed_.insert(account);
  return !is_known && !is_first;
}

std::vector<std::pair<AccountId, std::string>> KnownNetworks::take_changes() {
  std::vector<std::pair<AccountId, std::string>> out;
  for (const auto& account : std::exchange(changed_, {})) {
    std::string value;
    if (const auto found = networks_.find(account); found != networks_.end()) {
      for (const std::uint64_t network : found->second) {
        for (int shift = 0; shift < 64; shift += 8) value += static_cast<char>(network >> shift & 0xFF);
      }
    }
    out.emplace_back(account, std::move(value));
  }
  return out;
}

void KnownNetworks::restore(const AccountId& account, std::string_view stored) {
  if (stored.size() % 8 != 0 || stored.size() > 8 * kPerAccount || stored.empty()) return;
  make_room();
  auto& known = networks_[account];
  known.clear();
  for (; !stored.empty(); stored.remove_prefix(8)) {
    std::uint64_t network = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      network |= static_cast<std::uint64_t>(static_cast<unsigned char>(stored[i])) << 8 * i;
    }
    known.push_back(network);
  }
}

}  // namespace bulkhead::reputation
