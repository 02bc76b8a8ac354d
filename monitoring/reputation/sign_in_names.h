// Which names sign in from where, and which were only tried, so that whoever mistypes his own password is not taken for
// a guesser.
#pragma once

#include <string_view>
#include <vector>

#include "monitoring/reputation/generations.h"
#include "src/base/ip_address.h"

namespace bulkhead::reputation {

// Not thread-safe. Bounded: some megabytes at most.
class SignInNames {
 public:
  static constexpr std::size_t kTriedMax = 32;  // names of a client; the oldest make room
  explicit SignInNames(std::size_t names_max = 50'000, std::size_t clients_max = 10'000)
      : known_(names_max, std::chrono::hours{24 * 7}), tried_(clients_max, std::chrono::hours{24}) {}

  // Whether the failure counts: the name has not signed in from this client lately.
  bool failed(const IpAddress& client, std::string_view name, UtcTime now);
  // How many failures of the name from this client have counted within the hour. They are forgiven, and the name is not
  // one that was only tried any more.
  std::uint32_t succeeded(const IpAddress& client, std::string_view name, UtcTime now);
  // The hashes of the names that were only tried, within a day.
  std::vector<std::uint64_t> tried(const IpAddress& client, UtcTime now) const;

 private:
  struct Tried {
    std::uint64_t name = 0;
    std::uint32_t failures = 0;  // since:
    UtcTime first{};
    UtcTime last{};
  };

  Generations<bool> known_;                // by name and client
  Generations<std::vector<Tried>> tried_;  // by client
};

}  // namespace bulkhead::reputation
