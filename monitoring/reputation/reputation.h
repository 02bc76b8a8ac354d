// The closed loop's mind: events in, decisions out.
//
// Whoever sends is counted by account, tenant, sender's domain, source address, address × site, and client; rules
// (policy.h) turn the counts into states: normal → watched → throttled → quarantined → restored → normal. Down is at
// once, up is by time. The account comes before the address: what an account that is throttled or worse still causes
// counts neither for its tenant nor for the address, and an address is counted against only by replies that blame it.
// The other way round, an address that is known to be refused is not held against the accounts that use it.
//
// No I/O, no clock but the given one. Not thread-safe: it lives on one thread; shards hand their events over in
// batches, and keep states (from decisions) where submissions look them up. Any number of events may come within one
// instant.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "monitoring/replies/rule_set.h"
#include "monitoring/reputation/decision.h"
#include "monitoring/reputation/key.h"
#include "monitoring/reputation/policy.h"
#include "monitoring/reputation/record.h"
#include "monitoring/reputation/record_table.h"
#include "monitoring/reputation/seen_lately.h"
#include "monitoring/reputation/sign_in_names.h"
#include "src/base/clock.h"
#include "src/base/result.h"

namespace bulkhead::reputation {

// Who is behind an event. Nil, empty and unspecified (0.0.0.0) parts are not counted.
struct Subject {
  TenantId tenant = {};
  AccountId account = {};        // nil for mail that came in from outside
  std::string_view name = {};    // of the account, for people
  std::string_view plan = {};    // of the account: "", "bulk", …
  std::string_view domain = {};  // of the sender's address
  IpAddress client = {};
};

// A message that was accepted.
struct Submission {
  Subject subject;
  std::span<const std::uint64_t> recipients;  // distinct_hash() of each address
  std::string_view message = {};              // its id, for the evidence
};

// What became of recipients of one transaction.
struct DeliveryReport {
  enum class Result : std::uint8_t { kDelivered, kDeferred, kRefused };

  Subject subject;
  IpAddress source;
  std::string_view site;
  Result result = Result::kDelivered;
  std::uint32_t recipients = 1;
  const replies::Classification* meaning = nullptr;  // of the reply; nullptr when there was none, or it was positive
  std::string_view reply;                            // its text, for the evidence
  // Its id. A message that is refused for the same reason again says nothing new; one without an id always does.
  std::string_view message = {};
};

// A recipient's report that a message was unwanted.
struct Complaint {
  Subject subject;
  IpAddress source = {};  // that the message left from
  // Whoever may have written it, in a form in which one person is one. None of them has been counted against the
  // account within the day, or this one does not count. Empty: nobody knows, it counts.
  std::span<const std::string> people = {};
  std::string_view what;
};

struct SignIn {
  Subject subject;        // without account when the name is unknown; with it also when the password was wrong
  std::string_view name;  // as it was given
  bool is_successful = false;
  bool is_new_network = false;  // not used by the account before, as far as the caller knows
};

// How a key stands.
struct Standing {
  Key key;
  State state = State::kNormal;
  UtcTime since{};
  UtcTime until{};
  Exemption exemption = {};
  int strikes = 0;
  std::array<double, kSignals> last_hour{};
  std::array<double, kSignals> last_day{};
  double daily = 0;  // what is usual in a day, in recipients
  double busiest_day = 0;
  double busiest_minute = 0;
  double distinct_today = 0;
  std::vector<Sample> samples = {};
  std::vector<StateChange> changes = {};
  std::string words = {};  // one paragraph for a person
};

struct ReputationLimits {
  std::array<std::size_t, kKeyKinds> keys_max{200'000, 50'000, 100'000, 20'000, 100'000, 100'000, 50'000};
};

// A record to be stored, or to be removed when `value` is empty.
struct StoredRecord {
  std::string key;
  std::string value;
};

// A place in a list of keys, the worst first.
struct Rank {
  State state = State::kQuarantined;
  Key key;
  bool is_before(const Rank& other) const { return state != other.state ? state > other.state : key < other.key; }
};

class Reputation {
 public:
  Reputation(const Clock& clock, std::shared_ptr<const PolicyBook> policies, ReputationLimits limits = {});

  // --- Events. Each returns what was decided on account of it, usually nothing.
  Decisions submitted(const Submission& submission);
  Decisions reported(const DeliveryReport& report);
  // A recipient refused at RCPT because it does not exist here.
  Decisions unknown_recipient(const Subject& subject, std::string_view recipient);
  Decisions complained(const Complaint& complaint);
  Decisions called_spam(const Subject& subject, std::string_view why);
  Decisions signed_in(const SignIn& sign_in);
  Decisions listed(const IpAddress& source, std::string_view zone);
  Decisions domain_listed(std::string_view domain, std::string_view zone);
  // States whose time is over. Call it about once a second; does at most `most` at a time.
  Decisions tick(std::size_t most = 1000);

