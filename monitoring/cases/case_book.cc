#include "monitoring/cases/case_book.h"

#include <algorithm>

#include "src/base/check.h"

namespace bulkhead::cases {

void CaseBook::index(const Case& one) {
  const auto known = acting_.find(one.key);
  if (one.is_acting()) {
    acting_[one.key] = one.id;
  } else if (known != acting_.end() && known->second == one.id) {
    acting_.erase(known);
  }
}

void CaseBook::make_room() {
  while (cases_.size() >= cases_max_ && !cases_.empty()) {
    auto victim = std::ranges::find_if(cases_, [](const auto& one) { return !one.second.is_acting(); });
    if (victim == cases_.end()) victim = cases_.begin();
    const auto known = acting_.find(victim->second.key);
    if (known != acting_.end() && known->second == victim->first) acting_.erase(known);
    changed_.insert(victim->first);
    cases_.erase(victim);
  }
}

const Case& CaseBook::add(Case added) {
  make_room();
  changed_.insert(added.id);
  const CaseId id = added.id;
  const Case& kept = cases_[id] = std::move(added);
  index(kept);
  return kept;
}

void CaseBook::restore(Case restored) {
  make_room();
  const CaseId id = restored.id;
  index(cases_[id] = std::move(restored));
}

const Case* CaseBook::find(const CaseId& id) const {
  const auto found = cases_.find(id);
  return found == cases_.end() ? nullptr : &found->second;
}

const Case* CaseBook::acting_on(const reputation::Key& key) const {
  const auto found = acting_.find(key);
  return found == acting_.end() ? nullptr : find(found->second);
}

const Case& CaseBook::change(const CaseId& id, const std::function<void(Case&)>& change) {
  const auto found = cases_.find(id);
  BULKHEAD_CHECK(found != cases_.end());
  change(found->second);
  changed_.insert(id);
  index(found->second);
  return found->second;
}

std::vector<Case> CaseBook::list(const std::function<bool(const Case&)>& wanted, const CaseId& before,
                                 std::size_t most) const {
  std::vector<Case> found;
  auto at = before.is_nil() ? cases_.end() : cases_.lower_bound(before);
  while (at != cases_.begin() && found.size() < most) {
    --at;
    if (wanted(at->second)) found.push_back(at->second);
  }
  return found;
}

std::size_t CaseBook::open() const {
  return static_cast<std::size_t>(std::ranges::count_if(cases_, [](const auto& one) { return one.second.is_open(); }));
}

std::vector<StoredCase> CaseBook::take_changes() {
  std::vector<StoredCase> out;
  for (const auto& id : std::exchange(changed_, {})) {
    const Case* const found = find(id);
    out.push_back({id, found == nullptr ? std::string{} : found->encode()});
  }
  return out;
}

void CaseBook::put_back(const std::vector<StoredCase>& changes) {
  for (const auto& one : changes) changed_.insert(one.id);
}

}  // namespace bulkhead::cases
