// The series of one metric: a count or a histogram for each combination of label values.
//
// Thread-safe. A count takes one striped lock and one hash lookup, no allocation once the series exists, and no
// atomic double: prometheus-cpp's own families build a map of strings under one lock for each lookup.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <prometheus/metric_family.h>

#include "monitoring/label_ranking.h"
#include "monitoring/metric_table.h"

namespace bulkhead::monitoring {

// Upper bounds in seconds: from a cached answer to a delivery that took half an hour.
inline constexpr std::array<double, 16> kSecondsBuckets{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                                        0.5,   1,      2.5,   5,    10,    30,   300, 1800};

class Series {
 public:
  explicit Series(const MetricSpec& spec);

  using Values = std::array<std::string_view, kLabelsMax>;
  static constexpr std::size_t kSeriesMax = 20'000;

  // False when the series would be one too many; nothing is counted then.
  bool add(const Values& values, std::uint64_t count);
  bool observe(const Values& values, double seconds);

  prometheus::MetricFamily collect() const;
  // Forgets the series of which `is_kept(label name, value)` is false for any label.
  void prune(const std::function<bool(std::string_view name, std::string_view value)>& is_kept);

  const std::vector<std::string>& label_names() const { return names_; }

 private:
  struct Histogram {
    std::array<std::uint64_t, kSecondsBuckets.size() + 1> buckets{};  // not cumulative
    double sum = 0;
  };
  struct Point {
    std::uint64_t count = 0;
    std::unique_ptr<Histogram> histogram;
  };
  using Points = std::unordered_map<std::string, Point, TextHash, std::equal_to<>>;
  struct Stripe {
    mutable std::mutex mutex;
    Points points;
  };
  static constexpr std::size_t kStripes = 16;
  static constexpr std::size_t kValueSizeMax = 96;

  template <class Change>
  bool change(const Values& values, const Change& change);
  prometheus::ClientMetric to_metric(std::string_view key, const Point& point) const;

  const MetricSpec& spec_;
  std::vector<std::string> names_;
  std::array<Stripe, kStripes> stripes_;
};

}  // namespace bulkhead::monitoring
