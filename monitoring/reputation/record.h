// All that is remembered of one key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/reputation/distinct_count.h"
#include "monitoring/reputation/signal.h"
#include "src/base/result.h"

namespace bulkhead::reputation {

// The values are stored. "Restored" is after a throttle or quarantine: free to send, on probation.
enum class State : std::uint8_t { kNormal, kRestored, kWatched, kThrottled, kQuarantined };
std::string_view to_string(State state);

// What a key usually does in a day: of accounts and tenants, in recipients.
class History {
 public:
  // A day begins with its first message. A day that is tainted is not learned from: an outbreak must not become what is
  // usual.
  void add(UtcTime now, std::uint32_t amount, bool is_tainted);
  // Today is not what is usual.
  void taint() { is_tainted_ = true; }
  double daily() const { return static_cast<double>(daily_); }
  // Of the days before this one, fading 3 % a day: the busiest of them, and the busiest minute in any of them.
  double busiest() const { return static_cast<double>(busiest_); }
  double busiest_minute() const { return static_cast<double>(busiest_minute_); }
  int days() const { return days_; }

 private:
  friend class RecordCodec;
  void end_day(std::int64_t elapsed_days);
  void add_to_minute(std::int64_t second, std::uint32_t amount);

  std::int64_t day_began_ = 0;  // Unix seconds
  std::uint32_t today_ = 0;
  float daily_ = 0;
  float busiest_ = 0;
  std::uint16_t days_ = 0;
  bool is_tainted_ = false;
  std::int64_t minute_began_ = 0;    // Unix seconds; a minute begins with its first message
  std::uint32_t minute_ = 0;         // so far
  std::uint32_t todays_minute_ = 0;  // the busiest of today
  float busiest_minute_ = 0;
};

// One event that speaks against a key, for people: the latest few are kept.
struct Sample {
  UtcTime at{};
  Signal signal = Signal::kMessages;
  std::string text;  // reply, message id, client: printable, at most 200 octets

  bool operator==(const Sample&) const = default;
};

// How a key came into a state.
struct StateChange {
  UtcTime at{};
  State from = State::kNormal;
  State to = State::kNormal;
  std::string rule;  // at most Record::kRuleSizeMax octets

  bool operator==(const StateChange&) const = default;
};

// That rules only report about a key, until when, and who said so.
struct Exemption {
  UtcTime since{};
  UtcTime until{};  // not after `since`: one was ended then
  std::string reason = {};
  std::string by = {};

  bool holds(UtcTime now) const { return until > now; }
  bool was_ended() const { return until <= since; }
  bool operator==(const Exemption&) const = default;
};

struct Record {
  static constexpr std::size_t kSamplesMax = 6;
  static constexpr std::size_t kMessageSamplesMax = 2;  // of kRecipients: they must not push out what speaks
  static constexpr std::size_t kChangesMax = 8;
  static constexpr std::size_t kRuleSizeMax = 60;
  static constexpr std::size_t kGiverSizeMax = 100;
  static constexpr std::size_t kSampleSizeMax = 200;
  static constexpr std::size_t kReasonSizeMax = 200;

  State state = State::kNormal;
  UtcTime since{};            // of the state
  UtcTime until{};            // when the state ends by itself; meaningless in kNormal
  std::uint8_t strikes = 0;   // quarantines, one forgotten a month
  UtcTime struck{};           // the last of them
  UtcTime probation_until{};  // thresholds are halved until then, also while it is watched
  Exemption exemption;
  UtcTime quiet_until{};               // for decisions that are only reported, of:
  State quiet_state = State::kNormal;  // this or a milder state
  UtcTime touched{};
  History history;
  // Recipients of an account, names tried by a client, accounts of a tenant or site, sites that refuse an address,
  // accounts that a site refuses at an address.
  DistinctCount distinct;
  std::int64_t distinct_began = 0;  // Unix seconds; counted a day at a time
  std::vector<Sample> samples = {};
  std::vector<StateChange> changes = {};  // the latest few

  SignalCount& at(Signal signal);
  // As if so many had not been counted.
  void take_back(Signal signal, std::uint32_t amount);
  // Nothing was ever counted: nullptr.
  const SignalCount* find(Signal signal) const;
  double count(Signal signal, Window window, UtcTime now) const;
  double decayed(Signal signal, Window window, UtcTime now) const;
  void see_distinct(std::uint64_t hash, UtcTime now);
  void set_distinct(const std::vector<std::uint64_t>& hashes, UtcTime now);
  void add_sample(Sample sample);
  void add_change(StateChange change);
  // Forgets the counts, so that what was answered for is not held against the key again; history and strikes stay.
  void forgive();
  // What is lost with the record, for choosing which to keep: any state but kNormal weighs more than any counts.
  double interest(UtcTime now) const;

 private:
  friend class RecordCodec;
  struct Counted {
    Signal signal = Signal::kMessages;
    SignalCount count;
  };
  std::vector<Counted> counts_;  // only what was ever counted
};

// A record as it is stored: a version, then fields; 100 to 500 octets.
std::string encode(const Record& record);
// kCorrupt for anything that encode() did not make, of this version or an earlier one. Times later than `now`, left by
// a clock that was wrong, become `now`.
Result<Record> decode_record(std::string_view encoded, UtcTime now);

}  // namespace bulkhead::reputation
