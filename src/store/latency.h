// A histogram of durations with buckets a quarter of an octave wide: percentiles within 19 %, 2 KB, no lock.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstdint>

namespace bulkhead::store {

// One thread records, any thread reads.
class LatencyHistogram {
 public:
  void record(std::chrono::nanoseconds duration) {
    const auto micros = std::chrono::duration_cast<std::chrono::microseconds>(duration).count();
    const auto value = static_cast<std::uint64_t>(micros < 0 ? 0 : micros);
    auto& bucket = buckets_[bucket_of(value)];
    bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  // The upper end of the bucket in which `share` (0..1) of the records is reached; 0 when there are none.
  std::chrono::microseconds percentile(double share) const {
    std::uint64_t total = 0;
    for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
    const double wanted = share * static_cast<double>(total);
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < buckets_.size() && total > 0; ++i) {
      seen += buckets_[i].load(std::memory_order_relaxed);
      if (static_cast<double>(seen) >= wanted) return std::chrono::microseconds{upper_end(i)};
    }
    return std::chrono::microseconds{0};
  }

 private:
  static constexpr std::size_t kCount = 160;
  static std::size_t bucket_of(std::uint64_t value) {
    if (value < 4) return static_cast<std::size_t>(value);
    const auto octave = static_cast<std::size_t>(std::bit_width(value)) - 1;
    const auto quarter = static_cast<std::size_t>(value >> (octave - 2)) & 3;
    const std::size_t bucket = (octave - 1) * 4 + quarter;
    return bucket < kCount ? bucket : kCount - 1;
  }
  static std::uint64_t upper_end(std::size_t bucket) {
    if (bucket < 4) return bucket;
    const std::size_t octave = bucket / 4 + 1;
    return ((4 + bucket % 4 + 1) << (octave - 2)) - 1;
  }
  std::array<std::atomic<std::uint64_t>, kCount> buckets_{};
};

}  // namespace bulkhead::store
