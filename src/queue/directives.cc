#include "src/queue/directives.h"

#include <algorithm>

#include "src/queue/amount.h"
#include "src/queue/any_account.h"
#include "src/queue/bridge.h"
#include "src/queue/each_part.h"
#include "src/queue/records.h"
#include "src/queue/shard_part.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kDirectivesMax = 10000;
constexpr std::size_t kOfPeersMax = 1000;      // of one tenant
constexpr std::size_t kLeftByPeersMin = 1000;  // that no tenant takes: there is room for what the operator orders
constexpr std::size_t kSamples = 10;
constexpr std::size_t kTextMax = 320;
constexpr std::chrono::milliseconds kSweepLook{5};
constexpr std::chrono::milliseconds kSweepPatience{2000};  // for an answer that counters cannot give

std::string number_bytes(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes.push_back(static_cast<char>(number >> shift & 0xFF));
  return bytes;
}

std::uint32_t number_of(std::string_view bytes) {
  std::uint32_t number = 0;
  for (const char c : bytes) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

Status check(const DirectiveOrder& order) {
  const Selector& s = order.selector;
  if (is_everything(s) && !order.is_for_all) {
    return fail(ErrorCode::kInvalid, "no selector was given", "say which, or --all for all");
  }
  if (order.and_future && (s.older_than || !s.state.empty() || s.id)) {
    return fail(ErrorCode::kInvalid,
                "a state, an age and an id are those of mail that is here: they mean nothing of "
                "what follows",
                "leave out --and-future, or choose by account, tenant, sender, domain, site or address");
  }
  if (order.action == DirectiveAction::kRelease && !s.state.empty() && s.state != "held") {
    return fail(ErrorCode::kInvalid, "only what is held can be released", "leave out --state");
  }
  for (const auto* text : {&s.account, &s.sender, &s.recipient, &s.recipient_domain, &s.site, &s.subject}) {
    if (text->size() > kTextMax) return fail(ErrorCode::kLimit, "a selector is longer than 320 bytes");
  }
  return {};
}

// The one value that a selector asks for, when there is only one and counters know it.
std::uint64_t sole_key(const AttributeHash& hash, const Selector& s) {
  std::vector<std::uint64_t> keys;
  if (s.tenant) keys.push_back(hash.of_tenant(*s.tenant));
  if (s.account_id) keys.push_back(hash.of_account(*s.account_id));
  if (s.client_ip) keys.push_back(hash.of_client(*s.client_ip));
  if (!s.sender.empty()) keys.push_back(hash(AttributeKind::kSender, s.sender == "<>" ? "" : s.sender));
  if (!s.recipient_domain.empty()) keys.push_back(hash(AttributeKind::kDomain, s.recipient_domain));
  if (!s.site.empty()) keys.push_back(hash(AttributeKind::kSite, s.site));
  const bool has_other = s.id || s.source || !s.state.empty() || !is_answered_by_entry(s);
  return keys.size() == 1 && !has_other ? keys[0] : 0;
}

// Whether counters know how much it means.
bool is_counted_by_keys(const AttributeHash& hash, const Selector& s) {
  return is_everything(s) || sole_key(hash, s) != 0;
}

bool is_exact_key(const Selector& s) {
  return s.recipient_domain.empty() && s.site.empty();
}

}  // namespace

void Directives::end_turn() {
  if (waiting_.empty()) {
    is_busy_ = false;
    return;
  }
  const auto next = waiting_.front();
  waiting_.erase(waiting_.begin());
  core_.shards.front()->shard().post([next] { next.resume(); });  // it stays busy, for the next one
}

