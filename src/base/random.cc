#include "src/base/random.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <sys/random.h>

#include "src/base/check.h"

namespace bulkhead {

std::uint64_t Random::next() {
  std::uint64_t value;
  fill({reinterpret_cast<char*>(&value), sizeof value});
  return value;
}

std::uint64_t Random::below(std::uint64_t bound) {
  BULKHEAD_CHECK(bound > 0);
  // Rejection keeps the distribution exact.
  const std::uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
  for (;;) {
    const std::uint64_t value = next();
    if (value < limit) return value % bound;
  }
}

double Random::uniform() {
  return static_cast<double>(next() >> 11) * 0x1.0p-53;
}

namespace {

// Random bytes read ahead, so that an id does not cost a system call.
struct ReadAhead {
  std::array<char, 4096> bytes;
  std::size_t used = sizeof bytes;
};
thread_local ReadAhead read_ahead;

void fill_from_kernel(char* bytes, std::size_t size) {
  while (size > 0) {
    const ssize_t got = ::getrandom(bytes, std::min<std::size_t>(size, 256), 0);
    if (got < 0) continue;  // only EINTR is possible here
    bytes += got;
    size -= static_cast<std::size_t>(got);
  }
}

}  // namespace

void SystemRandom::fill(std::span<char> bytes) {
  ReadAhead& buffer = read_ahead;
  for (char* at = bytes.data(); at != bytes.data() + bytes.size();) {
    if (buffer.used == buffer.bytes.size()) {
      fill_from_kernel(buffer.bytes.data(), buffer.bytes.size());
      buffer.used = 0;
    }
    const auto wanted = static_cast<std::size_t>(bytes.data() + bytes.size() - at);
    const std::size_t count = std::min(wanted, buffer.bytes.size() - buffer.used);
    std::memcpy(at, buffer.bytes.data() + buffer.used, count);
    // What was given out must not be found in memory again.
    std::memset(buffer.bytes.data() + buffer.used, 0, count);
    buffer.used += count;
    at += count;
  }
}

void SeededRandom::fill(std::span<char> bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += 8) {
    // splitmix64
    std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ULL);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    z ^= z >> 31;
    std::memcpy(bytes.data() + at, &z, std::min<std::size_t>(8, bytes.size() - at));
  }
}

}  // namespace bulkhead
