// When each address and domain is looked at for its readiness, and which addresses may not send yet.
//
// An address is cleared by the first check that it passes, or by hand, and stays so: a check that fails later is
// reported, not acted on. Only what is not cleared is withheld, as the gate says (decision 0022). A verdict of
// "unready" is believed at the second look. Not thread-safe; steady time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "netpolicy/address_check.h"
#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/random.h"

namespace bulkhead::netpolicy {

struct ReadinessSubject {
  AddressId address;   // nil: a domain
  IpAddress ip;        // of an address
  std::string name;    // the HELO name, or the domain
  std::string detail;  // when this changes, it is looked at anew
  bool is_domain() const { return address.is_nil(); }
  std::string text() const { return is_domain() ? name : ip.text(); }
};

enum class ReadinessGate : std::uint8_t {
  kOff,      // nothing is checked
  kWarn,     // what is not ready is told
  kNew,      // and an address that is public and new sends nothing before it was ready once, unless nobody can say
  kRequire,  // and no address sends anything before it was ready once
};

enum class Clearance : std::uint8_t {
  kNone,
  kPassed,  // it was ready once; of a domain, too
  kByHand,
  kEarlier,  // it was here while nothing was withheld: not new, and never seen ready
};
std::string_view to_string(Clearance clearance);  // "no", "passed", "by hand", "earlier"

struct ReadinessView {
  Readiness readiness;
  Clearance clearance = Clearance::kNone;
  bool is_withheld = false;
  std::optional<UtcTime> checked_at;
};

struct ReadinessChange {
  ReadinessSubject subject;
  Readiness readiness;  // kUnknown: nobody could say for long, and what was withheld is let go
  Readiness::State before = Readiness::State::kUnknown;
  bool was_ready = false;     // ever
  bool was_withheld = false;  // until now
};

struct ReadinessCounts {
  std::size_t ready = 0, unready = 0, unknown = 0;
};

class ReadinessWatch {
 public:
  ReadinessWatch(const Clock& clock, Random& random) : clock_(clock), random_(random) {}

  void set_intervals(std::chrono::seconds interval, std::chrono::seconds retry);
  // `patience`: how long kNew withholds an address that no check can judge.
  void set_gate(ReadinessGate gate, std::chrono::seconds patience);
  void set_subjects(const std::vector<ReadinessSubject>& subjects);  // live

  std::optional<ReadinessSubject> next();  // to be looked at now; marked as under way
  SteadyTime next_time() const;
  std::optional<ReadinessChange> answered(const ReadinessSubject& subject, const Readiness& readiness);

  // Lets an address send, or (false) wants it checked anew before it sends. False when there is no such address.
  bool clear(const IpAddress& ip, bool is_cleared);
  // From now on every address that is here is one that was here earlier.
  void know_all();
  // The addresses that may not send, each with why: the end of a sentence.
  std::map<IpAddress, std::string> withheld() const;
  // What is withheld no longer because no check could judge it; each is told once.
  std::vector<ReadinessChange> take_unjudged();

  std::optional<ReadinessView> of_address(const IpAddress& ip) const;
  std::optional<ReadinessView> of_domain(const std::string& name) const;
  ReadinessCounts addresses() const { return counts('a'); }
  ReadinessCounts domains() const { return counts('d'); }

  // Rows that changed, an empty value to be removed; restore() takes one, after the subjects were set. False: nobody's.
  struct Row {
    std::string key, value;
  };
  std::vector<Row> take_changes();
  bool restore(std::string_view key, std::string_view value);

 private:
  struct Entry {
    ReadinessSubject subject;
    ReadinessView view;
    SteadyTime due{};
    SteadyTime judged_at{};  // the last answer, or when it came
    bool is_told_unjudged = false;
    int unready_looks = 0;
    bool is_waiting() const { return view.clearance == Clearance::kNone && !subject.is_domain(); }
  };
  using Entries = std::map<std::string, Entry>;

  static std::string key_of(const ReadinessSubject& subject);
  void schedule(const std::string& key, Entry& entry, std::chrono::duration<double> delay);
  ReadinessCounts counts(char kind) const;
  bool has_waited_long(const Entry& entry) const { return clock_.steady() - entry.judged_at > patience_; }
  bool is_withheld(const Entry& entry) const;
  void pass(const std::string& key, Entry& entry);
  bool holds() const { return gate_ == ReadinessGate::kNew || gate_ == ReadinessGate::kRequire; }
  const Entry* find(const IpAddress& ip) const;

  const Clock& clock_;
  Random& random_;
  std::chrono::seconds interval_{3600}, retry_{120}, patience_{3600};
  ReadinessGate gate_ = ReadinessGate::kWarn;
  Entries entries_;
  std::map<IpAddress, std::string> keys_;  // of addresses
  std::set<std::pair<SteadyTime, std::string>> due_;
  std::set<std::string> changed_;
};

}  // namespace bulkhead::netpolicy
