// What directives have done so far and what they mean, summed over the shards.

#include <algorithm>

#include "src/queue/directives.h"
#include "src/queue/each_part.h"

namespace bulkhead::queue {

Task<DirectiveProgress> Directives::progress_of(std::uint32_t number) {
  DirectiveProgress sum;
  auto round = on_each_part(core_, core_.shards.front()->shard(), [&](ShardPart& part) {
    const auto one = part.scheduler().progress(number);
    sum.held += one.held;
    sum.marked += one.marked;
    sum.working += one.working;
    sum.done += one.done;
    sum.active += one.active;
    sum.messages_done += one.messages_done;
    sum.taken += one.taken;
    sum.swept += one.swept;
    sum.sweep_total += one.sweep_total;
    sum.is_sweeping = sum.is_sweeping || one.is_sweeping || part.is_sweeping();
  });
  co_await std::move(round);
  co_return sum;
}

// What the counters say now.
Task<Tally> Directives::tally_of(std::uint64_t key) {
  Tally sum;
  auto round = on_each_part(core_, core_.shards.front()->shard(), [&](ShardPart& part) {
    const Tally tally = part.scheduler().tally(key);
    sum.deliveries += tally.deliveries;
    sum.messages += tally.messages;
  });
  co_await std::move(round);
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
