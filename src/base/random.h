// The source of randomness, passed to whatever needs it.
#pragma once

#include <cstdint>
#include <span>

namespace bulkhead {

// Thread-safe unless a class says otherwise.
class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(std::span<char> bytes) = 0;
  std::uint64_t next();                      // 64 uniform bits
  std::uint64_t below(std::uint64_t bound);  // uniform in [0, bound); bound > 0
  double uniform();                          // uniform in [0, 1)
};

// The kernel's generator, read in blocks and kept per thread; fit for tokens and salts.
class SystemRandom final : public Random {
 public:
  void fill(std::span<char> bytes) override;
};

// The same sequence for the same seed: for simulations and tests. Not thread-safe, never for secrets.
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(std::span<char> bytes) override;

 private:
  std::uint64_t state_;
};

}  // namespace bulkhead
