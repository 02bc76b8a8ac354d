// What a refusing reply of a remote server can mean: its class, whose fault it is, and what to do about it.
//
// Pure values and their names; the names are those of the rules' file, of metrics' labels and of the trace.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::replies {

enum class ReplyClass : std::uint8_t {
  kUnknown,            // no rule knows the reply
  kAddressReputation,  // "rep-ip": our address is listed, blocked, or of bad repute
  kDomainReputation,   // "rep-dom": the same of a sender's domain, a DKIM domain or a URL
  kRate,               // "rate": slow down
  kConnections,        // "conn": too many connections at once
  kAuthentication,     // "authn": SPF, DKIM, DMARC, PTR, HELO or TLS
  kContent,            // "content": this message
  kPolicy,             // "policy": a rule of the recipient's own
  kRecipient,          // "rcpt": this recipient: unknown, full, disabled
  kGreylisting,        // "grey": come back later
  kTransient,          // "temp": trouble on their side
  kReceiver,           // "receiver": the receiver is misconfigured, and what it says of us is not so
};
inline constexpr int kReplyClasses = 12;

// Several classes at once, as one reply may be about rate and reputation.
class ClassSet {
 public:
  constexpr ClassSet() = default;
  constexpr ClassSet(std::initializer_list<ReplyClass> classes) {
    for (const ReplyClass c : classes) add(c);
  }
  constexpr void add(ReplyClass c) { bits_ = static_cast<std::uint16_t>(bits_ | 1U << static_cast<unsigned>(c)); }
  constexpr bool has(ReplyClass c) const { return (bits_ >> static_cast<unsigned>(c) & 1U) != 0; }
  constexpr bool is_empty() const { return bits_ == 0; }
  constexpr bool operator==(const ClassSet&) const = default;

 private:
  std::uint16_t bits_ = 0;
};

// Whose fault the refusal is. Only the first two may cause action on a whole address or domain; every one of them but
// kReceiver counts for the account that sent the message.
enum class Fault : std::uint8_t { kAddress, kDomain, kMessage, kRecipient, kReceiver };

// What becomes of the recipient, as the basic code lies at times.
enum class Disposition : std::uint8_t {
  kAsCode,  // 4yz is tried again, 5yz fails
  kDefer,   // tried again although the code says failure
  kFail,    // fails although the code says try again
};

// What the lane (source address × site) does next.
enum class Pace : std::uint8_t {
  kUnchanged,
  kReconnect,         // this connection has had its share; a new one may go on at once
  kFewerConnections,  // fewer at the same time
  kSlowDown,          // fewer messages per time
  kPause,             // none for a while, then a probe
};

// Lower-case names; the parsing side gives nothing for any other text.
std::string_view to_string(ReplyClass value);
std::string_view to_string(Fault value);
std::string_view to_string(Disposition value);
std::string_view to_string(Pace value);
std::optional<ReplyClass> parse_reply_class(std::string_view text);
std::optional<Fault> parse_fault(std::string_view text);
std::optional<Disposition> parse_disposition(std::string_view text);
std::optional<Pace> parse_pace(std::string_view text);

// Whose fault a class is, and what the lane does, where a rule does not say otherwise.
Fault default_fault(ReplyClass value);
Pace default_pace(ReplyClass value);

// "rate rep-ip": the names of the set, in the order of the enumeration.
std::string to_string(ClassSet classes);

}  // namespace bulkhead::replies