  // --- People. `reason` goes into the decision's words.
  // Puts a key into a state at once: kRestored to release it (its counts are forgotten), kQuarantined to stop it.
  // kNormal ends any state. kInvalid for a time that is over or more than a year away.
  Result<Decision> set_state(const Key& key, State state, UtcTime until, std::string_view reason);
  // Until then rules only report about the key. At most a year; a time that is over ends an exemption.
  Status exempt(const Key& key, UtcTime until, std::string_view reason, std::string_view by);
  // Live; counts and states stay.
  void replace(std::shared_ptr<const PolicyBook> policies) { policies_ = std::move(policies); }

  // --- Questions.
  State state_of(const Key& key) const;
  Standing standing(const Key& key) const;
  // The keys of a kind in `least` or a worse state, the worst first; with `after` those that stand behind it.
  std::vector<Standing> list(KeyKind kind, State least, std::size_t most,
                             const std::optional<Rank>& after = std::nullopt) const;
  std::size_t size(KeyKind kind) const { return tables_[static_cast<std::size_t>(kind)].size(); }
  // Time as this class sees it: UTC at its making, from then on steady, so that steps of the wall clock neither end a
  // quarantine nor empty a window.
  UtcTime now() const;

  // --- Durability. What changed since it was last taken, at most `most`; store each under its key, remove those
  // without value, then call again until there is none.
  std::vector<StoredRecord> take_changes(std::size_t most);
  // One stored record, at the start. kCorrupt leaves everything as it was.
  Status restore(std::string_view key, std::string_view value);

 private:
  // What the steps of one event share.
  struct Context {
    const Subject& subject;
    UtcTime now;
    Decisions decisions;
  };
  // An event to be counted for one key.
  struct Count {
    Signal signal = Signal::kMessages;
    std::uint32_t amount = 1;
    std::string_view sample;  // empty: none is kept
  };

  Record& at(const Key& key);
  Record& place_of(const Key& key);
  Record* find(const Key& key);
  const Record* find(const Key& key) const;
  RecordTable& table(KeyKind kind) { return tables_[static_cast<std::size_t>(kind)]; }
  void mark(const Key& key);
  void count(Context& context, const Key& key, Count what);
  void judge(Context& context, const Key& key, Record& record, Signal signal);
  bool fires(const Rule& rule, const Record& record, Evidence& evidence) const;
  bool has_share(const Rule& rule, const Record& record, Evidence& evidence) const;
  void decide(Context& context, const Key& key, Record& record, const Rule& rule, Evidence evidence);
  void enter(Record& record, const Decision& decision);
  void hold(const Key& key, Record& record, UtcTime until);
  void account_turned_bad(Context& context, const Rule& rule);
  void take_blame_back(const Key& account);
  void count_outcome(Context& context, const DeliveryReport& report);
  void count_refusal(Context& context, const DeliveryReport& report);
  void count_class(Context& context, const DeliveryReport& report);
  void count_bounce(Context& context, const DeliveryReport& report);
  void count_for_sender(Context& context, Count what);
  void count_failed_sign_in(Context& context, const SignIn& sign_in);
  void count_for_address(Context& context, const DeliveryReport& report, Count what);
  void count_reputation(Context& context, const DeliveryReport& report);
  bool is_bad(const Key& key) const;
  bool is_known_refused(const DeliveryReport& report) const;
  bool is_storm(const DeliveryReport& report) const;
  bool is_in_bad_odour(const DeliveryReport& report) const;
  bool sends_as_usual(const Record& account) const;
  bool is_news(const DeliveryReport& report);
  void see_storm(const DeliveryReport& report);
  Decision expire(const Key& key, Record& record);
  const Policy& policy_of(const Context& context, KeyKind kind) const {
    return policies_->of(kind, context.subject.tenant, context.subject.plan);
  }

  const Clock& clock_;
  UtcTime utc_at_start_;
  SteadyTime steady_at_start_;
  std::shared_ptr<const PolicyBook> policies_;
  std::vector<RecordTable> tables_;  // by kind
  // Whom an account that turned bad was counted against.
  struct Blame {
    UtcTime at{};
    bool is_counted = false;
    TenantId tenant = {};
    IpAddress client = {};
  };
  std::vector<RecordTable::Evicted> forgotten_;                // whose states end with them
  SeenLately refused_;                                         // messages, by site and class
  SeenLately complained_;                                      // people, by account
  Generations<Blame> blamed_{50'000, std::chrono::hours{24}};  // by account
  SignInNames names_;
  std::multimap<UtcTime, Key> due_;                 // when states end; an entry whose record says another time is void
  std::unordered_map<Key, bool, KeyHash> changed_;  // keys to store; true: gone from memory
};

}  // namespace bulkhead::reputation