Status Directives::restore() {
  const store::Kv& kv = core_.parts.store.kv();
  const auto number = kv.get(store::Family::kQueue, kDirectiveNumberKey);
  if (!number) return fail(number.error());
  std::uint32_t last = *number ? number_of(**number) : 0;
  const auto read = kv.scan(store::Family::kQueue, "x", "y", store::Kv::Direction::kForward,
                            [&](std::string_view key, std::string_view value) {
                              auto directive = Directive::decode(value);
                              if (!directive || key.size() != 17) {
                                core_.parts.log.error("a directive's record is damaged and is not in force");
                                return true;
                              }
                              directive->id = DirectiveId::from_bytes(key.substr(1));
                              directive->is_restored = true;
                              last = std::max(last, directive->bound());
                              in_force_.push_back(std::move(*directive));
                              return true;
                            });
  if (!read) return read;
  std::sort(in_force_.begin(), in_force_.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  core_.epoch = last;
  const auto set = std::make_shared<const DirectiveSet>(in_force_, core_.hash, core_.parts.source_preview);
  core_.set_present_directives(set);
  for (const auto& part : core_.shards) {
    part->shard().post([&part = *part, set] { part.set_directives(set); });
  }
  return {};
}

// A release ends the holds that it covers, whoever gave them, and stays as an exception from others. A hold takes the
// place of what its own giver ordered before and it covers: what others ordered holds again when it ends.
Directives::Change Directives::change_for(const Directive& directive) const {
  Change change;
  const bool is_release = directive.action == DirectiveAction::kRelease;
  bool has_holds_left = false;
  for (const auto& known : in_force_) {
    const bool is_known_hold = known.action == DirectiveAction::kHold;
    const bool covers_future = is_release || directive.and_future || !known.and_future;
    const bool is_replaced = !known.is_removal() && known.by == directive.by && covers_future;
    const bool is_let_go = is_release && is_known_hold;
    if (!directive.is_removal() && (is_replaced || is_let_go) && covers(directive.selector, known.selector)) {
      change.ended.push_back(known);
      continue;
    }
    if (is_known_hold && !are_disjoint(known.selector, directive.selector)) has_holds_left = true;
    change.next.push_back(known);
  }
  change.is_kept = !is_release || has_holds_left;
  if (change.is_kept) change.next.push_back(directive);
  drop_idle_releases(change, directive.number);
  return change;
}

// Exceptions from holds that are no more have nothing to say.
void Directives::drop_idle_releases(Change& change, std::uint32_t newest) {
  const auto is_idle = [&change](const Directive& known) {
    return known.action == DirectiveAction::kRelease &&
           std::none_of(change.next.begin(), change.next.end(), [&known](const Directive& other) {
             return other.action == DirectiveAction::kHold && other.number < known.number &&
                    !are_disjoint(other.selector, known.selector);
           });
  };
  for (const auto& known : change.next) {
    if (known.number != newest && is_idle(known)) change.ended.push_back(known);
  }
  const auto is_ended = [&change](const Directive& known) {
    return std::ranges::find(change.ended, known.number, &Directive::number) != change.ended.end();
  };
  std::erase_if(change.next, is_ended);
}

Task<Result<DirectiveAnswer>> Directives::give(net::Shard& shard, DirectiveOrder order) {
  if (order.ends) {
    auto ending = end_one(shard, *order.ends, order.by);
    co_return co_await std::move(ending);
  }
  if (auto checked = check(order); !checked) co_return fail(checked.error());
  if (core_.is_stopping) co_return fail(ErrorCode::kUnavailable, "the queue is stopping", "try again later");
  const bool is_named = !order.selector.account.empty() && order.selector.account != kAnyAccount;
  if (is_named && !order.selector.account_id && core_.parts.account_of) {
    auto asking = core_.parts.account_of(shard, order.selector.account);
    order.selector.account_id = co_await std::move(asking);
  }
  if (order.is_dry_run) {
    auto trying = try_out(shard, std::move(order));
    co_return co_await std::move(trying);
  }
  Directive directive;
  directive.id = DirectiveId::make(core_.parts.clock, core_.parts.random);
  directive.action = order.action;
  directive.and_future = order.and_future;
  directive.reports_to_all = order.reports_to_all;
  directive.selector = std::move(order.selector);
  directive.given_at = core_.parts.clock.now();
  directive.by = order.by.substr(0, kTextMax);
  OnShard there{core_.shards.front()->shard()};
  co_await there;
  Turn turn{*this};
  co_await turn;
  auto giving = give_in_turn(std::move(directive), std::move(order.peers));
  auto answer = co_await std::move(giving);
  OnShard back{shard};
  co_await back;
  co_return answer;
}

// What ends by the order makes room for it.
Status Directives::has_room(const Change& change, std::string_view peers) {
  if (!change.is_kept) return {};
  const std::size_t all = change.next.size();
  if (all > kDirectivesMax || (!peers.empty() && all > kDirectivesMax - kLeftByPeersMin)) {
    return fail(ErrorCode::kLimit, "too many orders are in force on this node",
                "end some, or bundle them by tenant or domain");
  }
  if (peers.empty()) return {};
  const auto of_peers =
      std::ranges::count_if(change.next, [peers](const Directive& known) { return known.by.starts_with(peers); });
  if (static_cast<std::size_t>(of_peers) <= kOfPeersMax) return {};
  return fail(ErrorCode::kLimit, std::to_string(kOfPeersMax) + " orders of this tenant are in force",
              "end some (bulkhead queue directives), or bundle them by sender or domain");
}

Task<Result<DirectiveAnswer>> Directives::give_in_turn(Directive directive, std::string peers) {
  directive.number = core_.epoch + 1;
  const Change change = change_for(directive);
  if (const Status room = has_room(change, peers); !room) {
    end_turn();
    co_return fail(room.error());
  }
  DirectiveAnswer answer;
  for (const auto& ended : change.ended) answer.overridden.push_back(text_of(ended));
  if (directive.action == DirectiveAction::kRelease) {
    for (const auto& ended : change.ended) {
      auto asking = progress_of(ended.number);
      const auto progress = co_await std::move(asking);
      answer.deliveries += progress.held;
    }
    answer.messages = answer.deliveries;
    answer.is_exact = false;
  }
  const bool is_counted =
      directive.action != DirectiveAction::kRelease && is_counted_by_keys(core_.hash, directive.selector);
  if (is_counted) {
    auto estimating = tally_of(sole_key(core_.hash, directive.selector));
    const auto tally = co_await std::move(estimating);
    directive.deliveries = tally.deliveries;
    directive.messages = tally.messages;
  }
  auto committing = commit(change, change.is_kept ? std::optional{directive} : std::nullopt, directive.number);
  const auto committed = co_await std::move(committing);
  if (!committed) {
    end_turn();
    co_return fail(committed.error());
  }
  // From here on, what is accepted is accepted after it.
  core_.epoch = directive.number;
  in_force_ = change.next;
  ++generation_;
  auto publishing = publish(in_force_, is_counted ? &directive : nullptr, &answer);
  co_await std::move(publishing);
  end_turn();
  if (change.is_kept) answer.id = directive.id;
  if (is_counted) {
    answer.is_exact = is_exact_key(directive.selector);
    answer.accounts = directive.selector.account_id && answer.deliveries > 0 ? 1 : 0;
  } else if (change.is_kept) {
    auto counting = count_by_sweep(directive, answer);
    co_await std::move(counting);
  }
  answer.is_void = change.ended.empty() && !change.is_kept;
  if (change.is_kept && !directive.and_future && answer.deliveries + answer.active == 0) {
    auto dropping = drop_void(directive);
    answer.is_void = co_await std::move(dropping);
    if (answer.is_void) answer.id = {};
  }
  note_meant(directive.number, answer);
  const auto kind = directive.action == DirectiveAction::kHold      ? trace::EventKind::kHeld
                    : directive.action == DirectiveAction::kRelease ? trace::EventKind::kReleased
                    : directive.action == DirectiveAction::kPurge   ? trace::EventKind::kPurged
                                                                    : trace::EventKind::kBounced;
  record(directive, kind,
         text_of(directive) + ": " + amount_text(answer.deliveries, answer.messages) +
             (answer.is_complete ? "" : " so far"));
  co_return answer;
}

// `kept` is the order itself, when it is, or what is left of one that ends; `epoch` the last number that was given.
Task<Status> Directives::commit(Change change, std::optional<Directive> kept, std::uint32_t epoch) {
  store::Transaction transaction;
  if (kept) transaction.batch.put(store::Family::kQueue, directive_key(kept->id), kept->encode());
  transaction.batch.put(store::Family::kQueue, std::string{kDirectiveNumberKey}, number_bytes(epoch));
  for (const auto& ended : change.ended) transaction.batch.remove(store::Family::kQueue, directive_key(ended.id));
  CommitOf committing{core_.parts.store, core_.shards.front()->shard(), std::move(transaction)};
  auto committed = co_await committing;
  if (!committed) co_return fail(committed.error());
  co_return Status{};
}

// Tells every shard, and counts there at the same instant what `counted` means.
Task<void> Directives::publish(std::vector<Directive> next, const Directive* counted, DirectiveAnswer* answer) {
  const auto set = std::make_shared<const DirectiveSet>(std::move(next), core_.hash, core_.parts.source_preview);
  core_.set_present_directives(set);
  const std::uint64_t key = counted == nullptr ? 0 : sole_key(core_.hash, counted->selector);  // 0: everything
  auto round = on_each_part(core_, core_.shards.front()->shard(), [&](ShardPart& part) {
    if (counted != nullptr) {
      const Tally tally = part.scheduler().tally(key);
      answer->deliveries += tally.deliveries;
      answer->messages += tally.messages;
      answer->active += tally.active;
      // Counted on their owner's shard where that can be; otherwise each delivery for itself.
      if (!is_exact_key(counted->selector)) answer->messages += tally.several;
    }
    part.set_directives(set);
  });
  co_await std::move(round);
}

// What counters cannot answer, the sweep counts as it goes; it is waited for while that is short. What only messages
// tell is waited for until it is back from being delivered, too.
Task<void> Directives::count_by_sweep(const Directive& directive, DirectiveAnswer& answer) {
  const bool waits_for_active = needs_message(directive.selector);
  // What is under way is let go by nobody; it has to come back before an exception can mean nothing.
  const bool is_release = directive.action == DirectiveAction::kRelease;
  ShardPart& first = *core_.shards.front();
  const SteadyTime until = core_.parts.clock.steady() + kSweepPatience;
  for (;;) {
    auto asking = progress_of(directive.number);
    const auto progress = co_await std::move(asking);
    // Before the sweep has passed some are waited for that their messages will tell are not meant.
    const std::uint64_t active = progress.is_sweeping ? 0 : progress.active;
    answer.deliveries = std::max(answer.deliveries, progress.held + progress.taken + (is_release ? 0 : active));
    answer.messages = answer.deliveries;
    answer.active = is_release ? std::max(answer.active, active) : active;
    answer.is_complete = !progress.is_sweeping && (!waits_for_active || progress.active == 0);
    if (answer.is_complete || core_.parts.clock.steady() >= until) break;
    auto sleeping = first.shard().sleep(kSweepLook, first.group());
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) break;
  }
  answer.is_exact = false;
}

