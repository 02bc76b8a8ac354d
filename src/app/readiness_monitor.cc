#include "src/app/readiness_monitor.h"

#include <algorithm>
#include <future>

#include <fmt/format.h>

#include "src/app/monitor_notices.h"
#include "src/app/monitor_rows.h"

namespace bulkhead::app {

namespace {

using netpolicy::Readiness;
using netpolicy::ReadinessGate;
using netpolicy::ReadinessSubject;

const std::string kRows = "ready/";
// Is there once a server that knows new addresses from others has looked at the directory.
const std::string kKnown = "readiness-known";
constexpr std::chrono::seconds kRetry{60};
constexpr std::chrono::milliseconds kWithholdRest{500};
constexpr std::chrono::milliseconds kPatienceRest{2000};  // though no look has ended
constexpr std::chrono::milliseconds kFollowRest{700};
constexpr std::size_t kSourcesMax = 4;  // of a domain whose SPF is evaluated

// The addresses that a domain's mail leaves from, and loopback ones not: of these nobody's DNS knows.
std::vector<IpAddress> sources_of(const tenants::Snapshot& directory, const tenants::Domain& domain) {
  std::vector<IpAddress> sources;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (const auto* address : directory.usable_addresses(domain.tenant, family)) {
      if (!address->ip.is_loopback() && sources.size() < kSourcesMax) sources.push_back(address->ip);
    }
  }
  return sources;
}

std::vector<ReadinessSubject> subjects_of(const tenants::Snapshot& directory, const std::string& node_name) {
  std::vector<ReadinessSubject> subjects;
  for (const auto& address : directory.addresses()) {
    if (address.ip.is_loopback()) continue;
    const auto& helo = address.helo.empty() ? node_name : address.helo;
    subjects.push_back({address.id, address.ip, helo, address.ip.text() + " " + helo});
  }
  for (const auto& domain : directory.domains()) {
    std::string detail;
    for (const auto& ip : sources_of(directory, domain)) detail += ip.text() + " ";
    if (!detail.empty()) subjects.push_back({{}, {}, domain.name, std::move(detail)});
  }
  return subjects;
}

std::string sentence_of(const netpolicy::ReadinessChange& change) {
  const auto what = change.subject.text();
  switch (change.readiness.state) {
    case Readiness::State::kReady:
      return fmt::format("{} is ready to send", what);
    case Readiness::State::kUnready:
      return fmt::format("{} is not ready to send: {}", what, change.readiness.why);
    case Readiness::State::kUnknown:
      return fmt::format("{} sends unchecked: {}", what, change.readiness.why);
  }
  return {};
}

}  // namespace

Status ReadinessMonitor::restore() {
  const auto directory = parts_.directory.snapshot();
  {
    const std::lock_guard lock{mutex_};
    watch_.set_subjects(subjects_of(*directory, parts_.node_name));
    version_ = directory->version();
    auto restored = restore_rows(parts_.store, parts_.log, kRows, [this](std::string_view key, std::string_view value) {
      return watch_.restore(key, value);
    });
    if (!restored) return restored;
  }
  const auto known = parts_.store.kv().get(store::Family::kMeta, kKnown);
  if (!known) return fail(known.error());
  if (!*known) {
    if (auto done = know_what_is_here(); !done) return done;
  }
  withhold();
  return {};
}

// The first start: what the directory has was here before the gate was.
Status ReadinessMonitor::know_what_is_here() {
  store::Transaction transaction;
  {
    const std::lock_guard lock{mutex_};
    watch_.know_all();
    transaction = transaction_of(kRows, watch_.take_changes());
  }
  transaction.batch.put(store::Family::kMeta, kKnown, "1");
  return commit_changes(std::move(transaction));
}

Status ReadinessMonitor::commit_changes(store::Transaction transaction) {
  std::promise<Status> stored;
  parts_.store.commit(std::move(transaction), [&stored](const Result<store::Committed>& done) {
    stored.set_value(done ? Status{} : Status{fail(done.error())});
  });
  return stored.get_future().get();
}

void ReadinessMonitor::set(const MonitorSettings& settings) {
  {
    const std::lock_guard lock{mutex_};
    gate_ = settings.gate;
    watch_.set_intervals(settings.readiness_interval, kRetry);
    watch_.set_gate(settings.gate, settings.readiness_patience);
  }
  withhold();
}

// The gate, as it is now. Observers of the host's addresses are told only of a change.
void ReadinessMonitor::withhold() {
  const std::lock_guard order{order_};
  std::map<IpAddress, std::string> waiting;
  {
    const std::lock_guard lock{mutex_};
    waiting = watch_.withheld();
    withheld_ = waiting.size();
  }
  parts_.host.withhold("readiness", std::move(waiting));
}

void ReadinessMonitor::follow_directory() {
  const auto directory = parts_.directory.snapshot();
  {
    const std::lock_guard lock{mutex_};
    if (directory->version() <= version_) return;  // another thread has followed to a later one
    version_ = directory->version();
    watch_.set_subjects(subjects_of(*directory, parts_.node_name));
  }
  withhold();
}

