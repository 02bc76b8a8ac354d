#include "monitoring/listings/watch.h"

#include <algorithm>

#include <fmt/format.h>

namespace bulkhead::listings {

namespace {

using FloatSeconds = std::chrono::duration<double>;
using std::chrono::seconds;

constexpr int kFailuresMax = 5;  // in a row, and a zone is taken for dead
constexpr seconds kConfirmMost{15 * 60};
constexpr FloatSeconds kSpreadLeast{5};

Branch branch_of(const Subject& subject) {
  if (!subject.is_address()) return Branch::kDomain;
  return subject.ip.family() == Family::kIpv4 ? Branch::kIpv4 : Branch::kIpv6;
}

bool has_branch(const Zone& zone, Branch branch) {
  if (branch == Branch::kDomain) return zone.kind == SubjectKind::kDomain;
  return zone.kind == SubjectKind::kAddress && (branch == Branch::kIpv4 ? zone.has_ipv4 : zone.has_ipv6);
}

SteadyTime after(SteadyTime now, FloatSeconds delay) {
  return now + std::chrono::duration_cast<SteadyTime::duration>(delay);
}

}  // namespace

std::string_view to_string(ZoneState state) {
  switch (state) {
    case ZoneState::kUntried:
      return "untried";
    case ZoneState::kTrusted:
      return "trusted";
    case ZoneState::kSetAside:
      return "set aside";
  }
  return "";
}

bool Watch::applies(const Half& half, const Subject& subject) const {
  return branch_of(subject) == half.branch && (!zone_of(half).is_for_public_only || is_public(subject));
}

const Watch::Half* Watch::find(std::uint32_t id) const {
  const auto found = std::find_if(halves_.begin(), halves_.end(), [id](const Half& half) { return half.id == id; });
  return found == halves_.end() ? nullptr : &*found;
}

Watch::Half* Watch::find(std::uint32_t id) {
  const auto found = std::find_if(halves_.begin(), halves_.end(), [id](const Half& half) { return half.id == id; });
  return found == halves_.end() ? nullptr : &*found;
}

SteadyTime Watch::jittered(FloatSeconds delay) {
  return after(clock_.steady(), delay * (0.9 + 0.2 * random_.uniform()));
}

void Watch::schedule(Half& half, Slot slot, SteadyTime at) {
  Pair& pair = half.pairs[slot];
  half.due.erase({pair.due, slot});
  pair.due = at;
  half.due.emplace(at, slot);
}

// New pairs are looked at as soon as the zone's rate lets all of them, but within one interval.
FloatSeconds Watch::spread(const Half& half, std::size_t subjects) const {
  const FloatSeconds all{static_cast<double>(subjects) / zone_of(half).rate};
  const FloatSeconds interval = settings_.interval;
  return std::min(std::max(all * 1.5, kSpreadLeast), interval);
}

void Watch::watch(Half& half, Slot slot, FloatSeconds within) {
  if (half.pairs.size() <= slot) half.pairs.resize(slot + 1);
  Pair& pair = half.pairs[slot];
  if (pair.is_watched) return;
  pair = Pair{};
  pair.is_watched = true;
  ++half.watched;
  schedule(half, slot, after(clock_.steady(), within * random_.uniform()));
}

void Watch::unwatch(Half& half, Slot slot, std::vector<Transition>& transitions) {
  if (half.pairs.size() <= slot || !half.pairs[slot].is_watched) return;
  half.due.erase({half.pairs[slot].due, slot});
  half.pairs[slot] = Pair{};
  --half.watched;
  const auto listing = half.listings.find(slot);
  if (listing == half.listings.end()) return;
  if (listing->second.is_believed) {
    transitions.push_back(transition(half, slot, Transition::Kind::kForgotten));
    mark(half, slot);
  }
  half.listings.erase(listing);
}

std::vector<Transition> Watch::set_settings(WatchSettings settings) {
  std::vector<Transition> transitions;
  std::vector<Half> kept;
  for (auto& half : halves_) {
    const Zone& zone = zone_of(half);
    const auto same = std::find(settings.zones.begin(), settings.zones.end(), zone);
    if (same == settings.zones.end()) {
      for (Slot slot = 0; slot < half.pairs.size(); ++slot) unwatch(half, slot, transitions);
      continue;
    }
    half.retry = seconds{0};
    kept.push_back(std::move(half));
    kept.back().zone = static_cast<std::size_t>(same - settings.zones.begin());
  }
  settings_ = std::move(settings);
  pace_.assign(settings_.zones.size(), SteadyTime{});
  add_halves(std::move(kept));
  for (auto& half : halves_) {
    const auto within = spread(half, slots_.size());
    for (const auto& [subject, slot] : slots_) {
      if (applies(half, subject)) watch(half, slot, within);
    }
    // A shorter interval holds at once.
    const auto latest = after(clock_.steady(), FloatSeconds{settings_.interval} * 1.1);
    while (!half.due.empty() && half.due.rbegin()->first > latest) {
      schedule(half, half.due.rbegin()->second, after(clock_.steady(), within * random_.uniform()));
    }
  }
  return transitions;
}

// One for each branch of each zone: those that are kept, and new ones.
void Watch::add_halves(std::vector<Half> kept) {
  halves_.clear();
  for (std::size_t zone = 0; zone < settings_.zones.size(); ++zone) {
    for (const Branch branch : {Branch::kIpv4, Branch::kIpv6, Branch::kDomain}) {
      if (!has_branch(settings_.zones[zone], branch)) continue;
      const auto old = std::find_if(kept.begin(), kept.end(), [&](const Half& half) {
        return half.id != 0 && half.zone == zone && half.branch == branch;
      });
      if (old != kept.end()) {
        halves_.push_back(std::move(*old));
        old->id = 0;
        continue;
      }
      Half half;
      half.id = ++last_id_;
      half.zone = zone;
      half.branch = branch;
      half.since = clock_.now();
      half.trial_due = clock_.steady();
      halves_.push_back(std::move(half));
    }
  }
}

std::vector<Transition> Watch::set_subjects(std::vector<Subject> subjects) {
  std::vector<Transition> transitions;
  std::sort(subjects.begin(), subjects.end());
  for (auto entry = slots_.begin(); entry != slots_.end();) {
    if (std::binary_search(subjects.begin(), subjects.end(), entry->first)) {
      ++entry;
      continue;
    }
    for (auto& half : halves_) unwatch(half, entry->second, transitions);
    free_slots_.push_back(entry->second);
    entry = slots_.erase(entry);
  }
  std::vector<Slot> added;
  for (auto& subject : subjects) {
    if (slots_.contains(subject)) continue;
    if (free_slots_.empty()) {
      free_slots_.push_back(static_cast<Slot>(subjects_.size()));
      subjects_.emplace_back();
    }
    const Slot slot = free_slots_.back();
    free_slots_.pop_back();
    slots_.emplace(subject, slot);
    subjects_[slot] = std::move(subject);
    added.push_back(slot);
  }
  for (auto& half : halves_) {
    const auto within = spread(half, added.size());
    for (const Slot slot : added) {
      if (applies(half, subjects_[slot])) watch(half, slot, within);
    }
  }
  return transitions;
}

Transition Watch::transition(const Half& half, Transition::Kind kind) const {
  Transition made;
  made.kind = kind;
  made.zone = zone_of(half).name;
  made.branch = half.branch;
  made.weight = zone_of(half).weight;
  made.since = half.since;
  made.why = half.why;
  return made;
}

Transition Watch::transition(const Half& half, Slot slot, Transition::Kind kind) const {
  Transition made = transition(half, kind);
  const Listing& listing = half.listings.at(slot);
  made.subject = subjects_[slot];
  made.codes = listing.codes;
  made.since = listing.since;
  made.why.clear();
  return made;
}

ListingView Watch::view(const Half& half, Slot slot, const Listing& listing) const {
  return {subjects_[slot], zone_of(half).name, listing.codes, zone_of(half).weight, listing.since};
}

std::vector<ListingView> Watch::listings() const {
  std::vector<ListingView> views;
  for (const auto& half : halves_) {
    for (const auto& [slot, listing] : half.listings) {
      if (listing.is_believed) views.push_back(view(half, slot, listing));
    }
  }
  return views;
}

std::vector<ListingView> Watch::listings_of(const Subject& subject) const {
  std::vector<ListingView> views;
  const auto slot = slots_.find(subject);
  if (slot == slots_.end()) return views;
  for (const auto& half : halves_) {
    const auto listing = half.listings.find(slot->second);
    if (listing != half.listings.end() && listing->second.is_believed) {
      views.push_back(view(half, slot->second, listing->second));
    }
  }
  return views;
}

std::vector<ZoneView> Watch::zones() const {
  std::vector<ZoneView> views;
  for (const auto& half : halves_) {
    const auto listed = std::count_if(half.listings.begin(), half.listings.end(),
                                      [](const auto& entry) { return entry.second.is_believed; });
    views.push_back({zone_of(half).name, half.branch, half.state, half.why, half.since, half.watched,
                     static_cast<std::size_t>(listed)});
  }
  return views;
}

bool Watch::has_untried_zone() const {
  return std::any_of(halves_.begin(), halves_.end(),
                     [](const Half& half) { return half.watched > 0 && half.state == ZoneState::kUntried; });
}

// --- Questions.

bool Watch::may_send(const Half& half, SteadyTime now) const {
  return pace_[half.zone] <= now;
}

void Watch::sent(const Half& half, SteadyTime now) {
  pace_[half.zone] = after(std::max(pace_[half.zone], now), FloatSeconds{1 / zone_of(half).rate});
}

std::optional<Question> Watch::next_test(Half& half, SteadyTime now) {
  if (half.trial_open == 0 && half.trial_due <= now) {
    half.trial_began = now;
    half.trial_fault.clear();
    half.must_ask_listed = half.must_ask_clear = true;
    half.trial_open = 2;
    half.trial_due = SteadyTime::max();
  }
  if (!half.must_ask_listed && !half.must_ask_clear) return std::nullopt;
  const auto names = test_names(zone_of(half), half.branch);
  const bool is_listed_test = half.must_ask_listed;
  (is_listed_test ? half.must_ask_listed : half.must_ask_clear) = false;
  return Question{half.id,
                  is_listed_test ? Question::Kind::kListedTest : Question::Kind::kClearTest,
                  {},
                  is_listed_test ? names.listed : names.clear};
}

std::optional<Question> Watch::next_of(Half& half, SteadyTime now) {
  if (half.watched == 0 || !may_send(half, now)) return std::nullopt;
  auto question = next_test(half, now);
  if (!question && half.state == ZoneState::kTrusted && !half.due.empty() && half.due.begin()->first <= now) {
    const Slot slot = half.due.begin()->second;
    // Were an answer to get lost, the next look would come in its time.
    schedule(half, slot, jittered(FloatSeconds{settings_.interval}));
    half.pairs[slot].is_asking = true;
    question =
        Question{half.id, Question::Kind::kSubject, subjects_[slot], question_name(zone_of(half), subjects_[slot])};
  }
  if (question) sent(half, now);
  return question;
}

std::optional<Question> Watch::next() {
  const SteadyTime now = clock_.steady();
  for (std::size_t i = 0; i < halves_.size(); ++i) {
    Half& half = halves_[turn_++ % halves_.size()];
    if (auto question = next_of(half, now)) return question;
  }
  return std::nullopt;
}

SteadyTime Watch::next_time() const {
  SteadyTime earliest = SteadyTime::max();
  for (const auto& half : halves_) {
    if (half.watched == 0) continue;
    SteadyTime at = half.trial_open == 0 ? half.trial_due : SteadyTime::max();
    if (half.must_ask_listed || half.must_ask_clear) at = half.trial_began;
    if (half.state == ZoneState::kTrusted && !half.due.empty()) at = std::min(at, half.due.begin()->first);
    if (at != SteadyTime::max()) earliest = std::min(earliest, std::max(at, pace_[half.zone]));
  }
  return earliest;
}

std::vector<Question> Watch::questions_now(const Subject& subject) {
  std::vector<Question> questions;
  const auto slot = slots_.find(subject);
  if (slot == slots_.end()) return questions;
  for (auto& half : halves_) {
    if (half.state != ZoneState::kTrusted || half.pairs.size() <= slot->second) continue;
    Pair& pair = half.pairs[slot->second];
    if (!pair.is_watched || pair.is_asking) continue;
    pair.is_asking = true;
    schedule(half, slot->second, jittered(FloatSeconds{settings_.interval}));
    sent(half, clock_.steady());
    questions.push_back({half.id, Question::Kind::kSubject, subject, question_name(zone_of(half), subject)});
  }
  return questions;
}

std::optional<Watch::Reading> Watch::read(const Question& question, const Answer& answer) const {
  const Half* half = find(question.branch);
  if (half == nullptr) return std::nullopt;
  return Reading{zone_of(*half).name, judge(zone_of(*half), answer.addresses)};
}

// --- Answers.

std::vector<Transition> Watch::answered(const Question& question, const Answer& answer) {
  Half* half = find(question.branch);
  if (half == nullptr) return {};
  if (question.kind != Question::Kind::kSubject) return test_answered(*half, question, answer);
  const auto slot = slots_.find(question.subject);
  if (slot == slots_.end() || half->pairs.size() <= slot->second) return {};
  if (!half->pairs[slot->second].is_asking) return {};
  half->pairs[slot->second].is_asking = false;
  return subject_answered(*half, slot->second, answer);
}

std::vector<Transition> Watch::test_answered(Half& half, const Question& question, const Answer& answer) {
  if (half.trial_open == 0) return {};
  --half.trial_open;
  const auto judgement = judge(zone_of(half), answer.addresses);
  const bool is_listed_test = question.kind == Question::Kind::kListedTest;
  // The first fault is the one that is told.
  if (half.trial_fault.empty()) {
    if (answer.kind == Answer::Kind::kFailed) {
      half.trial_fault = "it does not answer: " + answer.why;
    } else if (judgement.verdict == Verdict::kRefused) {
      half.trial_fault = fmt::format("it refuses our questions with {}", text_of(judgement.codes));
    } else if (is_listed_test && judgement.verdict == Verdict::kClear) {
      half.trial_fault = "it does not list what every list must, so it may answer for nothing";
    } else if (!is_listed_test && judgement.verdict == Verdict::kListed) {
      half.trial_fault = "it lists what no list may, so it may answer for everything";
    }
  }
  return half.trial_open == 0 ? conclude_test(half) : std::vector<Transition>{};
}

std::vector<Transition> Watch::conclude_test(Half& half) {
  std::vector<Transition> transitions;
  if (!half.trial_fault.empty()) {
    set_aside(half, std::move(half.trial_fault), transitions);
    return transitions;
  }
  half.passed = half.trial_began;
  half.trial_due = jittered(FloatSeconds{settings_.interval});
  half.retry = seconds{0};
  half.failures = 0;
  if (half.state == ZoneState::kTrusted) return transitions;
  half.state = ZoneState::kTrusted;
  half.since = clock_.now();
  half.why.clear();
  transitions.push_back(transition(half, Transition::Kind::kZoneTrusted));
  return transitions;
}

// Tried again after a while, which doubles up to the interval. First looks are forgotten: they may be its fault.
void Watch::set_aside(Half& half, std::string why, std::vector<Transition>& transitions) {
  const seconds longest = std::max(settings_.interval, settings_.confirm_after);
  half.retry = std::min(half.retry == seconds{0} ? settings_.confirm_after : half.retry * 2, longest);
  half.trial_due = jittered(FloatSeconds{half.retry});
  half.passed.reset();
  half.failures = 0;
  std::erase_if(half.listings, [](const auto& entry) { return !entry.second.is_believed; });
  for (auto& [slot, listing] : half.listings) listing.deviated_at.reset();
  const bool is_news = half.state != ZoneState::kSetAside || half.why != why;
  half.why = std::move(why);
  if (half.state != ZoneState::kSetAside) half.since = clock_.now();
  half.state = ZoneState::kSetAside;
  if (is_news) transitions.push_back(transition(half, Transition::Kind::kZoneSetAside));
}

std::vector<Transition> Watch::subject_answered(Half& half, Slot slot, const Answer& answer) {
  std::vector<Transition> transitions;
  if (answer.kind == Answer::Kind::kFailed) {
    schedule(half, slot, jittered(FloatSeconds{settings_.confirm_after}));
    if (++half.failures >= kFailuresMax && half.state == ZoneState::kTrusted) {
      set_aside(half, "it does not answer: " + answer.why, transitions);
    }
    return transitions;
  }
  half.failures = 0;
  const auto judgement = judge(zone_of(half), answer.addresses);
  if (judgement.verdict == Verdict::kRefused) {
    schedule(half, slot, jittered(FloatSeconds{settings_.confirm_after}));
    if (half.state == ZoneState::kTrusted) {
      set_aside(half, fmt::format("it refuses our questions with {}", text_of(judgement.codes)), transitions);
    }
    return transitions;
  }
  // An answer that was under way when the zone was set aside is not listened to.
  if (half.state == ZoneState::kTrusted) look(half, slot, judgement, answer.ttl, transitions);
  return transitions;
}

void Watch::look(Half& half, Slot slot, const Judgement& judgement, seconds ttl, std::vector<Transition>& transitions) {
  const SteadyTime now = clock_.steady();
  const bool is_listed = judgement.verdict == Verdict::kListed;
  auto found = half.listings.find(slot);
  const bool is_believed = found != half.listings.end() && found->second.is_believed;
  if (is_listed == is_believed) {
    // As it was believed; a first look that said otherwise is taken back.
    if (is_believed) {
      found->second.deviated_at.reset();
      if (found->second.codes != judgement.codes) mark(half, slot);
      found->second.codes = judgement.codes;
    } else if (found != half.listings.end()) {
      half.listings.erase(found);
    }
    const seconds usual = std::clamp(ttl, settings_.interval, settings_.interval * 4);
    return schedule(half, slot, jittered(FloatSeconds{usual}));
  }
  if (found == half.listings.end()) {
    found = half.listings.emplace(slot, Listing{judgement.codes, clock_.now(), false, {}}).first;
  }
  Listing& listing = found->second;
  const bool is_second = listing.deviated_at.has_value();
  if (!is_second) listing.deviated_at = now;
  const bool is_tested = half.passed && *half.passed >= *listing.deviated_at;
  if (is_second && is_tested) {
    if (is_listed) listing.codes = judgement.codes;
    listing.is_believed = is_listed;
    listing.deviated_at.reset();
    transitions.push_back(transition(half, slot, is_listed ? Transition::Kind::kListed : Transition::Kind::kDelisted));
    mark(half, slot);
    if (!is_listed) half.listings.erase(found);
    return schedule(half, slot, jittered(FloatSeconds{settings_.interval}));
  }
  // The zone is tested between the looks.
  if (!is_tested && half.trial_open == 0) half.trial_due = std::min(half.trial_due, now);
  const seconds wait = std::clamp(ttl, settings_.confirm_after, std::max(kConfirmMost, settings_.confirm_after));
  schedule(half, slot, after(now, FloatSeconds{wait} * (1 + 0.1 * random_.uniform())));
}

}  // namespace bulkhead::listings
