// Counts the sessions of the server, by protocol and by client, and refuses what is too many.
//
// Thread-safe; shared by all shards.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "src/base/ip_address.h"
#include "src/base/result.h"
#include "src/smtpd/settings.h"

namespace bulkhead::smtpd {

enum class ListenerKind : std::uint8_t { kSmtp, kSubmission, kSubmissions };
inline constexpr std::size_t kListenerKinds = 3;
std::string_view to_string(ListenerKind kind);  // "smtp", "submission", "submissions"

enum class TlsUse : std::uint8_t { kNone, kTls12, kTls13 };
inline constexpr std::size_t kTlsUses = 3;
std::string_view to_string(TlsUse use);  // "none", "TLSv1.2", "TLSv1.3"

// What happened since the start; for metrics.
struct Counters {
  using Count = std::atomic<std::uint64_t>;
  // `tls` is what the session agreed upon, "TLSv1.3 …", or "".
  void ended(ListenerKind kind, std::string_view tls);
  void handshake(ListenerKind kind, const Status& status) {
    ++(status ? handshakes_done : handshakes_failed)[static_cast<std::size_t>(kind)];
  }
  void replied(int code) { ++replies[static_cast<std::size_t>(code / 100) % replies.size()]; }

  std::array<std::array<Count, kTlsUses>, kListenerKinds> sessions_ended{};
  std::array<Count, kListenerKinds> handshakes_done{}, handshakes_failed{};
  std::array<Count, 6> replies{};  // by the first digit of their code
  Count refused_server_full{0}, refused_client_full{0};
  std::atomic<std::uint64_t> sessions{0};
  std::atomic<std::uint64_t> sessions_refused{0};
  std::atomic<std::uint64_t> messages_accepted{0};
  std::atomic<std::uint64_t> messages_refused{0};  // at MAIL, RCPT or DATA
  std::atomic<std::uint64_t> sign_ins{0};
  std::atomic<std::uint64_t> sign_ins_failed{0};
  std::atomic<std::uint64_t> framing_attacks{0};
};

class Census {
 public:
  explicit Census(const Settings& settings) : settings_(settings) {}
  void change_settings(const Settings& settings);

  enum class Admission : std::uint8_t { kAdmitted, kServerFull, kClientFull };
  // An admitted session calls leave() once.
  Admission enter(const IpAddress& client, ListenerKind kind);
  void leave(const IpAddress& client, ListenerKind kind);

  std::size_t open(ListenerKind kind) const;
  std::size_t open() const;
  Counters& counters() { return counters_; }

 private:
  Counters counters_;
  mutable std::mutex mutex_;
  Settings settings_;
  std::array<std::size_t, kListenerKinds> open_{};
  std::unordered_map<IpAddress, std::size_t> by_client_;  // bounded by the sessions there may be
};

}  // namespace bulkhead::smtpd
