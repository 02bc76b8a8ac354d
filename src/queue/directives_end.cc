// How directives end: by an order, or because nothing is left for them to do.

#include <algorithm>

#include "src/queue/bridge.h"
#include "src/queue/directives.h"
#include "src/queue/each_part.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::chrono::milliseconds kTidy{200};
constexpr std::chrono::milliseconds kAcceptLook{5};
constexpr std::chrono::milliseconds kAcceptPatience{500};

}  // namespace

Task<Result<DirectiveAnswer>> Directives::end_one(net::Shard& shard, DirectiveId id, std::string by) {
  OnShard there{core_.shards.front()->shard()};
  co_await there;
  Turn turn{*this};
  co_await turn;
  auto ending = end_in_turn(id, std::move(by));
  auto answer = co_await std::move(ending);
  end_turn();
  OnShard back{shard};
  co_await back;
  co_return answer;
}

Task<Result<DirectiveAnswer>> Directives::end_in_turn(DirectiveId id, std::string by) {
  const auto found = std::ranges::find(in_force_, id, &Directive::id);
  if (found == in_force_.end()) co_return fail(ErrorCode::kNotFound, "no directive " + id.text() + " is in force");
  Directive directive = *found;
  auto asking = progress_of(directive.number);
  const auto progress = co_await std::move(asking);
  auto looking = is_accepting_before(directive.bound());
  const bool is_accepting = co_await std::move(looking);
  const bool is_at_work = progress.left() > 0 || progress.active > 0 || progress.is_sweeping || is_accepting;
  if (directive.is_removal() && is_at_work) {
    auto narrowing = end_future(std::move(directive), std::move(by), progress.left());
    co_return co_await std::move(narrowing);
  }
  Change change{.next = in_force_, .ended = {directive}, .is_kept = false};
  std::erase_if(change.next, [&directive](const Directive& known) { return known.number == directive.number; });
  drop_idle_releases(change, 0);
  DirectiveAnswer answer;
  answer.deliveries = answer.messages = progress.held;
  answer.is_exact = false;
  auto committing = commit(change, std::nullopt, core_.epoch);
  const auto committed = co_await std::move(committing);
  if (!committed) co_return fail(committed.error());
  in_force_ = change.next;
  ++generation_;
  auto publishing = publish(in_force_, nullptr, &answer);
  co_await std::move(publishing);
  std::string detail = text_of(directive) + " has ended: " + std::to_string(answer.deliveries) + " deliveries";
  directive.by = std::move(by);
  record(directive, trace::EventKind::kReleased, std::move(detail));
  co_return answer;
}

// What a purge or bounce has taken out of the queue was told as gone, and is in no list: it stays out, and the
// directive in force, until all of that is done. What is accepted from now on is not meant any more.
Task<Result<DirectiveAnswer>> Directives::end_future(Directive directive, std::string by, std::uint64_t left) {
  DirectiveAnswer answer;
  answer.id = directive.id;
  answer.goes_on = true;
  answer.deliveries = answer.messages = left;
  answer.is_exact = false;
  if (!directive.and_future) co_return answer;
  directive.and_future = false;
  directive.before = core_.epoch + 1;
  auto committing = commit(Change{}, directive, directive.before);
  const auto committed = co_await std::move(committing);
  if (!committed) co_return fail(committed.error());
  core_.epoch = directive.before;
  std::ranges::replace(in_force_, directive.number, directive, &Directive::number);
  ++generation_;
  auto publishing = publish(in_force_, nullptr, nullptr);
  co_await std::move(publishing);
  std::string detail = text_of(directive) + " means nothing that follows any more; what it has taken out stays out";
  directive.by = std::move(by);
  record(directive, trace::EventKind::kChanged, std::move(detail));
  co_return answer;
}

