// What directives have done so far and what they mean, summed over the shards.

#include <algorithm>

#include "src/queue/bridge.h"
#include "src/queue/directives.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {

Task<DirectiveProgress> Directives::progress_of(std::uint32_t number) {
  DirectiveProgress sum;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const auto one = part->scheduler().progress(number);
    sum.held += one.held;
    sum.marked += one.marked;
    sum.done += one.done;
    sum.active += one.active;
    sum.messages_done += one.messages_done;
    sum.taken += one.taken;
    sum.swept += one.swept;
    sum.sweep_total += one.sweep_total;
    sum.is_sweeping = sum.is_sweeping || one.is_sweeping || part->is_sweeping();
  }
  OnShard back{core_.shards.front()->shard()};
  co_await back;
  co_return sum;
}

// What the counters say now.
Task<Tally> Directives::tally_of(std::uint64_t key) {
  Tally sum;
  for (const auto& part : core_.shards) {
    OnShard there{part->shard()};
    co_await there;
    const Tally tally = part->scheduler().tally(key);
    sum.deliveries += tally.deliveries;
    sum.messages += tally.messages;
  }
  OnShard back{core_.shards.front()->shard()};
  co_await back;
  co_return sum;
}

// The exact figures, for lists; what was stored is what the counters said just before.
void Directives::note_meant(std::uint32_t number, const DirectiveAnswer& answer) {
  const auto found =
      std::find_if(in_force_.begin(), in_force_.end(), [&](const auto& d) { return d.number == number; });
  if (found == in_force_.end()) return;
  found->deliveries = answer.deliveries;
  found->messages = answer.messages;
}

}  // namespace bulkhead::queue
