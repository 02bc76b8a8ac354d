// What a change of the directory wakes: mail that waits for one mailbox, and what limits made wait. Only what is meant
// is woken, and the search for it goes on beside other mail.

#include "src/queue/bridge.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kWakeSlice = 8192;  // entries that are looked at before others get a turn
constexpr std::size_t kReadSlice = 200;   // messages that are read at once

}  // namespace

// Calls that come while a search is under way are one further search.
void ShardPart::mailbox_changed(const TenantId& tenant, const AccountId& account) {
  mailboxes_changed_[account] = tenant;
  if (!is_waking_mailboxes_) group_->spawn(wake_mailboxes());
}

void ShardPart::limits_changed() {
  scheduler_.lift_limit_pauses();
  pump();
}

bool ShardPart::may_wait_for(const Mailboxes& changed) const {
  bool may_wait = false;
  scheduler_.visit_lanes([&](const Lane& lane) {
    if (!lane.is_local() || lane.scheduled == 0) return;
    for (const auto& [account, tenant] : changed) may_wait = may_wait || tenant == lane.key.tenant;
  });
  return may_wait;
}

Task<void> ShardPart::wake_mailboxes() {
  is_waking_mailboxes_ = true;
  while (!mailboxes_changed_.empty() && !core_.is_stopping) {
    const Mailboxes changed = std::exchange(mailboxes_changed_, {});
    for (Slot at = may_wait_for(changed) ? 0 : kNoSlot; at != kNoSlot && !core_.is_stopping;) {
      std::vector<DeliveryKey> candidates;
      at = scheduler_.visit_entries(at, kWakeSlice, [&](const DeliveryEntry& entry) {
        const Lane& lane = *entry.strand->lane;
        if (entry.state != DeliveryState::kScheduled || !lane.is_local()) return;
        const auto is_meant = [&](const auto& one) { return one.second == lane.key.tenant; };
        if (std::ranges::any_of(changed, is_meant)) candidates.push_back(entry.key());
      });
      auto waking = wake_those(std::move(candidates), changed);
      co_await std::move(waking);
      Yield others{shard_};
      co_await others;
    }
  }
  is_waking_mailboxes_ = false;
}

// Only the message tells which mailbox a delivery is for. What cannot be read now is tried with the others.
Task<void> ShardPart::wake_those(std::vector<DeliveryKey> candidates, const Mailboxes& changed) {
  for (std::size_t at = 0; at < candidates.size() && !core_.is_stopping; at += kReadSlice) {
    std::vector<Doomed> wanted;
    for (std::size_t i = at; i < std::min(at + kReadSlice, candidates.size()); ++i) {
      wanted.push_back({.key = candidates[i]});
    }
    auto reading = load_all(wanted);
    const auto loaded = co_await std::move(reading);
    for (std::size_t i = 0; i < loaded.size(); ++i) {
      const auto& key = wanted[i].key;
      if (loaded[i]) {
        const auto& mailbox = loaded[i]->message->recipients[key.index].local;
        if (!mailbox || !changed.contains(*mailbox)) continue;
      }
      scheduler_.make_due(key);
    }
    pump();
  }
}

}  // namespace bulkhead::queue
