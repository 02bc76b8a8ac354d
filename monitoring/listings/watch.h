// Which list to ask about whom, and when; what the answers amount to. Decides only: who uses it sends the questions.
//
// Every subject is asked for in every zone that applies, at intervals with jitter, each zone at its own rate at most.
// A listing is believed when a second look, minutes later, says the same, and so is its end. A zone is believed only
// while it passes the test of RFC 5782 §5: it is tested before its first question, at intervals, and again between a
// first and a second look, so that a zone which begins to answer for everything (or nothing) is set aside before
// anything it says is believed. What was believed stays until a sound zone says otherwise.
//
// Memory: about 80 bytes for each pair of subject and zone. Not thread-safe. Steady time throughout, but for what is
// shown and stored.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "monitoring/listings/zone.h"
#include "src/base/clock.h"
#include "src/base/random.h"

namespace bulkhead::listings {

struct WatchSettings {
  std::vector<Zone> zones;
  std::chrono::seconds interval = std::chrono::hours{1};  // between two looks; a longer TTL makes it up to 4 times
  std::chrono::seconds confirm_after = std::chrono::minutes{2};  // to the second look; a longer TTL up to 15 minutes
};

// To be asked for as an A record.
struct Question {
  std::uint32_t branch = 0;  // an id, of no meaning outside
  enum class Kind : std::uint8_t { kSubject, kListedTest, kClearTest } kind = Kind::kSubject;
  Subject subject;  // of kSubject
  std::string name;
};

struct Answer {
  enum class Kind : std::uint8_t { kRecords, kNone, kFailed } kind = Kind::kFailed;
  std::vector<IpAddress> addresses = {};
  std::chrono::seconds ttl{0};
  std::string why = {};  // of kFailed
};

// Something has changed.
struct Transition {
  enum class Kind : std::uint8_t {
    kListed,
    kDelisted,
    kForgotten,  // it was listed, and the zone or the subject is not watched any more
    kZoneSetAside,
    kZoneTrusted,  // again, or for the first time
  } kind = Kind::kListed;
  std::string zone;
  Branch branch = Branch::kIpv4;
  Subject subject;
  std::vector<IpAddress> codes;
  double weight = 1;
  UtcTime since{};  // of a listing: when it was first seen
  std::string why;  // of a zone; of a listing: who says so, when it was not the list itself
};

struct ListingView {
  Subject subject;
  std::string zone;
  std::vector<IpAddress> codes;
  double weight = 1;
  UtcTime since{};
};

enum class ZoneState : std::uint8_t { kUntried, kTrusted, kSetAside };
std::string_view to_string(ZoneState state);  // "untried", "trusted", "set aside"

struct ZoneView {
  std::string zone;
  Branch branch = Branch::kIpv4;
  ZoneState state = ZoneState::kUntried;
  std::string why;  // set aside: as a sentence
  UtcTime since{};
  std::size_t watched = 0, listed = 0;
};

// What stands in the store: a listing, or none any more when `value` is empty.
struct StoredListing {
  std::string key, value;
};

class Watch {
 public:
  Watch(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  // Live: zones that stay the same keep what is known of them.
  std::vector<Transition> set_settings(WatchSettings settings);
  // Live: who stays keeps its times; who is new is looked at soon.
  std::vector<Transition> set_subjects(std::vector<Subject> subjects);

  // The next question that may be sent now, marked as under way; nothing: look again at next_time().
  std::optional<Question> next();
  SteadyTime next_time() const;
  // Each question gets one answer. Unknown ones (of what was dropped meanwhile) are passed over.
  std::vector<Transition> answered(const Question& question, const Answer& answer);

  // Out of turn: a question about the subject for each zone that is trusted and is not being asked already.
  std::vector<Question> questions_now(const Subject& subject);
  // The name of the question's zone, and what an answer says by itself; nothing when it was dropped.
  struct Reading {
    std::string zone;
    Judgement judgement;
  };
  std::optional<Reading> read(const Question& question, const Answer& answer) const;

  bool is_watched(const Subject& subject) const { return slots_.contains(subject); }
  std::vector<ListingView> listings() const;
  std::vector<ListingView> listings_of(const Subject& subject) const;
  std::vector<ZoneView> zones() const;
  bool has_untried_zone() const;

  // What changed since it was last taken. restore() takes one row, after settings and subjects were set; false: it
  // belongs to nothing that is watched, or is no row of ours, and may be removed.
  std::vector<StoredListing> take_changes();
  bool restore(std::string_view key, std::string_view value);

 private:
  using Slot = std::uint32_t;
  struct Pair {
    SteadyTime due = SteadyTime::max();
    bool is_watched = false, is_asking = false;
  };
  // A listing that is believed, or an answer that waits for its second look.
  struct Listing {
    std::vector<IpAddress> codes;
    UtcTime since{};
    bool is_believed = false;
    std::optional<SteadyTime> deviated_at;  // the first look that says otherwise than what is believed
  };
  struct Half {  // a zone's branch: families are tested and trusted apart
    std::uint32_t id = 0;
    std::size_t zone = 0;  // of settings_.zones
    Branch branch = Branch::kIpv4;
    ZoneState state = ZoneState::kUntried;
    std::string why;
    UtcTime since{};
    // The test: what is to be asked, under way, answered.
    SteadyTime trial_due{}, trial_began{};
    std::optional<SteadyTime> passed;  // when the last test that was passed began
    bool must_ask_listed = false, must_ask_clear = false;
    int trial_open = 0;  // answers still to come
    std::string trial_fault;
    std::chrono::seconds retry{0};
    int failures = 0;  // in a row

    std::vector<Pair> pairs;  // by slot
    std::set<std::pair<SteadyTime, Slot>> due;
    std::map<Slot, Listing> listings;
    std::size_t watched = 0;
  };

  const Zone& zone_of(const Half& half) const { return settings_.zones[half.zone]; }
  bool applies(const Half& half, const Subject& subject) const;
  Half* find(std::uint32_t id);
  const Half* find(std::uint32_t id) const;
  void add_halves(std::vector<Half> kept);
  void watch(Half& half, Slot slot, std::chrono::duration<double> within);
  void unwatch(Half& half, Slot slot, std::vector<Transition>& transitions);
  std::chrono::duration<double> spread(const Half& half, std::size_t subjects) const;
  void schedule(Half& half, Slot slot, SteadyTime at);
  SteadyTime jittered(std::chrono::duration<double> delay);
  bool may_send(const Half& half, SteadyTime now) const;
  void sent(const Half& half, SteadyTime now);
  std::optional<Question> next_of(Half& half, SteadyTime now);
  std::optional<Question> next_test(Half& half, SteadyTime now);
  std::vector<Transition> test_answered(Half& half, const Question& question, const Answer& answer);
  std::vector<Transition> conclude_test(Half& half);
  void set_aside(Half& half, std::string why, std::vector<Transition>& transitions);
  std::vector<Transition> subject_answered(Half& half, Slot slot, const Answer& answer);
  void look(Half& half, Slot slot, const Judgement& judgement, std::chrono::seconds ttl,
            std::vector<Transition>& transitions);
  Transition transition(const Half& half, Transition::Kind kind) const;
  Transition transition(const Half& half, Slot slot, Transition::Kind kind) const;
  ListingView view(const Half& half, Slot slot, const Listing& listing) const;
  void mark(const Half& half, Slot slot) { changed_.insert(row_key(half, slot)); }
  std::string row_key(const Half& half, Slot slot) const;

  const Clock& clock_;
  Random& random_;
  WatchSettings settings_;
  std::map<Subject, Slot> slots_;
  std::vector<Subject> subjects_;  // by slot
  std::vector<Slot> free_slots_;
  std::vector<Half> halves_;
  std::vector<SteadyTime> pace_;  // by zone: when it may be asked again
  std::set<std::string> changed_;
  std::uint32_t last_id_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace bulkhead::listings
