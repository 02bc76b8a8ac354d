// The addresses from which each account has lately handed in mail: evidence for its case.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::reputation {

// Not thread-safe. In memory only: what matters is kept by the case.
class RecentClients {
 public:
  static constexpr std::size_t kPerAccount = 50;
  static constexpr std::chrono::hours kAge{1};
  explicit RecentClients(std::size_t accounts_max = 20'000) : accounts_max_(accounts_max) {}

  // Whether it is not among the account's latest. Remembers it.
  bool see(const AccountId& account, const IpAddress& client, UtcTime now);
  // Of the last hour, as text, the latest at the end.
  std::vector<std::string> of(const AccountId& account, UtcTime now) const;

 private:
  struct Seen {
    IpAddress client;
    UtcTime at{};
  };

  struct Account {
    AccountId id;
    std::vector<Seen> seen;  // the latest at the end
  };
  using Order = std::list<Account>;
  Account& use(const AccountId& account);

  std::size_t accounts_max_;
  Order order_;  // the one that was seen last at the front
  std::unordered_map<AccountId, Order::iterator> by_id_;
};

}  // namespace bulkhead::reputation
