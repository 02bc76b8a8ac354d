#include "src/webhook/plan.h"

#include <algorithm>

namespace bulkhead::webhook {

void Plan::open(const EndpointId& id) {
  Endpoint& endpoint = endpoints_[id];
  endpoint.life = ++last_life_;
  endpoint.attempts = 0;
  endpoint.due = {};
  endpoint.is_busy = false;
  endpoint.view = {};
}

void Plan::close(const EndpointId& id) {
  endpoints_.erase(id);
}

void Plan::switch_off(const EndpointId& id) {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return;
  found->second.view.is_off = true;
  found->second.first = found->second.stored = found->second.next;
}

bool Plan::takes(const EndpointId& id) const {
  const auto found = endpoints_.find(id);
  return found != endpoints_.end() && !found->second.view.is_off;
}

void Plan::restore(const EndpointId& id, std::uint64_t number) {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return;
  Endpoint& endpoint = found->second;
  if (endpoint.first == endpoint.next) endpoint.first = number;
  endpoint.stored = endpoint.next = number + 1;
}

std::optional<Plan::Place> Plan::add(const EndpointId& id) {
  if (!takes(id)) return std::nullopt;
  Endpoint& endpoint = endpoints_[id];
  Place place{endpoint.next++, std::nullopt};
  if (endpoint.next - endpoint.first > kWaitingMax) {
    place.dropped = endpoint.first++;
    endpoint.stored = std::max(endpoint.stored, endpoint.first);
  }
  return place;
}

void Plan::stored(const EndpointId& id, std::uint64_t number) {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end() || number >= found->second.next) return;
  found->second.stored = std::max(found->second.stored, number + 1);
}

std::vector<Turn> Plan::take_due(std::size_t most) {
  std::vector<Turn> turns;
  if (endpoints_.empty() || most == 0) return turns;
  const auto now = clock_.steady();
  auto at = endpoints_.upper_bound(last_turn_);
  for (std::size_t looked = 0; looked < endpoints_.size() && turns.size() < most; ++looked, ++at) {
    if (at == endpoints_.end()) at = endpoints_.begin();
    auto& [id, endpoint] = *at;
    if (!endpoint.is_due(now)) continue;
    endpoint.is_busy = true;
    turns.push_back({id, endpoint.first, endpoint.life});
    last_turn_ = id;
  }
  return turns;
}

SteadyTime Plan::next_time() const {
  auto next = SteadyTime::max();
  for (const auto& [id, endpoint] : endpoints_) {
    if (endpoint.is_due(SteadyTime::max())) next = std::min(next, endpoint.due);
  }
  return next;
}

// A tenth more or less, so that those who failed together do not come together.
SteadyTime Plan::again_at(std::uint32_t attempts) {
  const auto gap = std::chrono::duration<double>(kGaps.at(attempts - 1)) * (0.9 + 0.2 * random_.uniform());
  return clock_.steady() + std::chrono::duration_cast<SteadyTime::duration>(gap);
}

void Plan::advance(Endpoint& endpoint) {
  ++endpoint.first;
  endpoint.attempts = 0;
  endpoint.due = {};
}

Plan::Verdict Plan::done(const Turn& turn, Outcome outcome, std::string trouble) {
  const auto found = endpoints_.find(turn.endpoint);
  const bool is_final = outcome == Outcome::kTaken || outcome == Outcome::kMissing;
  const auto verdict = is_final ? Verdict::kRemove : Verdict::kAgain;
  if (found == endpoints_.end() || found->second.life != turn.life) {
    // Set anew meanwhile: what was taken is not sent again, anything else is.
    const bool is_first = found != endpoints_.end() && found->second.first == turn.number;
    if (is_final && is_first && !found->second.is_busy) advance(found->second);
    return verdict;
  }
  Endpoint& endpoint = found->second;
  endpoint.is_busy = false;
  const bool is_first = endpoint.first == turn.number;  // it may have made room for a new one
  if (is_final) {
    if (is_first) advance(endpoint);
    if (outcome == Outcome::kTaken) endpoint.view = {};
    return Verdict::kRemove;
  }
  auto& view = endpoint.view;
  ++view.failures;
  view.trouble = std::move(trouble);
  if (!view.failing_since) view.failing_since = clock_.now();
  if (outcome == Outcome::kGone) {
    switch_off(turn.endpoint);
    return Verdict::kSwitchedOff;
  }
  if (!is_first) {
    endpoint.due = again_at(1);
    return Verdict::kRemove;
  }
  if (++endpoint.attempts <= kGaps.size()) {
    endpoint.due = again_at(endpoint.attempts);
    return Verdict::kAgain;
  }
  advance(endpoint);
  return Verdict::kGivenUp;
}

std::optional<EndpointView> Plan::view(const EndpointId& id) const {
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return std::nullopt;
  const Endpoint& endpoint = found->second;
  EndpointView view = endpoint.view;
  view.waiting = endpoint.next - endpoint.first;
  if (view.failures > 0 && endpoint.is_due(SteadyTime::max())) view.next_at = endpoint.due;
  return view;
}

std::uint64_t Plan::waiting() const {
  std::uint64_t sum = 0;
  for (const auto& [id, endpoint] : endpoints_) sum += endpoint.next - endpoint.first;
  return sum;
}

std::uint64_t Plan::failing() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(endpoints_, [](const auto& entry) { return entry.second.view.failures > 0; }));
}

}  // namespace bulkhead::webhook