void ReadinessMonitor::directory_changed() {
  {
    const std::lock_guard lock{mutex_};
    if (gate_ != ReadinessGate::kNew && gate_ != ReadinessGate::kRequire) return;
  }
  follow_directory();
}

SteadyTime ReadinessMonitor::turn(net::TaskGroup& group) {
  if (parts_.clock.steady() - followed_at_ >= kFollowRest) {
    followed_at_ = parts_.clock.steady();
    follow_directory();
  }
  const auto rest = is_dirty_ ? kWithholdRest : kPatienceRest;
  if (parts_.clock.steady() - withheld_at_ >= rest) {
    is_dirty_ = false;
    withheld_at_ = parts_.clock.steady();
    withhold();
  }
  std::vector<ReadinessSubject> looks;
  std::vector<netpolicy::ReadinessChange> unjudged;
  std::vector<netpolicy::ReadinessWatch::Row> rows;
  SteadyTime next;
  {
    const std::lock_guard lock{mutex_};
    const bool is_off = gate_ == ReadinessGate::kOff;
    while (!is_off && open_looks_ + looks.size() < kLooksMax) {
      auto subject = watch_.next();
      if (!subject) break;
      looks.push_back(std::move(*subject));
    }
    next = is_off ? SteadyTime::max() : watch_.next_time();
    rows = watch_.take_changes();
    unjudged = watch_.take_unjudged();
  }
  for (const auto& change : unjudged) tell(change);
  for (auto& subject : looks) {
    ++open_looks_;
    group.spawn(look(std::move(subject)));
  }
  store_rows(parts_.store, parts_.log, kRows, rows);
  return next;
}

Task<Readiness> ReadinessMonitor::judge(ReadinessSubject subject) {
  if (!subject.is_domain()) {
    netpolicy::AddressCheckSubject checked{subject.ip, subject.name, {}, 0};
    auto gathering = netpolicy::gather_facts(parts_.resolver, std::move(checked), true);
    const auto facts = co_await std::move(gathering);
    co_return netpolicy::readiness_of(facts);
  }
  const auto directory = parts_.directory.snapshot();
  const auto* domain = directory->domain_by_name(subject.name);
  if (domain == nullptr) co_return Readiness{};
  auto gathering = netpolicy::gather_facts(parts_.resolver, domain->name, sources_of(*directory, *domain));
  const auto facts = co_await std::move(gathering);
  co_return netpolicy::readiness_of(facts);
}

Task<void> ReadinessMonitor::look(ReadinessSubject subject) {
  auto judging = judge(subject);
  const Readiness readiness = co_await std::move(judging);
  --open_looks_;
  std::optional<netpolicy::ReadinessChange> change;
  {
    const std::lock_guard lock{mutex_};
    change = watch_.answered(subject, readiness);
  }
  is_dirty_ = true;
  if (change) tell(*change);
}

void ReadinessMonitor::tell(const netpolicy::ReadinessChange& change) {
  record(change);
  if (parts_.on_change) parts_.on_change(change);
}

void ReadinessMonitor::record(const netpolicy::ReadinessChange& change) {
  const bool is_ready = change.readiness.state == Readiness::State::kReady;
  const auto directory = parts_.directory.snapshot();
  trace::Event event;
  event.at = parts_.clock.now();
  event.kind = is_ready ? trace::EventKind::kReady : trace::EventKind::kUnready;
  event.detail = sentence_of(change);
  parts_.log.write(is_ready ? LogLevel::kInfo : LogLevel::kWarning, escape_controls(event.detail));
  if (!change.subject.is_domain()) event.source = change.subject.ip;
  event.tenant = owner_of(*directory, subject_of(change.subject));
  parts_.trace.record(std::move(event));
}

Status ReadinessMonitor::set_ready(const IpAddress& ip, bool is_ready) {
  follow_directory();
  std::vector<netpolicy::ReadinessWatch::Row> rows;
  {
    const std::lock_guard lock{mutex_};
    if (!watch_.clear(ip, is_ready)) {
      return fail(ErrorCode::kConflict, fmt::format("{} is not checked", ip.text()),
                  "a loopback address is always ready");
    }
    rows = watch_.take_changes();
  }
  auto status = commit_changes(transaction_of(kRows, rows));
  withhold();
  return status;
}

std::optional<netpolicy::ReadinessView> ReadinessMonitor::of_address(const IpAddress& ip) const {
  const std::lock_guard lock{mutex_};
  return watch_.of_address(ip);
}
std::optional<netpolicy::ReadinessView> ReadinessMonitor::of_domain(const std::string& name) const {
  const std::lock_guard lock{mutex_};
  return watch_.of_domain(name);
}
netpolicy::ReadinessCounts ReadinessMonitor::addresses() const {
  const std::lock_guard lock{mutex_};
  return watch_.addresses();
}
netpolicy::ReadinessCounts ReadinessMonitor::domains() const {
  const std::lock_guard lock{mutex_};
  return watch_.domains();
}
std::size_t ReadinessMonitor::withheld() const {
  const std::lock_guard lock{mutex_};
  return withheld_;
}

}  // namespace bulkhead::app
