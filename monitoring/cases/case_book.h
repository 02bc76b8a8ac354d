// The cases that are kept, the newest first when they are shown. Bounded, clients by a bound of their own: bots by the
// thousand open cases, and none of these may cost an account's. The oldest that is over makes room, one that acts only
// when nothing else can.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "monitoring/cases/case.h"

namespace bulkhead::cases {

// A row to be stored, or to be removed when `value` is empty.
struct StoredCase {
  CaseId id;
  std::string value;
};

// Not thread-safe.
class CaseBook {
 public:
  explicit CaseBook(std::size_t cases_max = 5000, std::size_t clients_max = 1000)
      : cases_max_(cases_max), clients_max_(clients_max) {}

  const Case& add(Case added);
  const Case* find(const CaseId& id) const;
  // The one that has the key in its state.
  const Case* acting_on(const reputation::Key& key) const;
  // Changes a case that is there; what it says afterwards is stored.
  const Case& change(const CaseId& id, const std::function<void(Case&)>& change);
  // At most `most` that `wanted` says yes to, older than `before` (nil: from the newest on).
  std::vector<Case> list(const std::function<bool(const Case&)>& wanted, const CaseId& before, std::size_t most) const;
  std::size_t size() const { return cases_.size(); }
  std::size_t open() const { return open_; }

  std::vector<StoredCase> take_changes();
  void put_back(const std::vector<StoredCase>& changes);  // they could not be stored
  void restore(Case restored);

 private:
  struct Rank {  // in the order in which they make room
    bool is_client = false;
    bool is_acting = false;
    auto operator<=>(const Rank&) const = default;
  };
  static Rank rank_of(const Case& one);
  void make_room(const Case& added);
  std::optional<CaseId> oldest(Rank rank) const;
  void remove(const CaseId& id);
  const Case& keep(Case kept);
  void enlist(const Case& one);
  void delist(const Case& one);

  std::size_t cases_max_;
  std::size_t clients_max_;
  std::size_t open_ = 0;
  std::map<CaseId, Case> cases_;
  std::unordered_map<reputation::Key, CaseId, reputation::KeyHash> acting_;
  std::map<Rank, std::set<CaseId>> ranks_;
  std::set<CaseId> changed_;
};

}  // namespace bulkhead::cases
