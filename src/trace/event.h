// One line of the trace: something that happened to a message, a person's session, or the configuration.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/ip_address.h"
#include "src/store/kv.h"

namespace bulkhead::trace {

enum class EventKind : std::uint8_t {
  kReceived = 1,
  kRejected,
  kScanned,
  kQueued,
  kDeferred,
  kDelivered,
  kBounced,
  kExpired,
  kHeld,
  kReleased,
  kPurged,
  kStored = 20,
  kFetched,
  kFlagged,
  kMoved,
  kCopied,
  kDeleted,
  kExpunged,
  kAppended,
  kLogin = 40,
  kLoginFailed,
  kLogout,
  kPasswordChanged,
  kThrottled = 60,
  kQuarantined,
  kRestored,
  kListed,
  kDelisted,
  kReady,            // an address or a domain is fit to send, as others see it
  kUnready,          // it is not
  kWatched,          // an account, a tenant, … stands out; nothing is done
  kComplained = 70,  // a recipient called the message unwanted
  kReturned,         // a report came later that it was not delivered
  kChanged = 80,
};
std::string_view to_string(EventKind kind);  // "received", "login_failed", …
std::optional<EventKind> parse_event_kind(std::string_view name);

// Those fields that apply; the others stay empty. Encoded compactly: an empty field costs nothing.
struct Event {
  UtcTime at;
  EventKind kind = EventKind::kReceived;
  MessageId id;  // nil when the event is not about a message
  TenantId tenant;
  std::optional<AccountId> account;
  std::string account_name;  // user@domain at the time
  std::optional<IpAddress> client_ip;
  std::optional<SocketAddress> arrival;
  std::optional<IpAddress> source;
  std::string remote;    // host[ip]:port of the other side of a delivery
  std::string site;      // of a delivery to elsewhere: the remote's name in the queue
  std::string protocol;  // smtp submission submissions lmtp imap api …
  std::string sender;
  std::vector<std::string> recipients;
  std::string message_id;  // header field Message-ID
  std::string subject;
  std::uint64_t size = 0;
  std::string folder;
  std::uint32_t uid = 0;
  std::string rule;
  std::string verdict;
  std::string reply;   // of us (rejected) or of the remote, as on the wire, escaped
  std::string tls;     // "TLSv1.3 TLS_AES_256_GCM_SHA384", with " verified" when so
  std::string user;    // who changed it
  std::string detail;  // changed: what, from, to; deferred: why

  bool operator==(const Event&) const = default;
};

}  // namespace bulkhead::trace
