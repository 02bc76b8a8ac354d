#include "monitoring/replies/reply_class.h"

#include <array>

namespace bulkhead::replies {

namespace {

constexpr std::array<std::string_view, kReplyClasses> kClassNames{
    "unknown", "rep-ip", "rep-dom", "rate", "conn", "authn", "content", "policy", "rcpt", "grey", "temp", "receiver"};
constexpr std::array<std::string_view, 5> kFaultNames{"address", "domain", "message", "recipient", "receiver"};
constexpr std::array<std::string_view, 3> kDispositionNames{"as-code", "defer", "fail"};
constexpr std::array<std::string_view, 5> kPaceNames{"unchanged", "reconnect", "fewer-connections", "slow-down",
                                                     "pause"};

template <class Value, std::size_t N>
std::optional<Value> find_name(const std::array<std::string_view, N>& names, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (names[i] == text) return static_cast<Value>(i);
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(ReplyClass value) {
  return kClassNames[static_cast<std::size_t>(value)];
}
std::string_view to_string(Fault value) {
  return kFaultNames[static_cast<std::size_t>(value)];
}
std::string_view to_string(Disposition value) {
  return kDispositionNames[static_cast<std::size_t>(value)];
}
std::string_view to_string(Pace value) {
  return kPaceNames[static_cast<std::size_t>(value)];
}

std::optional<ReplyClass> parse_reply_class(std::string_view text) {
  return find_name<ReplyClass>(kClassNames, text);
}
std::optional<Fault> parse_fault(std::string_view text) {
  return find_name<Fault>(kFaultNames, text);
}
std::optional<Disposition> parse_disposition(std::string_view text) {
  return find_name<Disposition>(kDispositionNames, text);
}
std::optional<Pace> parse_pace(std::string_view text) {
  return find_name<Pace>(kPaceNames, text);
}

Fault default_fault(ReplyClass value) {
  switch (value) {
    case ReplyClass::kAddressReputation:
    case ReplyClass::kRate:
    case ReplyClass::kConnections:
      return Fault::kAddress;
    case ReplyClass::kDomainReputation:
    case ReplyClass::kAuthentication:
      return Fault::kDomain;
    case ReplyClass::kContent:
    case ReplyClass::kUnknown:
      return Fault::kMessage;
    case ReplyClass::kPolicy:
    case ReplyClass::kRecipient:
      return Fault::kRecipient;
    case ReplyClass::kGreylisting:
    case ReplyClass::kTransient:
    case ReplyClass::kReceiver:
      return Fault::kReceiver;
  }
  return Fault::kMessage;
}

Pace default_pace(ReplyClass value) {
  switch (value) {
    case ReplyClass::kAddressReputation:
      return Pace::kPause;
    case ReplyClass::kRate:
      return Pace::kSlowDown;
    case ReplyClass::kConnections:
      return Pace::kFewerConnections;
    default:
      return Pace::kUnchanged;
  }
}

std::string to_string(ClassSet classes) {
  std::string out;
  for (std::size_t i = 0; i < kClassNames.size(); ++i) {
    if (!classes.has(static_cast<ReplyClass>(i))) continue;
    if (!out.empty()) out += ' ';
    out += kClassNames[i];
  }
  return out;
}

}  // namespace bulkhead::replies
