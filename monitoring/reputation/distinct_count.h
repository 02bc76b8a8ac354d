// How many different things were seen, in a few hundred bytes whatever their number.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace bulkhead::reputation {

// HyperLogLog with 256 registers (a standard error of 6.5 %); up to 32 things are kept as they are and counted exactly.
class DistinctCount {
 public:
  static constexpr std::size_t kSparseMax = 32;
  static constexpr std::size_t kRegisters = 256;

  void add(std::uint64_t hash);
  double estimate() const;
  void clear();

 private:
  friend class RecordCodec;
  void add_to_registers(std::uint32_t hash);

  std::vector<std::uint32_t> sparse_;    // sorted; empty once there are registers
  std::vector<std::uint8_t> registers_;  // empty or kRegisters
};

// A hash to add; equal for equal bytes in every run, ASCII letters folded.
std::uint64_t distinct_hash(std::string_view text);
// The same of bytes that are no text.
std::uint64_t distinct_hash_of_bytes(std::string_view bytes);

}  // namespace bulkhead::reputation
