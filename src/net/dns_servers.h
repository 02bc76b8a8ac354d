// Which DNS servers are asked: those that were given, or the system's, which may change while the program runs.
// Private to src/net.
#pragma once

#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "src/base/clock.h"

namespace bulkhead::net {

class DnsServers {
 public:
  // An empty list: the system's, from `file`.
  DnsServers(const std::vector<std::string>& given, const Clock& clock, std::string file = "/etc/resolv.conf");

  // "address:port,…" as c-ares takes it. Looks at most once a second whether the system's file is another one, and
  // reads it only then: a question costs no file.
  const std::string& list();

 private:
  // What tells one version of the file from another; all 0 while there is none.
  struct Version {
    std::uint64_t file = 0;
    std::int64_t size = 0;
    std::int64_t seconds = 0, nanoseconds = 0;
    bool operator==(const Version&) const = default;
  };
  Version version() const;

  const Clock& clock_;
  const std::string file_;
  const bool is_given_;
  std::string list_;
  std::optional<Version> read_;
  SteadyTime next_look_{};
};

}  // namespace bulkhead::net
