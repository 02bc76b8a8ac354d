// A case: an outbreak, or a quarantine, under investigation. What was seen, what was done, until when, and by whom.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/reputation/decision.h"
#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"

namespace bulkhead::cases {

using CaseId = Id<struct CaseTag>;

// Something that was done about it.
struct Step {
  UtcTime at{};
  std::string by;    // "reputation", "operator …", "tenant …"
  std::string what;  // a sentence
};

// How much of one signal there was when the case was opened or became worse.
struct SignalReading {
  reputation::Signal signal = reputation::Signal::kMessages;
  double hour = 0;
  double day = 0;
};

struct Case {
  static constexpr std::size_t kStepsMax = 40;  // the oldest but the first go
  static constexpr std::size_t kTextMax = 1000;
  static constexpr std::size_t kClientsMax = 50;  // what comes after them is in the trace

  // The values are stored.
  enum class Status : std::uint8_t {
    kOpen = 1,
    kClosed,    // somebody has seen to it; the state goes on to its end
    kReleased,  // somebody has undone it
    kExpired,   // its time was over
    kReported,  // nothing was done: a rule in shadow, or an exemption
  };

  CaseId id;
  reputation::Key key;
  std::string name;  // of the key, for people: "info@acme.example"
  TenantId tenant;   // whose it is; nil when it concerns the whole node
  Status status = Status::kOpen;
  reputation::State state = reputation::State::kNormal;  // that the key is in because of it
  std::string rule;
  std::string words;                 // why
  std::string client;                // the address that the last event came from, "" when there was none
  std::vector<std::string> clients;  // all the addresses that its mail was handed in from, as far as they are known
  UtcTime opened_at{};
  UtcTime until{};                             // when the state ends by itself
  UtcTime closed_at{};                         // or released, or expired
  std::optional<reputation::Measure> measure;  // of the rule; nothing when a person or the time has decided
  std::vector<SignalReading> signals;          // those that were counted at all
  std::vector<reputation::Sample> samples;
  std::vector<Step> steps;

  bool is_open() const { return status == Status::kOpen; }
  // Still has the key in its state.
  bool is_acting() const { return status == Status::kOpen || status == Status::kClosed; }
  void add_step(Step step);
  void add_client(std::string address);

  // Versioned. The id comes from the key it is stored under.
  std::string encode() const;
  static Result<Case> decode(const CaseId& id, std::string_view bytes);  // kCorrupt
};

std::string_view to_string(Case::Status status);  // "open", "closed", "released", "expired", "reported"

}  // namespace bulkhead::cases
