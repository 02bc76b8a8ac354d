#include "src/app/listing_monitor.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/app/monitor_notices.h"
#include "src/app/monitor_rows.h"
#include "src/queue/selector.h"

namespace bulkhead::app {

namespace {

using listings::Answer;
using listings::Question;
using listings::Transition;
using listings::Verdict;

const std::string kRows = "listing/";
constexpr std::chrono::seconds kAskedRest{10};
constexpr std::chrono::milliseconds kFollowRest{700};  // between two looks at the directory: each costs some time
constexpr std::size_t kAskedMax = 1000;
constexpr std::chrono::milliseconds kRefusedRest{10'000};

std::vector<listings::Subject> subjects_of(const tenants::Snapshot& directory) {
  std::vector<listings::Subject> subjects;
  for (const auto& address : directory.addresses()) {
    if (!address.ip.is_loopback()) subjects.push_back(listings::Subject::of(address.ip));
  }
  for (const auto& domain : directory.domains()) subjects.push_back(listings::Subject::of(domain.name));
  return subjects;
}

std::string_view outcome_of(const Answer& answer, const listings::Judgement& judgement) {
  if (answer.kind == Answer::Kind::kFailed) return "failed";
  switch (judgement.verdict) {
    case Verdict::kListed:
      return "listed";
    case Verdict::kRefused:
      return "refused";
    case Verdict::kClear:
      return "clear";
  }
  return "clear";
}

auto names(std::string_view zone) {
  return [zone](const listings::ZoneView& view) { return queue::is_equal_text(view.zone, zone); };
}

std::string_view change_of(Transition::Kind kind) {
  switch (kind) {
    case Transition::Kind::kListed:
      return "listed";
    case Transition::Kind::kDelisted:
      return "delisted";
    case Transition::Kind::kForgotten:
      return "forgotten";
    case Transition::Kind::kZoneSetAside:
      return "set-aside";
    case Transition::Kind::kZoneTrusted:
      return "trusted";
  }
  return "";
}

std::string sentence_of(const Transition& transition) {
  const auto what = transition.subject.text();
  switch (transition.kind) {
    case Transition::Kind::kListed:
      if (!transition.why.empty()) return fmt::format("{} is listed by {}, {}", what, transition.zone, transition.why);
      return fmt::format("{} is listed by {}: {}", what, transition.zone, listings::text_of(transition.codes));
    case Transition::Kind::kDelisted:
      return fmt::format("{} is no longer listed by {}", what, transition.zone);
    case Transition::Kind::kForgotten:
      return fmt::format("{} was listed by {}, and is not watched there any more", what, transition.zone);
    case Transition::Kind::kZoneSetAside:
      return fmt::format("list {} ({}) is set aside: {}", transition.zone, to_string(transition.branch),
                         escape_controls(transition.why, 200));
    case Transition::Kind::kZoneTrusted:
      return fmt::format("list {} ({}) passes its test and is asked", transition.zone, to_string(transition.branch));
  }
  return {};
}

}  // namespace

Status ListingMonitor::restore() {
  const auto directory = parts_.directory.snapshot();
  const std::lock_guard lock{mutex_};
  watch_.set_subjects(subjects_of(*directory));
  version_ = directory->version();
  return restore_rows(parts_.store, parts_.log, kRows,
                      [this](std::string_view key, std::string_view value) { return watch_.restore(key, value); });
}

void ListingMonitor::set(listings::WatchSettings settings) {
  const std::lock_guard lock{mutex_};
  const auto transitions = watch_.set_settings(std::move(settings));
  untold_.insert(untold_.end(), transitions.begin(), transitions.end());
}

void ListingMonitor::follow_directory() {
  const auto now = parts_.clock.steady();
  if (now - followed_at_ < kFollowRest) return;
  followed_at_ = now;
  const auto directory = parts_.directory.snapshot();
  std::vector<Transition> transitions;
  {
    const std::lock_guard lock{mutex_};
    transitions = std::exchange(untold_, {});
    if (directory->version() != version_) {
      version_ = directory->version();
      const auto more = watch_.set_subjects(subjects_of(*directory));
      transitions.insert(transitions.end(), more.begin(), more.end());
    }
  }
  take(transitions);
}

SteadyTime ListingMonitor::turn(net::TaskGroup& group) {
  follow_directory();
  std::vector<listings::StoredListing> rows;
  std::vector<Question> questions;
  SteadyTime next;
  {
    const std::lock_guard lock{mutex_};
    while (open_questions_ + questions.size() < kQuestionsMax) {
      auto question = watch_.next();
      if (!question) break;
      questions.push_back(std::move(*question));
    }
    next = watch_.next_time();
    rows = watch_.take_changes();
  }
  for (auto& question : questions) {
    ++open_questions_;
    group.spawn(ask(std::move(question), group));
  }
  store_rows(parts_.store, parts_.log, kRows, rows);
  return next;
}

Task<std::optional<Answer>> ListingMonitor::answer_to(std::string name) {
  auto asking = parts_.resolver.fresh_addresses(std::move(name));
  auto found = co_await std::move(asking);
  if (!found.addresses && found.addresses.error().code == ErrorCode::kLimit) co_return std::nullopt;
  Answer answer;
  answer.ttl = found.ttl;
  if (found.addresses) {
    answer.kind = Answer::Kind::kRecords;
    answer.addresses = std::move(*found.addresses);
  } else if (found.addresses.error().code == ErrorCode::kNotFound) {
    answer.kind = Answer::Kind::kNone;
  } else {
    answer.why = found.addresses.error().message;
  }
  co_return answer;
}

// Keeps its place until the question was sent: were its answer to get lost, a zone would never end its test.
Task<void> ListingMonitor::ask(Question question, net::TaskGroup& group) {
  std::optional<Answer> answered;
  while (!answered) {
    auto asking = answer_to(question.name);
    answered = co_await std::move(asking);
    if (answered) break;
    auto resting = parts_.shard.sleep(kRefusedRest, group);
    const bool goes_on = co_await std::move(resting);
    if (!goes_on) co_return;
  }
  const Answer& answer = *answered;
  --open_questions_;
  std::vector<Transition> transitions;
  std::optional<listings::Watch::Reading> reading;
  {
    const std::lock_guard lock{mutex_};
    reading = watch_.read(question, answer);
    transitions = watch_.answered(question, answer);
  }
  if (reading) parts_.metrics.listing_question(reading->zone, outcome_of(answer, reading->judgement));
  take(transitions);
}

// Any zone may be named from outside: as the label of a metric only those stand that were chosen here.
bool ListingMonitor::hear(const Transition& said, bool is_told) {
  const auto all = zones();
  const auto asked = std::ranges::find_if(all, names(said.zone));
  const bool is_asked = asked != all.end();
  parts_.metrics.listing_transition(is_asked ? asked->zone : "named", change_of(said.kind));
  if (!is_told) return !is_asked;
  if (!is_asked) parts_.log.warning("{}", sentence_of(said));
  record(said);
  return !is_asked;
}

bool ListingMonitor::asks(std::string_view zone) const {
  return std::ranges::any_of(zones(), names(zone));
}

// Records and tells what has changed.
void ListingMonitor::take(const std::vector<Transition>& transitions) {
  for (const auto& transition : transitions) {
    const bool is_bad =
        transition.kind == Transition::Kind::kListed || transition.kind == Transition::Kind::kZoneSetAside;
    parts_.log.write(is_bad ? LogLevel::kWarning : LogLevel::kInfo, sentence_of(transition));
    parts_.metrics.listing_transition(transition.zone, change_of(transition.kind));
    record(transition);
    if (parts_.on_transition) parts_.on_transition(transition);
  }
}

void ListingMonitor::record(const Transition& transition) {
  const bool is_zone =
      transition.kind == Transition::Kind::kZoneSetAside || transition.kind == Transition::Kind::kZoneTrusted;
  if (is_zone) return;
  const auto directory = parts_.directory.snapshot();
  trace::Event event;
  event.at = parts_.clock.now();
  event.kind = transition.kind == Transition::Kind::kListed ? trace::EventKind::kListed : trace::EventKind::kDelisted;
  event.rule = transition.zone;
  event.verdict = listings::text_of(transition.codes);
  event.detail = sentence_of(transition);
  if (transition.subject.is_address()) event.source = transition.subject.ip;
  event.tenant = owner_of(*directory, transition.subject);
  parts_.trace.record(std::move(event));
}

std::vector<listings::ListingView> ListingMonitor::listings() const {
  const std::lock_guard lock{mutex_};
  return watch_.listings();
}

std::vector<listings::ListingView> ListingMonitor::listings_of(const listings::Subject& subject) const {
  const std::lock_guard lock{mutex_};
  return watch_.listings_of(subject);
}

std::vector<listings::ZoneView> ListingMonitor::zones() const {
  const std::lock_guard lock{mutex_};
  return watch_.zones();
}

bool ListingMonitor::may_ask_again(const listings::Subject& subject) {
  const SteadyTime now = parts_.clock.steady();
  std::erase_if(asked_at_, [now](const auto& entry) { return now - entry.second >= kAskedRest; });
  if (asked_at_.size() >= kAskedMax) return false;
  return asked_at_.emplace(subject, now).second;
}

Task<Result<std::vector<admin::Monitor::ZoneAnswer>>> ListingMonitor::ask_zones(listings::Subject subject) {
  std::vector<admin::Monitor::ZoneAnswer> answers;
  std::vector<Question> questions;
  bool is_watched = false;
  {
    const std::lock_guard lock{mutex_};
    is_watched = watch_.is_watched(subject);
  }
  if (!is_watched) {
    co_return fail(ErrorCode::kNotFound, fmt::format("{} is not watched", subject.text()),
                   "loopback addresses are not; addresses and domains of the directory are, within a second");
  }
  if (askers_ >= kAskersMax) {
    co_return fail(ErrorCode::kLimit, "the lists are being asked by many just now", "try again in ten seconds");
  }
  if (!may_ask_again(subject)) {
    co_return fail(ErrorCode::kLimit, fmt::format("the lists were asked about {} a moment ago", subject.text()),
                   "try again in ten seconds");
  }
  {
    const std::lock_guard lock{mutex_};
    questions = watch_.questions_now(subject);
    const auto branch = !subject.is_address()                  ? listings::Branch::kDomain
                        : subject.ip.family() == Family::kIpv4 ? listings::Branch::kIpv4
                                                               : listings::Branch::kIpv6;
    for (const auto& zone : watch_.zones()) {
      if (zone.branch != branch || zone.state == listings::ZoneState::kTrusted) continue;
      answers.push_back({zone.zone, std::string{to_string(zone.state)}, {}, zone.why});
    }
  }
  ++askers_;
  for (const auto& question : questions) {
    auto asking = answer_to(question.name);
    const auto answered = co_await std::move(asking);
    // What was not sent waits for the watch's next look.
    if (!answered) continue;
    const Answer& answer = *answered;
    std::vector<Transition> transitions;
    std::optional<listings::Watch::Reading> reading;
    {
      const std::lock_guard lock{mutex_};
      reading = watch_.read(question, answer);
      transitions = watch_.answered(question, answer);
    }
    take(transitions);
    if (!reading) continue;
    const bool is_listed = reading->judgement.verdict == Verdict::kListed;
    std::string why = answer.why;
    if (reading->judgement.verdict == Verdict::kRefused)
      why = "it answers " + listings::text_of(reading->judgement.codes);
    answers.push_back({reading->zone, std::string{outcome_of(answer, reading->judgement)},
                       is_listed ? listings::text_of(reading->judgement.codes) : std::string{}, std::move(why)});
  }
  --askers_;
  co_return answers;
}

}  // namespace bulkhead::app
