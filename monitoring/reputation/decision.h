// What the rules decided about a key, with the evidence, in figures and in words.
#pragma once

#include <string>
#include <vector>

#include "monitoring/reputation/key.h"
#include "monitoring/reputation/policy.h"
#include "monitoring/reputation/record.h"

namespace bulkhead::reputation {

// What a rule saw.
struct Measure {
  Signal signal = Signal::kMessages;
  Window window = Window::kHour;
  double count = 0;
  double count_min = 0;
  double share = 0;  // of `whole`; meaningless when the rule asks for none
  double share_over = 0;
  double whole = 0;
  double busiest_day = 0;
  double busiest_minute = 0;
  Signal also = Signal::kMessages;
  double also_count = 0;  // within an hour; meaningless when the rule asks for none
  double distinct = 0;
};

struct Evidence : Measure {
  std::vector<Sample> samples = {};
};

struct Decision {
  enum class Mode : std::uint8_t {
    kActs,
    kShadow,  // the rule, or its policy, only reports
    kExempt,  // an exemption keeps the key from it
  };

  Key key;
  State from = State::kNormal;
  State to = State::kNormal;
  Mode mode = Mode::kActs;
  std::string rule;  // its name; "expiry" when the time was over, "person" when somebody said so
  UtcTime at{};
  UtcTime until{};  // when the new state ends by itself; meaningless for kNormal
  Evidence evidence = {};
  std::string words = {};  // why, and what it means, in two or three sentences

  bool is_acting() const { return mode == Mode::kActs; }
};

using Decisions = std::vector<Decision>;

// The words of a decision that a rule made.
std::string explain(const Decision& decision, const Rule& rule);
// What a state means for a kind of key: "Its mail is paced to a trickle".
std::string_view meaning_of(KeyKind kind, State state);

}  // namespace bulkhead::reputation
