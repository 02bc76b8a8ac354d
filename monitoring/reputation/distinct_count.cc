#include "monitoring/reputation/distinct_count.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bulkhead::reputation {

namespace {

constexpr int kIndexBits = 8;
// The constant of the original paper for 256 registers.
constexpr double kAlpha = 0.7213 / (1.0 + 1.079 / 256.0);

}  // namespace

void DistinctCount::add(std::uint64_t hash) {
  const auto folded = static_cast<std::uint32_t>(hash >> 32U);
  if (!registers_.empty()) return add_to_registers(folded);
  const auto place = std::lower_bound(sparse_.begin(), sparse_.end(), folded);
  if (place != sparse_.end() && *place == folded) return;
  sparse_.insert(place, folded);
  if (sparse_.size() <= kSparseMax) return;
  registers_.assign(kRegisters, 0);
  for (const std::uint32_t each : sparse_) add_to_registers(each);
  sparse_ = {};
}

void DistinctCount::add_to_registers(std::uint32_t hash) {
  const std::size_t index = hash >> (32 - kIndexBits);
  const std::uint32_t rest = hash << kIndexBits;
  const int rank = rest == 0 ? 32 - kIndexBits + 1 : std::countl_zero(rest) + 1;
  registers_[index] = std::max(registers_[index], static_cast<std::uint8_t>(rank));
}

double DistinctCount::estimate() const {
  if (registers_.empty()) return static_cast<double>(sparse_.size());
  constexpr auto kCount = static_cast<double>(kRegisters);
  double sum = 0;
  for (const std::uint8_t rank : registers_) sum += std::ldexp(1.0, -rank);
  const double raw = kAlpha * kCount * kCount / sum;
  const auto empty = static_cast<double>(std::count(registers_.begin(), registers_.end(), std::uint8_t{0}));
  // Linear counting is the better estimate while many registers are empty.
  return raw <= 2.5 * kCount && empty > 0 ? kCount * std::log(kCount / empty) : raw;
}

void DistinctCount::clear() {
  sparse_.clear();
  registers_.clear();
}

namespace {

char as_it_is(char c) {
  return c;
}
char lower_case(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

template <char (*fold)(char)>
std::uint64_t hash_of(std::string_view bytes) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : bytes) hash = (hash ^ static_cast<unsigned char>(fold(c))) * 0x100000001b3ULL;
  // FNV's high bits mix poorly over short texts; the finaliser of splitmix64 spreads them.
  hash = (hash ^ (hash >> 30U)) * 0xbf58476d1ce4e5b9ULL;
  hash = (hash ^ (hash >> 27U)) * 0x94d049bb133111ebULL;
  return hash ^ (hash >> 31U);
}

}  // namespace

std::uint64_t distinct_hash(std::string_view text) {
  return hash_of<lower_case>(text);
}

std::uint64_t distinct_hash_of_bytes(std::string_view bytes) {
  return hash_of<as_it_is>(bytes);
}

}  // namespace bulkhead::reputation
