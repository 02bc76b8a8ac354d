// Which values of an unbounded label (tenant, source, site) keep their name; the rest count as "other".
//
// The first `kept_max` values get their name at once. `rank` is called now and then: a value that was clearly busier
// than the least busy of the kept takes its place. Memory is bounded: at most `kTrackedPerKept` times `kept_max`
// values are counted, the idle ones are forgotten at each ranking. Thread-safe; a lookup takes one striped lock.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace bulkhead::monitoring {

// Finds a std::string key by a string_view without an allocation.
struct TextHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const noexcept { return std::hash<std::string_view>{}(text); }
};

class LabelRanking {
 public:
  explicit LabelRanking(std::size_t kept_max) : kept_max_(kept_max) {}

  static constexpr std::string_view kOther = "other";
  static constexpr std::size_t kTrackedPerKept = 64;

  // Counts one use of `value`; returns whether it keeps its name.
  bool use(std::string_view value);
  bool is_kept(std::string_view value) const;
  // Lets busier values take the places of idler ones; returns whether any value lost its name.
  bool rank();

 private:
  struct Entry {
    bool is_kept = false;
    std::uint64_t score = 0;
  };
  struct Stripe {
    mutable std::mutex mutex;
    std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> entries;
  };
  static constexpr std::size_t kStripes = 16;

  Stripe& stripe_of(std::string_view value) { return stripes_[TextHash{}(value) % kStripes]; }
  const Stripe& stripe_of(std::string_view value) const { return stripes_[TextHash{}(value) % kStripes]; }
  bool take_place();
  bool set_kept(const std::string& value, bool is_kept);
  void age();

  const std::size_t kept_max_;
  std::atomic<std::size_t> kept_{0};
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace bulkhead::monitoring
