#include "monitoring/cases/case_book.h"

#include "src/base/check.h"

namespace bulkhead::cases {

CaseBook::Rank CaseBook::rank_of(const Case& one) {
  return {.is_client = one.key.kind == reputation::KeyKind::kClient, .is_acting = one.is_acting()};
}

void CaseBook::enlist(const Case& one) {
  ranks_[rank_of(one)].insert(one.id);
  if (one.is_open()) ++open_;
  if (one.is_acting()) acting_[one.key] = one.id;
}

void CaseBook::delist(const Case& one) {
  ranks_[rank_of(one)].erase(one.id);
  if (one.is_open()) --open_;
  const auto known = acting_.find(one.key);
  if (known != acting_.end() && known->second == one.id) acting_.erase(known);
}

std::optional<CaseId> CaseBook::oldest(Rank rank) const {
  const auto found = ranks_.find(rank);
  return found == ranks_.end() || found->second.empty() ? std::nullopt : std::optional{*found->second.begin()};
}

void CaseBook::remove(const CaseId& id) {
  const auto found = cases_.find(id);
  delist(found->second);
  changed_.insert(id);
  cases_.erase(found);
}

void CaseBook::make_room(const Case& added) {
  const bool is_client = rank_of(added).is_client;
  const auto clients = [this] { return ranks_[{true, false}].size() + ranks_[{true, true}].size(); };
  for (;;) {
    const bool is_over_clients = is_client && clients() >= clients_max_;
    if (!is_over_clients && cases_.size() < cases_max_) return;
    std::optional<CaseId> victim = oldest({is_client, false});
    if (!victim && !is_over_clients) victim = oldest({!is_client, false});
    if (!victim) victim = oldest({true, true});
    if (!victim && !is_over_clients) victim = oldest({false, true});
    if (!victim) return;
    remove(*victim);
  }
}

const Case& CaseBook::keep(Case kept) {
  if (cases_.contains(kept.id)) remove(kept.id);
  make_room(kept);
  const CaseId id = kept.id;
  const Case& one = cases_[id] = std::move(kept);
  enlist(one);
  return one;
}

const Case& CaseBook::add(Case added) {
  const Case& kept = keep(std::move(added));
  changed_.insert(kept.id);
  return kept;
}

void CaseBook::restore(Case restored) {
  keep(std::move(restored));
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
  delist(found->second);
  change(found->second);
  changed_.insert(id);
  enlist(found->second);
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
