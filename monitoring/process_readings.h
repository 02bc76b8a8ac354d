// What the kernel says about this process, read from /proc when the metrics are read.
#pragma once

#include <cstdint>

namespace bulkhead::monitoring {

struct ProcessReadings {
  std::uint64_t resident_bytes = 0;
  std::uint64_t open_fds = 0;
  double cpu_seconds = 0;
};

// What cannot be read stays 0. Blocks on /proc only.
ProcessReadings read_process();

}  // namespace bulkhead::monitoring
