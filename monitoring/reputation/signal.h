// What is counted for a key, and over which times.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "src/base/clock.h"

namespace bulkhead::reputation {

// The values are stored: append only.
enum class Signal : std::uint8_t {
  kMessages,                // accepted from the sender
  kRecipients,              // of these messages
  kDelivered,               // recipients that a remote or a mailbox took
  kDeferred,                // recipients to be tried again
  kBounces,                 // recipients refused for good, for a reason that the sender could have avoided
  kUnknownRecipients,       // addresses that do not exist, refused here or there
  kReputationRefusals,      // messages that were refused because of our address ("rep-ip")
  kDomainRefusals,          // the same, because of a domain ("rep-dom")
  kContentRefusals,         // the same, because of themselves
  kRateRefusals,            // "rate" and "conn"
  kComplaints,              // reports of recipients
  kSpamVerdicts,            // of our own filters on what was submitted
  kSignInFailures,          // by a client, or as an account
  kOddSignIns,              // from a network that the account has not used before
  kBadAccounts,             // accounts of this tenant or client that were throttled or worse
  kListings,                // DNS lists that began to list the address or domain
  kAuthenticationRefusals,  // "authn"
  kPolicyRefusals,          // "policy"
  kGreylistings,            // "grey"
  kOtherRefusals,           // trouble on their side, and replies that no rule knows
};
inline constexpr int kSignals = 20;

enum class Window : std::uint8_t { kMinute, kTenMinutes, kHour, kDay };
inline constexpr int kWindows = 4;
constexpr std::array<std::chrono::seconds, kWindows> kWindowLengths{
    std::chrono::seconds{60}, std::chrono::seconds{600}, std::chrono::seconds{3600}, std::chrono::seconds{86400}};

std::string_view to_string(Signal signal);  // "unknown-recipients", for metrics and rules
std::string_view in_words(Signal signal);   // "recipients that do not exist"
std::string_view in_words(Window window);   // "an hour"

// How much of one signal there was lately: 56 bytes, whatever the volume.
//
// Each window is kept twice. The decayed value loses a share of 1/e in each length of the window; a steady rate reads
// as what comes in one length, and all signals decay alike, so that shares of them are fair. The exact count runs for
// one length from its first event: a threshold of "25 within an hour" holds to the letter for a key that was quiet.
class SignalCount {
 public:
  // Time that goes backward counts as standing still.
  void add(UtcTime now, std::uint32_t amount);
  // Never below nothing; what has decayed since is taken for not decayed.
  void take_back(std::uint32_t amount);
  double decayed(Window window, UtcTime now) const;
  // The greater of both.
  double count(Window window, UtcTime now) const;

 private:
  friend class RecordCodec;

  UtcTime updated_{};
  std::array<float, kWindows> decayed_{};
  std::array<std::uint32_t, kWindows> exact_{};
  std::array<std::uint32_t, kWindows> began_{};  // Unix seconds
};

}  // namespace bulkhead::reputation
