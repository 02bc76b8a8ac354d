// Slows down and stops who guesses passwords, by client address.
//
// A client is stopped for one name after so many failures under it, and for all names after so many under whichever:
// but for those that signed in from there within a day, so that one guesser behind a shared address locks nobody else
// out. A correct password forgives the failures under its own name only: an account of one's own buys no further
// guesses at others. Never by account alone: strangers cannot lock anybody out.
//
// Thread-safe; shared by all shards. Bounded: with the table full, the entries that ended longest ago go first.
#pragma once

#include <chrono>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/ip_address.h"
#include "src/smtpd/settings.h"

namespace bulkhead::smtpd {

class SignInGuard {
 public:
  SignInGuard(const Settings& settings, const Clock& clock, std::size_t clients_max = 65536)
      : clock_(clock), clients_max_(clients_max), settings_(settings) {}

  void change_settings(const Settings& settings);
  // Whether this client has used up its failures for now; `name` as it was given, letters of ASCII in any case.
  bool is_blocked(const IpAddress& client, std::string_view name);
  // Counts a failure and says how long to wait before the answer.
  std::chrono::milliseconds count_failure(const IpAddress& client, std::string_view name);
  void succeeded(const IpAddress& client, std::string_view name);

 private:
  static constexpr std::size_t kNamesMax = 64;  // of a client; failures under further ones count for the client alone
  static constexpr std::chrono::hours kKnown{24};

  struct Failures {
    std::uint32_t count = 0;
    SteadyTime window_end;
    std::unordered_map<std::size_t, std::uint32_t> by_name;  // hashes
  };
  // One client and one name.
  static std::size_t key_of(const IpAddress& client, std::string_view name);
  void make_room(SteadyTime now);

  const Clock& clock_;
  std::size_t clients_max_;
  std::mutex mutex_;
  Settings settings_;
  std::unordered_map<IpAddress, Failures> failures_;
  std::unordered_map<std::size_t, SteadyTime> known_;  // until when a name counts as one that signs in from there
};

}  // namespace bulkhead::smtpd
