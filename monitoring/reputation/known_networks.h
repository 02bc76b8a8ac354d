// From which networks each account has signed in before.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::reputation {

// Not thread-safe. Keeps the latest networks of a bounded number of accounts: /24 of IPv4, /48 of IPv6.
class KnownNetworks {
 public:
  static constexpr std::size_t kPerAccount = 16;
  explicit KnownNetworks(std::size_t accounts_max = 100'000) : accounts_max_(accounts_max) {}

  // Whether the account has signed in before, but never from there. Remembers it.
  bool is_new(const AccountId& account, const IpAddress& client);

  // What changed since it was last taken: account → what restore() takes, "" for one that was forgotten.
  std::vector<std::pair<AccountId, std::string>> take_changes();
  void restore(const AccountId& account, std::string_view stored);

 private:
  void make_room();

  std::size_t accounts_max_;
  std::unordered_map<AccountId, std::vector<std::uint64_t>> networks_;  // the latest at the end
  std::unordered_set<AccountId> changed_;
};

}  // namespace bulkhead::reputation
