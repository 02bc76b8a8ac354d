// How the loop's knowledge survives a restart: rows of the family meta, stored about once a second and at once when
// something was decided.
//
// "rep/r" + key → a record; "rep/c" + id → a case; "rep/n" + account → networks; "rep/p" + scope → settings.

#include <algorithm>

#include <fmt/format.h>

#include "src/app/reputation_loop.h"
#include "src/queue/bridge.h"

namespace bulkhead::app {

namespace {

using store::Family;

constexpr std::string_view kRecords = "rep/r";
constexpr std::string_view kCases = "rep/c";
constexpr std::string_view kNetworks = "rep/n";
constexpr std::string_view kSettings = "rep/p";
constexpr std::size_t kRecordsAtOnce = 5000;

void put_or_remove(store::Batch& batch, std::string key, std::string value) {
  if (value.empty()) {
    batch.remove(Family::kMeta, std::move(key));
  } else {
    batch.put(Family::kMeta, std::move(key), std::move(value));
  }
}

// Calls `restore` for each row of the prefix; counts those that it refuses.
template <class F>
Status read_rows(const store::Kv& kv, std::string_view prefix, std::size_t& refused, F restore) {
  std::string past{prefix};
  ++past.back();
  return kv.scan(Family::kMeta, prefix, past, store::Kv::Direction::kForward,
                 [&](std::string_view key, std::string_view value) {
                   if (!restore(key.substr(prefix.size()), value)) ++refused;
                   return true;
                 });
}

}  // namespace

Status ReputationLoop::load() {
  if (auto read = load_rows(); !read) return read;
  restore_states();
  return {};
}

Status ReputationLoop::load_rows() {
  const auto& kv = parts_.store.kv();
  std::size_t refused = 0;
  const auto restore_case = [this](std::string_view key, std::string_view value) {
    if (key.size() != 16) return false;
    auto one = cases::Case::decode(cases::CaseId::from_bytes(key), value);
    if (one) cases_.restore(std::move(*one));
    return one.has_value();
  };
  const auto restore_networks = [this](std::string_view key, std::string_view value) {
    if (key.size() != 16) return false;
    networks_.restore(AccountId::from_bytes(key), value);
    return true;
  };
  const auto results = {
      read_rows(kv, kRecords, refused,
                [this](auto key, auto value) { return reputation_.restore(key, value).has_value(); }),
      read_rows(kv, kCases, refused, restore_case),
      read_rows(kv, kNetworks, refused, restore_networks),
      read_rows(kv, kSettings, refused,
                [this](auto key, auto value) { return policies_.restore(key, value).has_value(); }),
  };
  for (const auto& result : results) {
    if (!result) return result;
  }
  if (refused > 0) parts_.log.warning("reputation: {} stored rows could not be read and are passed over", refused);
  return {};
}

// The records say how everybody stands; the board, the orders and the cases follow.
void ReputationLoop::restore_states() {
  reputation_.replace(policies_.book(*parts_.directory.snapshot()));
  for (int i = 0; i < reputation::kKeyKinds; ++i) {
    const auto kind = static_cast<reputation::KeyKind>(i);
    for (const auto& standing : reputation_.list(kind, reputation::State::kRestored, reputation_.size(kind))) {
      ++keys_[static_cast<std::size_t>(i)][static_cast<std::size_t>(standing.state)];
      if (standing.state < reputation::State::kThrottled) continue;
      const bool is_quarantine = standing.state == reputation::State::kQuarantined;
      const bool has_order = is_quarantine && ReputationHolds::has_order(standing.key);
      const auto* known = cases_.acting_on(standing.key);
      if (known == nullptr && has_order) known = &reopen(standing);
      const TenantId tenant = known == nullptr ? TenantId{} : known->tenant;
      publisher_.put(standing.key, {.state = standing.state,
                                    .until = standing.until,
                                    .case_id = known == nullptr ? std::string{} : known->id.text(),
                                    .locks_sign_in = is_quarantine && policies_.locks_sign_in(tenant)});
      if (has_order) holds_.want(standing.key, {known->id, tenant, known->name});
    }
  }
  // A case whose state was not stored, or is over, acts on nobody.
  const auto is_stale = [this](const cases::Case& one) {
    return one.is_acting() && reputation_.state_of(one.key) < reputation::State::kThrottled;
  };
  for (const auto& stale : cases_.list(is_stale, {}, cases_.size())) {
    cases_.change(stale.id, [this](cases::Case& one) {
      one.status = cases::Case::Status::kExpired;
      one.closed_at = parts_.clock.now();
      one.add_step({parts_.clock.now(), "reputation", "the state was over when the server started"});
    });
  }
  case_count_ = cases_.size();
  open_cases_ = cases_.open();
  publish();
}

// What holds a key must be named by a case: people release it by that. It was evicted, or is lost.
const cases::Case& ReputationLoop::reopen(const reputation::Standing& standing) {
  const auto subject = subject_of(standing.key, {});
  cases::Case made;
  made.id = cases::CaseId::make(parts_.clock, parts_.random);
  made.key = standing.key;
  made.name = subject.name;
  made.tenant = subject.tenant;
  made.state = standing.state;
  made.words = standing.words;
  made.opened_at = parts_.clock.now();
  made.until = standing.until;
  made.add_step({made.opened_at, "reputation", "the state was there when the server started, its case was not"});
  return cases_.add(std::move(made));
}

// What was taken stays in hand until it is stored; the rest stays where it is.
store::Transaction ReputationLoop::transaction_of_changes() {
  const std::size_t most = std::min(kRecordsAtOnce, unsaved_records_.room());
  auto fresh = reputation_.take_changes(most);
  has_more_changes_ = fresh.size() == most;
  for (auto& record : fresh) unsaved_records_.put(std::move(record.key), std::move(record.value));
  for (auto& [account, value] : networks_.take_changes()) unsaved_networks_.put(account, std::move(value));
  store::Transaction transaction;
  auto& batch = transaction.batch;
  for (const auto& [key, value] : unsaved_records_.rows()) put_or_remove(batch, std::string{kRecords} + key, value);
  for (const auto& [account, value] : unsaved_networks_.rows()) {
    put_or_remove(batch, std::string{kNetworks} + std::string{account.bytes()}, value);
  }
  for (const auto& name : changed_settings_) {
    std::string value;
    const auto tenant = name.starts_with("tenant/") ? TenantId::parse(name.substr(7)) : std::nullopt;
    const std::string plan = name.starts_with("plan/") ? name.substr(5) : std::string{};
    put_or_remove(batch, std::string{kSettings} + name, policies_.stored({.tenant = tenant, .plan = plan}));
  }
  return transaction;
}

void ReputationLoop::pass_on(std::vector<HoldChange> changes) {
  for (auto& change : changes) {
    if (change.wanted) {
      holds_.want(change.key, std::move(*change.wanted));
    } else {
      holds_.unwant(change.key);
    }
  }
}

Task<Status> ReputationLoop::save() {
  // The one under way does not have what was decided since it began.
  while (is_saving_) {
    if (group_ == nullptr || group_->is_cancelled()) co_return Status{};
    auto sleeping = shard_.sleep(kSettleLook, *group_);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return Status{};
  }
  is_saving_ = true;
  auto transaction = transaction_of_changes();
  const auto settings = std::exchange(changed_settings_, {});
  const auto case_rows = cases_.take_changes();
  auto hold_changes = std::exchange(hold_changes_, {});
  for (const auto& row : case_rows) {
    put_or_remove(transaction.batch, std::string{kCases} + std::string{row.id.bytes()}, row.value);
  }
  if (transaction.batch.empty()) {
    is_saving_ = false;
    pass_on(std::move(hold_changes));
    co_return Status{};
  }
  queue::CommitOf committing{parts_.store, shard_, std::move(transaction)};
  const auto committed = co_await committing;
  is_saving_ = false;
  if (committed) {
    unsaved_records_.stored();
    unsaved_networks_.stored();
    is_failing_ = false;
    if (!has_more_changes_) {
      pass_on(std::move(hold_changes));
      co_return Status{};
    }
    must_hurry_again_ = true;
  }
  hold_changes_.insert(hold_changes_.begin(), std::make_move_iterator(hold_changes.begin()),
                       std::make_move_iterator(hold_changes.end()));
  if (committed) co_return Status{};
  ++storage_failures_;
  cases_.put_back(case_rows);
  changed_settings_.insert(changed_settings_.end(), settings.begin(), settings.end());
  if (!std::exchange(is_failing_, true)) {
    parts_.log.warning("reputation cannot be stored and goes on in memory: {}", committed.error().message);
  }
  co_return fail(committed.error());
}

}  // namespace bulkhead::app
