#include "src/trace/event.h"

#include <array>
#include <utility>

#include "src/trace/event_names.h"

namespace bulkhead::trace {

namespace {

using enum EventKind;

constexpr std::array<std::pair<EventKind, std::string_view>, 34> kNames{{
    {kReceived, "received"},
    {kRejected, "rejected"},
    {kScanned, "scanned"},
    {kQueued, "queued"},
    {kDeferred, "deferred"},
    {kDelivered, "delivered"},
    {kBounced, "bounced"},
    {kExpired, "expired"},
    {kHeld, "held"},
    {kReleased, "released"},
    {kPurged, "purged"},
    {kStored, "stored"},
    {kFetched, "fetched"},
    {kFlagged, "flagged"},
    {kMoved, "moved"},
    {kCopied, "copied"},
    {kDeleted, "deleted"},
    {kExpunged, "expunged"},
    {kAppended, "appended"},
    {kLogin, "login"},
    {kLoginFailed, "login_failed"},
    {kLogout, "logout"},
    {kPasswordChanged, "password_changed"},
    {kThrottled, "throttled"},
    {kQuarantined, "quarantined"},
    {kRestored, "restored"},
    {kListed, "listed"},
    {kDelisted, "delisted"},
    {kReady, "ready"},
    {kUnready, "unready"},
    {kWatched, "watched"},
    {kComplained, "complained"},
    {kReturned, "returned"},
    {kChanged, "changed"},
}};

}  // namespace

std::string_view to_string(EventKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "unknown";
}

std::vector<std::string_view> event_names() {
  std::vector<std::string_view> names;
  for (const auto& [kind, name] : kNames) names.push_back(name);
  return names;
}

std::optional<EventKind> parse_event_kind(std::string_view name) {
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
  }
  return std::nullopt;
}

}  // namespace bulkhead::trace
