#include "netpolicy/readiness_watch.h"

#include <algorithm>
#include <unordered_set>

#include <fmt/format.h>

#include "src/base/special_networks.h"

namespace bulkhead::netpolicy {

namespace {

using FloatSeconds = std::chrono::duration<double>;
using State = Readiness::State;

constexpr char kVersion = 1;
constexpr FloatSeconds kPerSubject{0.1};  // how far apart the first looks are, at least

}  // namespace

std::string_view to_string(Clearance clearance) {
  switch (clearance) {
    case Clearance::kNone:
      return "no";
    case Clearance::kPassed:
      return "passed";
    case Clearance::kByHand:
      return "by hand";
    case Clearance::kEarlier:
      return "earlier";
  }
  return "";
}

std::string ReadinessWatch::key_of(const ReadinessSubject& subject) {
  if (subject.is_domain()) return "d" + subject.name;
  return "a" + std::string{subject.address.bytes()};
}

void ReadinessWatch::schedule(const std::string& key, Entry& entry, FloatSeconds delay) {
  due_.erase({entry.due, key});
  const FloatSeconds jittered = delay * (0.9 + 0.2 * random_.uniform());
  entry.due = clock_.steady() + std::chrono::duration_cast<SteadyTime::duration>(jittered);
  due_.emplace(entry.due, key);
}

void ReadinessWatch::set_intervals(std::chrono::seconds interval, std::chrono::seconds retry) {
  interval_ = interval;
  retry_ = std::min(retry, interval);
  for (auto& [key, entry] : entries_) {
    if (entry.due > clock_.steady() + interval_) schedule(key, entry, FloatSeconds{interval_} * random_.uniform());
  }
}

void ReadinessWatch::set_gate(ReadinessGate gate, std::chrono::seconds patience) {
  gate_ = gate;
  patience_ = patience;
  if (!holds()) know_all();
}

void ReadinessWatch::know_all() {
  for (auto& [key, entry] : entries_) {
    if (!entry.is_waiting()) continue;
    entry.view.clearance = Clearance::kEarlier;
    changed_.insert(key);
  }
}

void ReadinessWatch::set_subjects(const std::vector<ReadinessSubject>& subjects) {
  std::unordered_set<std::string> present;
  for (const auto& subject : subjects) present.insert(key_of(subject));
  for (auto entry = entries_.begin(); entry != entries_.end();) {
    if (present.contains(entry->first)) {
      ++entry;
      continue;
    }
    due_.erase({entry->second.due, entry->first});
    changed_.insert(entry->first);
    entry = entries_.erase(entry);
  }
  keys_.clear();
  std::vector<std::string> changed;
  for (const auto& subject : subjects) {
    const std::string key = key_of(subject);
    if (!subject.is_domain()) keys_[subject.ip] = key;
    const auto [at, is_new] = entries_.try_emplace(key);
    Entry& entry = at->second;
    if (is_new || entry.subject.detail != subject.detail) changed.push_back(key);
    entry.subject = subject;
    if (is_new) entry.judged_at = clock_.steady();
    if (is_new && !holds() && entry.is_waiting()) {
      entry.view.clearance = Clearance::kEarlier;
      changed_.insert(key);
    }
  }
  const auto within = std::min<FloatSeconds>(kPerSubject * static_cast<double>(changed.size()), interval_);
  for (const auto& key : changed) schedule(key, entries_.at(key), within * random_.uniform());
}

std::optional<ReadinessSubject> ReadinessWatch::next() {
  if (due_.empty() || due_.begin()->first > clock_.steady()) return std::nullopt;
  const std::string key = due_.begin()->second;
  Entry& entry = entries_.at(key);
  schedule(key, entry, interval_);
  return entry.subject;
}

SteadyTime ReadinessWatch::next_time() const {
  return due_.empty() ? SteadyTime::max() : due_.begin()->first;
}

std::optional<ReadinessChange> ReadinessWatch::answered(const ReadinessSubject& subject, const Readiness& readiness) {
  const auto found = entries_.find(key_of(subject));
  if (found == entries_.end() || found->second.subject.detail != subject.detail) return std::nullopt;
  Entry& entry = found->second;
  entry.view.checked_at = clock_.now();
  if (readiness.state == State::kUnknown) {
    schedule(found->first, entry, retry_);
    if (entry.view.readiness.state == State::kUnknown) entry.view.readiness = readiness;
    return std::nullopt;
  }
  const bool was_withheld = is_withheld(entry);
  entry.judged_at = clock_.steady();
  entry.is_told_unjudged = false;
  entry.unready_looks = readiness.state == State::kReady ? 0 : entry.unready_looks + 1;
  const bool is_first_look = readiness.state == State::kUnready && entry.unready_looks < 2;
  if (is_first_look && entry.view.readiness.state != State::kUnready) {
    schedule(found->first, entry, retry_);
    // Who was never looked at is shown as it seems.
    if (entry.view.readiness.state == State::kUnknown) entry.view.readiness.why = readiness.why;
    return std::nullopt;
  }
  const ReadinessChange change{entry.subject, readiness, entry.view.readiness.state,
                               entry.view.clearance == Clearance::kPassed, was_withheld};
  entry.view.readiness = readiness;
  if (readiness.state == State::kReady) pass(found->first, entry);
  // What waits for it is looked at sooner.
  if (entry.is_waiting()) schedule(found->first, entry, retry_);
  if (change.before == readiness.state) return std::nullopt;
  changed_.insert(found->first);
  return change;
}

void ReadinessWatch::pass(const std::string& key, Entry& entry) {
  if (entry.view.clearance == Clearance::kPassed) return;
  entry.view.clearance = Clearance::kPassed;
  changed_.insert(key);
}

bool ReadinessWatch::clear(const IpAddress& ip, bool is_cleared) {
  const auto key = keys_.find(ip);
  if (key == keys_.end()) return false;
  Entry& entry = entries_.at(key->second);
  entry.view.clearance = is_cleared ? Clearance::kByHand : Clearance::kNone;
  entry.judged_at = clock_.steady();
  entry.is_told_unjudged = false;
  changed_.insert(key->second);
  schedule(key->second, entry, FloatSeconds{0});
  return true;
}

bool ReadinessWatch::is_withheld(const Entry& entry) const {
  if (entry.subject.is_domain() || entry.subject.ip.is_loopback()) return false;
  const Clearance clearance = entry.view.clearance;
  if (gate_ == ReadinessGate::kRequire) return clearance == Clearance::kNone || clearance == Clearance::kEarlier;
  if (gate_ != ReadinessGate::kNew || clearance != Clearance::kNone) return false;
  return is_globally_routed(entry.subject.ip) && !has_waited_long(entry);
}

std::vector<ReadinessChange> ReadinessWatch::take_unjudged() {
  std::vector<ReadinessChange> changes;
  if (gate_ != ReadinessGate::kNew) return changes;
  for (const auto& [ip, key] : keys_) {
    Entry& entry = entries_.at(key);
    if (!entry.is_waiting() || entry.is_told_unjudged || !has_waited_long(entry) || !is_globally_routed(ip)) continue;
    entry.is_told_unjudged = true;
    const auto why = fmt::format("No check could be made for {} s. {}", patience_.count(), entry.view.readiness.why);
    changes.push_back({entry.subject, {State::kUnknown, why, {}}, entry.view.readiness.state, false, true});
  }
  return changes;
}

std::map<IpAddress, std::string> ReadinessWatch::withheld() const {
  std::map<IpAddress, std::string> waiting;
  for (const auto& [ip, key] : keys_) {
    const Entry& entry = entries_.at(key);
    if (!is_withheld(entry)) continue;
    const auto& view = entry.view;
    const std::string why = view.readiness.why.empty() ? "It was not checked yet." : view.readiness.why;
    waiting[ip] = fmt::format(
        "is not ready to send: {} It is let go when it passes (bulkhead address check {}), or by bulkhead address set "
        "{} --ready yes",
        why, ip.text(), ip.text());
  }
  return waiting;
}

const ReadinessWatch::Entry* ReadinessWatch::find(const IpAddress& ip) const {
  const auto key = keys_.find(ip);
  return key == keys_.end() ? nullptr : &entries_.at(key->second);
}

std::optional<ReadinessView> ReadinessWatch::of_address(const IpAddress& ip) const {
  const Entry* entry = find(ip);
  if (entry == nullptr) return std::nullopt;
  ReadinessView view = entry->view;
  view.is_withheld = is_withheld(*entry);
  return view;
}

std::optional<ReadinessView> ReadinessWatch::of_domain(const std::string& name) const {
  const auto found = entries_.find("d" + name);
  return found == entries_.end() ? std::nullopt : std::optional{found->second.view};
}

ReadinessCounts ReadinessWatch::counts(char kind) const {
  ReadinessCounts counts;
  for (const auto& [key, entry] : entries_) {
    if (key[0] != kind) continue;
    const State state = entry.view.readiness.state;
    ++(state == State::kReady ? counts.ready : state == State::kUnready ? counts.unready : counts.unknown);
  }
  return counts;
}

std::vector<ReadinessWatch::Row> ReadinessWatch::take_changes() {
  std::vector<Row> rows;
  for (const auto& key : changed_) {
    const auto found = entries_.find(key);
    std::string value;
    if (found != entries_.end()) {
      const auto& view = found->second.view;
      value = {kVersion, static_cast<char>(view.readiness.state), static_cast<char>(view.clearance)};
    }
    rows.push_back({key, std::move(value)});
  }
  changed_.clear();
  return rows;
}

bool ReadinessWatch::restore(std::string_view key, std::string_view value) {
  const auto found = entries_.find(std::string{key});
  if (found == entries_.end() || value.size() != 3 || value[0] != kVersion) return false;
  if (value[1] < 0 || value[1] > 2 || value[2] < 0 || value[2] > 3) return false;
  Entry& entry = found->second;
  entry.view.readiness.state = static_cast<State>(value[1]);
  entry.view.clearance = static_cast<Clearance>(value[2]);
  if (!holds() && entry.is_waiting()) entry.view.clearance = Clearance::kEarlier;
  // Rows of domains have not always said it.
  if (entry.subject.is_domain() && entry.view.readiness.state == State::kReady) pass(found->first, entry);
  if (entry.is_waiting()) schedule(found->first, entry, FloatSeconds{retry_} * random_.uniform());
  return true;
}

}  // namespace bulkhead::netpolicy
