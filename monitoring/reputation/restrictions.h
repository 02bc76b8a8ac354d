// Who is throttled or quarantined now, as the servers look it up: an immutable picture behind an atomic pointer.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <unordered_map>

#include "monitoring/reputation/key.h"
#include "monitoring/reputation/record.h"
#include "src/base/clock.h"

namespace bulkhead::reputation {

struct Restriction {
  State state = State::kThrottled;  // or kQuarantined
  UtcTime until{};
  std::string case_id = {};  // "" when none was opened
  bool locks_sign_in = false;

  bool is_quarantine() const { return state == State::kQuarantined; }
  // "quarantined until 2026-11-23T01:02:03Z, case 01J…": for people.
  std::string text() const;
};

using RestrictionMap = std::unordered_map<Key, Restriction, KeyHash>;

class Restrictions {
 public:
  Restrictions() = default;
  // Clients come and go by the thousand; the map of the others is shared by pictures that differ only in them.
  Restrictions(std::shared_ptr<const RestrictionMap> senders, std::shared_ptr<const RestrictionMap> clients)
      : senders_(std::move(senders)), clients_(std::move(clients)) {}

  // Nothing for a key that is free; clients only by of_client().
  const Restriction* of(const Key& key) const { return find(senders_, key); }
  const Restriction* of_client(const IpAddress& client) const {
    return clients_ == nullptr || clients_->empty() ? nullptr : find(clients_, Key::client(client));
  }
  // The worse of the account's and its tenant's.
  const Restriction* of_account(const AccountId& account, const TenantId& tenant) const;
  bool has_senders() const { return senders_ != nullptr && !senders_->empty(); }

 private:
  static const Restriction* find(const std::shared_ptr<const RestrictionMap>& map, const Key& key) {
    if (map == nullptr || map->empty()) return nullptr;
    const auto found = map->find(key);
    return found == map->end() ? nullptr : &found->second;
  }

  std::shared_ptr<const RestrictionMap> senders_;  // accounts, tenants, domains, addresses, addresses at sites
  std::shared_ptr<const RestrictionMap> clients_;
};
using RestrictionsPtr = std::shared_ptr<const Restrictions>;

// Thread-safe. Written by the loop alone, read on every command that matters.
class RestrictionBoard {
 public:
  RestrictionsPtr current() const { return current_.load(); }
  void replace(RestrictionsPtr restrictions) { current_.store(std::move(restrictions)); }

 private:
  std::atomic<RestrictionsPtr> current_ = std::make_shared<const Restrictions>();
};

}  // namespace bulkhead::reputation
