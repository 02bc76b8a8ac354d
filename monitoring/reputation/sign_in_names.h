// Which names sign in from where, so that whoever mistypes his own password is not taken for a guesser.
#pragma once

#include <cstdint>
#include <string_view>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/ip_address.h"

namespace bulkhead::reputation {

// Not thread-safe. In bounded memory, in two generations as SeenLately has them, of a week at most each.
class SignInNames {
 public:
  explicit SignInNames(std::size_t generation_max = 50'000) : generation_max_(generation_max) {}

  // Whether the failure counts: the name has not signed in from this client lately.
  bool failed(const IpAddress& client, std::string_view name, UtcTime now);
  // How many failures of the name from this client have counted so far, which are forgiven.
  std::uint32_t succeeded(const IpAddress& client, std::string_view name, UtcTime now);

 private:
  struct Pair {
    std::uint32_t failures = 0;
    bool has_signed_in = false;
  };
  Pair& at(const IpAddress& client, std::string_view name, UtcTime now);

  std::size_t generation_max_;
  UtcTime began_{};
  std::unordered_map<std::uint64_t, Pair> younger_, older_;
};

}  // namespace bulkhead::reputation
