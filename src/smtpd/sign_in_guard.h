// Slows down and stops who guesses passwords: counts failed sign-ins by client address, never by account, so that
// strangers cannot lock anybody out.
//
// Thread-safe; shared by all shards. Bounded: with the table full, the entries that ended longest ago go first.
#pragma once

#include <chrono>
#include <mutex>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/ip_address.h"
#include "src/smtpd/settings.h"

namespace bulkhead::smtpd {

class SignInGuard {
 public:
  SignInGuard(const Settings& settings, const Clock& clock, std::size_t clients_max = 65536)
      : settings_(settings), clock_(clock), clients_max_(clients_max) {}

  // Whether this client has used up its failures for now.
  bool is_blocked(const IpAddress& client);
  // Counts a failure and says how long to wait before the answer.
  std::chrono::milliseconds count_failure(const IpAddress& client);
  void forgive(const IpAddress& client);  // a correct sign-in

 private:
  struct Failures {
    std::uint32_t count = 0;
    SteadyTime window_end;
  };
  void make_room(SteadyTime now);

  const Settings& settings_;
  const Clock& clock_;
  std::size_t clients_max_;
  std::mutex mutex_;
  std::unordered_map<IpAddress, Failures> failures_;
};

}  // namespace bulkhead::smtpd