// Until what was being accepted is in the queue, or that takes long.
Task<void> Directives::accepted_before(std::uint32_t number) {
  ShardPart& first = *core_.shards.front();
  const SteadyTime until = core_.parts.clock.steady() + kAcceptPatience;
  for (;;) {
    auto looking = is_accepting_before(number);
    const bool is_accepting = co_await std::move(looking);
    if (!is_accepting || core_.parts.clock.steady() >= until) co_return;
    auto sleeping = first.shard().sleep(kAcceptLook, first.group());
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

// An order about what is here, of which there is nothing, has nothing to do. One about mail that is being accepted at
// this moment is looked at again when that is over.
Task<bool> Directives::drop_void(const Directive& directive) {
  DirectiveAnswer found;
  auto waiting = accepted_before(directive.bound());
  co_await std::move(waiting);
  auto counting = count_by_sweep(directive, found);
  co_await std::move(counting);
  if (!found.is_complete || found.deliveries + found.active > 0 || !core_.is_loaded) co_return false;
  Turn turn{*this};
  co_await turn;
  auto asking = progress_of(directive.number);
  const auto progress = co_await std::move(asking);
  auto looking = is_accepting_before(directive.bound());
  const bool is_accepting = co_await std::move(looking);
  const bool is_in_force = std::ranges::find(in_force_, directive.number, &Directive::number) != in_force_.end();
  const bool is_void = is_in_force && !is_accepting && !progress.is_sweeping && progress.taken == 0 &&
                       progress.held + progress.left() + progress.active == 0;
  if (is_void) {
    auto ending = end(directive, progress);
    co_await std::move(ending);
  }
  end_turn();
  co_return is_void;
}

// A purge or bounce of what was here ends when it is done; a hold of what was here, when nothing of it is left.
bool Directives::may_end(const Directive& directive) const {
  return !directive.and_future && directive.action != DirectiveAction::kRelease;
}

Task<bool> Directives::is_accepting_before(std::uint32_t number) {
  bool is_accepting = false;
  auto round = on_each_part(core_, core_.shards.front()->shard(),
                            [&](ShardPart& part) { is_accepting = is_accepting || part.is_accepting_before(number); });
  co_await std::move(round);
  co_return is_accepting;
}

Task<void> Directives::keep_tidy() {
  ShardPart& first = *core_.shards.front();
  for (int rest = 1;; rest = std::min(rest * 2, 64)) {
    for (int i = 0; i < rest; ++i) {
      auto sleeping = first.shard().sleep(kTidy, first.group());
      const bool goes_on = co_await std::move(sleeping);
      if (!goes_on || core_.is_stopping) co_return;
    }
    const bool has_finite =
        std::any_of(in_force_.begin(), in_force_.end(), [this](const auto& d) { return may_end(d); });
    if (!has_finite) rest = 1;
    if (!has_finite || !core_.is_loaded) continue;
    Turn turn{*this};
    co_await turn;
    const std::size_t before = in_force_.size();
    auto ending = end_finished();
    co_await std::move(ending);
    if (in_force_.size() != before) rest = 1;
    end_turn();
  }
}

// Nothing is left of a directive when a sweep that began after all it means was planned found nothing of it.
Task<void> Directives::end_finished() {
  const std::vector<Directive> known = in_force_;
  std::vector<std::uint32_t> idle;
  for (const auto& directive : known) {
    if (!may_end(directive)) continue;
    auto asking = progress_of(directive.number);
    const auto progress = co_await std::move(asking);
    if (progress.is_sweeping) co_return;
    auto looking = is_accepting_before(directive.bound());
    const bool is_accepting = co_await std::move(looking);
    const bool is_idle = progress.held == 0 && progress.left() == 0 && progress.active == 0 && !is_accepting;
    if (is_idle && looked_over_.erase(directive.number) > 0) {
      auto ending = end(directive, progress);
      co_await std::move(ending);
    } else if (is_idle) {
      idle.push_back(directive.number);
    }
  }
  looked_over_.clear();
  if (idle.empty()) co_return;
  for (const auto number : idle) looked_over_[number] = 1;
  auto publishing = publish(in_force_, nullptr, nullptr);
  co_await std::move(publishing);
}

Task<void> Directives::end(Directive directive, DirectiveProgress progress) {
  Change change;
  for (const auto& known : in_force_) {
    if (known.number != directive.number) change.next.push_back(known);
  }
  store::Transaction transaction;
  transaction.batch.remove(store::Family::kQueue, directive_key(directive.id));
  CommitOf committing{core_.parts.store, core_.shards.front()->shard(), std::move(transaction)};
  auto committed = co_await committing;
  if (!committed) co_return;  // it stays, and is tried again
  in_force_ = std::move(change.next);
  auto publishing = publish(in_force_, nullptr, nullptr);
  co_await std::move(publishing);
  record(directive, trace::EventKind::kChanged,
         text_of(directive) + " has ended: " + std::to_string(progress.done) + " deliveries done");
}

}  // namespace bulkhead::queue
