// What becomes of decisions: cases, restrictions, events, the queue's orders.

#include <algorithm>

#include <fmt/format.h>

#include "src/app/reputation_loop.h"

namespace bulkhead::app {

namespace {

using cases::Case;
using cases::CaseId;
using reputation::Decision;
using reputation::Key;
using reputation::KeyKind;
using reputation::State;

// "account 01J… is throttled" reads better with the account's name.
std::string named(std::string words, const Key& key, const std::string& name) {
  const std::string text = key.text();
  if (!name.empty() && words.starts_with(text)) {
    words.replace(0, text.size(), fmt::format("{} {}", to_string(key.kind), name));
  }
  return words;
}

trace::EventKind event_of(State state) {
  switch (state) {
    case State::kWatched:
      return trace::EventKind::kWatched;
    case State::kQuarantined:
      return trace::EventKind::kQuarantined;
    case State::kThrottled:
      return trace::EventKind::kThrottled;
    default:
      return trace::EventKind::kRestored;
  }
}

bool is_restriction(State state) {
  return state >= State::kThrottled;
}

}  // namespace

ReputationLoop::Subject ReputationLoop::subject_of(const Key& key, const reputation::Sender& sender) const {
  const auto snapshot = parts_.directory.snapshot();
  Subject subject{.name = {}, .tenant = {}, .client = sender.client};
  if (const auto* known = cases_.acting_on(key)) {
    subject.name = known->name;
    subject.tenant = known->tenant;
  }
  switch (key.kind) {
    case KeyKind::kAccount:
      if (sender.account == key.account_id()) {
        subject.name = sender.account_name;
        subject.tenant = sender.tenant;
      }
      break;
    case KeyKind::kTenant: {
      subject.tenant = key.tenant_id();
      const auto* tenant = snapshot->tenant(subject.tenant);
      if (tenant != nullptr) subject.name = tenant->name;
      break;
    }
    case KeyKind::kDomain: {
      subject.name = key.name;
      const auto* domain = snapshot->domain_by_name(key.name);
      if (domain != nullptr) subject.tenant = domain->tenant;
      break;
    }
    case KeyKind::kAddress:
    case KeyKind::kAddressSite: {
      subject.name = key.ip().text() + (key.name.empty() ? "" : " at " + key.name);
      const auto* address = snapshot->address(key.ip());
      if (address != nullptr && address->tenant) subject.tenant = *address->tenant;
      break;
    }
    case KeyKind::kClient:
      subject.name = key.ip().text();
      break;
    case KeyKind::kSite:
      subject.name = key.name;
      break;
  }
  if (subject.name.empty()) subject.name = key.text();
  return subject;
}

void ReputationLoop::carry_out(const reputation::Decisions& decisions, const reputation::Sender& sender,
                               const std::string& by) {
  for (const auto& decision : decisions) carry_out(decision, subject_of(decision.key, sender), by);
}

void ReputationLoop::carry_out(const Decision& decision, const Subject& subject, const std::string& by) {
  if (!decision.is_acting()) return report_only(decision, subject);
  const auto kind = static_cast<std::size_t>(decision.key.kind);
  ++changes_[kind][static_cast<std::size_t>(decision.to)];
  if (keys_[kind][static_cast<std::size_t>(decision.from)] > 0) --keys_[kind][static_cast<std::size_t>(decision.from)];
  ++keys_[kind][static_cast<std::size_t>(decision.to)];
  if (is_restriction(decision.to)) {
    restrict(decision, subject, by);
  } else if (is_restriction(decision.from) || cases_.acting_on(decision.key) != nullptr) {
    free(decision, subject, by);
  } else if (decision.to == State::kWatched || decision.from == State::kWatched) {
    record(decision, subject, {}, by);  // nothing is done, but people may ask why
  }
  case_count_ = cases_.size();
  open_cases_ = cases_.open();
}

void ReputationLoop::add_clients(Case& one) const {
  if (one.key.kind == KeyKind::kAccount) {
    for (auto& client : clients_seen_.of(one.key.account_id(), parts_.clock.now())) one.add_client(std::move(client));
  }
  one.add_client(one.client);
}

// A case goes on gathering them while its account is in its state.
void ReputationLoop::see_client(const AccountId& account, const IpAddress& client) {
  if (account.is_nil() || client.is_unspecified() || !clients_seen_.see(account, client, parts_.clock.now())) return;
  const Case* const known = cases_.acting_on(Key::account(account));
  if (known == nullptr || known->clients.size() >= Case::kClientsMax) return;
  cases_.change(known->id, [&](Case& one) { one.add_client(client.text()); });
}

// The figures that spoke when the state was entered.
void ReputationLoop::add_evidence(Case& one, const Decision& decision) const {
  one.samples = decision.evidence.samples;
  one.measure.reset();
  if (decision.evidence.count_min > 0) one.measure = decision.evidence;
  one.signals.clear();
  const auto standing = reputation_.standing(decision.key);
  for (std::size_t i = 0; i < standing.last_day.size(); ++i) {
    if (standing.last_day[i] < 0.5) continue;
    one.signals.push_back({static_cast<reputation::Signal>(i), standing.last_hour[i], standing.last_day[i]});
  }
}

Case ReputationLoop::new_case(const Decision& decision, const Subject& subject) const {
  Case made;
  made.id = CaseId::make(parts_.clock, parts_.random);
  made.key = decision.key;
  made.name = subject.name;
  made.tenant = subject.tenant;
  made.state = decision.to;
  made.rule = decision.rule;
  made.words = named(decision.words, decision.key, subject.name);
  if (!subject.client.is_unspecified()) made.client = subject.client.text();
  add_clients(made);
  made.opened_at = decision.at;
  made.until = decision.until;
  add_evidence(made, decision);
  return made;
}

// A rule in shadow, or one against who is exempt: a case for people to read, and nothing more.
void ReputationLoop::report_only(const Decision& decision, const Subject& subject) {
  if (!is_restriction(decision.to)) return;
  Case made = new_case(decision, subject);
  made.status = Case::Status::kReported;
  made.state = decision.from;
  made.closed_at = made.opened_at;
  made.add_step({decision.at, "reputation", "nothing was done: " + made.words});
  const Case& kept = cases_.add(std::move(made));
  record(decision, subject, kept.id, "reputation, in shadow");
  tell(kept);
}

void ReputationLoop::restrict(const Decision& decision, const Subject& subject, const std::string& by) {
  const Case* known = cases_.acting_on(decision.key);
  const auto words = named(decision.words, decision.key, subject.name);
  if (known == nullptr) {
    Case made = new_case(decision, subject);
    made.add_step({decision.at, by, words});
    known = &cases_.add(std::move(made));
  } else {
    known = &cases_.change(known->id, [&](Case& one) {
      one.status = Case::Status::kOpen;
      one.state = decision.to;
      one.until = decision.until;
      one.rule = decision.rule;
      one.words = words;
      add_evidence(one, decision);
      if (!subject.client.is_unspecified()) one.client = subject.client.text();
      add_clients(one);
      one.add_step({decision.at, by, words});
    });
  }
  const bool is_quarantine = decision.to == State::kQuarantined;
  publisher_.put(decision.key, {.state = decision.to,
                                .until = decision.until,
                                .case_id = known->id.text(),
                                .locks_sign_in = is_quarantine && policies_.locks_sign_in(subject.tenant)});
  HoldChange change{decision.key, std::nullopt};
  if (is_quarantine && ReputationHolds::has_order(decision.key)) {
    change.wanted = ReputationHolds::Wanted{known->id, subject.tenant, subject.name};
  }
  hold_changes_.push_back(std::move(change));
  const bool has_sessions = decision.key.kind == KeyKind::kAccount || decision.key.kind == KeyKind::kTenant;
  if (is_quarantine && has_sessions) {
    publish();  // before anybody can sign in again
    const auto account = decision.key.kind == KeyKind::kAccount ? decision.key.account_id() : AccountId{};
    if (parts_.end_sessions) parts_.end_sessions(subject.tenant, account);
  }
  record(decision, subject, known->id, by);
  tell(*known);
  hurry();
}

void ReputationLoop::free(const Decision& decision, const Subject& subject, const std::string& by) {
  publisher_.take_off(decision.key);
  hold_changes_.push_back({decision.key, std::nullopt});
  CaseId id;
  if (const Case* known = cases_.acting_on(decision.key)) {
    id = known->id;
    const bool is_expiry = decision.rule == "expiry";
    const Case& changed = cases_.change(id, [&](Case& one) {
      one.status = is_expiry ? Case::Status::kExpired : Case::Status::kReleased;
      one.state = decision.to;
      one.closed_at = decision.at;
      one.add_step({decision.at, by, named(decision.words, decision.key, subject.name)});
    });
    tell(changed);
  }
  record(decision, subject, id, by);
  hurry();
}

void ReputationLoop::record(const Decision& decision, const Subject& subject, const CaseId& id,
                            const std::string& by) const {
  trace::Event event;
  event.at = parts_.clock.now();
  event.kind = event_of(decision.to);
  event.tenant = subject.tenant;
  if (decision.key.kind == KeyKind::kAccount) {
    event.account = decision.key.account_id();
    event.account_name = subject.name;
  }
  const bool is_address = decision.key.kind == KeyKind::kAddress || decision.key.kind == KeyKind::kAddressSite;
  if (is_address) event.source = decision.key.ip();
  if (decision.key.kind == KeyKind::kClient) {
    event.client_ip = decision.key.ip();
  } else if (!subject.client.is_unspecified()) {
    event.client_ip = subject.client;
  }
  event.rule = decision.rule;
  event.user = by;
  event.detail = named(decision.words, decision.key, subject.name);
  if (!id.is_nil()) event.detail += " Case " + id.text() + ".";
  parts_.trace.record(std::move(event));
}

void ReputationLoop::publish() {
  const auto wait = publisher_.publish();
  if (!wait || group_ == nullptr || group_->is_cancelled() || std::exchange(is_publishing_later_, true)) return;
  group_->spawn(publish_later(*wait));
}

Task<void> ReputationLoop::publish_later(std::chrono::milliseconds wait) {
  auto sleeping = shard_.sleep(wait, *group_);
  const bool goes_on = co_await std::move(sleeping);
  is_publishing_later_ = false;
  if (goes_on) publish();
}

void ReputationLoop::tell(const Case& changed) const {
  if (parts_.on_case) parts_.on_case(changed);
}

}  // namespace bulkhead::app