Task<Result<DirectiveAnswer>> Directives::try_out(net::Shard& shard, DirectiveOrder order) {
  DirectiveAnswer answer;
  // What no directive holds is not released, whatever else it waits for.
  if (order.action == DirectiveAction::kRelease) order.selector.state = kHeldByOrder;
  Listing counting_list{core_, shard, order.selector};
  auto counting = counting_list.counts();
  const Counts counts = co_await std::move(counting);
  answer.deliveries = counts.deliveries;
  answer.messages = counts.messages;
  answer.active = counts.active;
  Listing sampling_list{core_, shard, order.selector};
  auto sampling = sampling_list.views(std::nullopt, kSamples);
  answer.samples = co_await std::move(sampling);
  co_return answer;
}

Task<std::vector<DirectiveView>> Directives::list(net::Shard& shard) {
  OnShard there{core_.shards.front()->shard()};
  co_await there;
  const std::vector<Directive> known = in_force_;
  std::vector<DirectiveView> views;
  for (const auto& directive : known) {
    auto asking = progress_of(directive.number);
    const auto progress = co_await std::move(asking);
    views.push_back({directive, progress});
  }
  OnShard back{shard};
  co_await back;
  co_return views;
}

void Directives::record(const Directive& directive, trace::EventKind kind, std::string detail) {
  trace::Event event;
  event.at = core_.parts.clock.now();
  event.kind = kind;
  if (directive.selector.tenant) event.tenant = *directive.selector.tenant;
  event.account = directive.selector.account_id;
  event.account_name = directive.selector.account;
  event.rule = directive.id.text();
  event.user = directive.by;
  event.detail = std::move(detail);
  core_.parts.trace.record(std::move(event));
}

}  // namespace bulkhead::queue
