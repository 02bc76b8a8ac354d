#include "monitoring/process_readings.h"

#include <filesystem>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace bulkhead::monitoring {

namespace {

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

}  // namespace

ProcessReadings read_process() {
  ProcessReadings readings;
  std::ifstream statm{"/proc/self/statm"};
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (statm >> total_pages >> resident_pages) {
    readings.resident_bytes = resident_pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  }
  std::error_code error;
  std::filesystem::directory_iterator it{"/proc/self/fd", error};
  for (; !error && it != std::filesystem::directory_iterator{}; it.increment(error)) ++readings.open_fds;
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) == 0) {
    readings.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  }
  return readings;
}

}  // namespace bulkhead::monitoring
