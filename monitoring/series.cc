#include "monitoring/series.h"

#include <algorithm>

namespace bulkhead::monitoring {

namespace {

constexpr char kSeparator = '\x1f';  // never in a label: add() replaces it

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find(separator), text.size());
    parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

// The values of a key, which ends each of them with the separator, so that empty ones survive.
std::vector<std::string_view> values_of(std::string_view key) {
  std::vector<std::string_view> values;
  while (!key.empty()) {
    const auto end = key.find(kSeparator);
    values.push_back(key.substr(0, end));
    key.remove_prefix(end + 1);
  }
  return values;
}

// The one series that counts what no longer gets one of its own.
bool is_overflow(std::string_view key) {
  const auto values = values_of(key);
  return std::all_of(values.begin(), values.end(), [](auto value) { return value == LabelRanking::kOther; });
}

}  // namespace

Series::Series(const MetricSpec& spec) : spec_(spec), names_(split(spec.labels, ' ')) {}

template <class Change>
bool Series::change(const Values& values, const Change& change) {
  std::array<char, kLabelsMax*(kValueSizeMax + 1)> buffer;
  std::size_t size = 0;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    const auto value = values[i].substr(0, kValueSizeMax);
    std::replace_copy(value.begin(), value.end(), buffer.begin() + static_cast<std::ptrdiff_t>(size), kSeparator, '?');
    size += value.size();
    buffer[size++] = kSeparator;
  }
  const std::string_view key{buffer.data(), size};
  Stripe& stripe = stripes_[TextHash{}(key) % kStripes];
  const std::lock_guard lock{stripe.mutex};
  auto found = stripe.points.find(key);
  if (found == stripe.points.end()) {
    if (stripe.points.size() >= kSeriesMax / kStripes && !is_overflow(key)) return false;
    found = stripe.points.emplace(std::string{key}, Point{}).first;
  }
  change(found->second);
  return true;
}

bool Series::add(const Values& values, std::uint64_t count) {
  return change(values, [count](Point& point) { point.count += count; });
}

bool Series::observe(const Values& values, double seconds) {
  return change(values, [seconds](Point& point) {
    if (!point.histogram) point.histogram = std::make_unique<Histogram>();
    const auto bucket = std::lower_bound(kSecondsBuckets.begin(), kSecondsBuckets.end(), seconds);
    ++point.histogram->buckets[static_cast<std::size_t>(bucket - kSecondsBuckets.begin())];
    point.histogram->sum += seconds;
    ++point.count;
  });
}

prometheus::ClientMetric Series::to_metric(std::string_view key, const Point& point) const {
  prometheus::ClientMetric metric;
  const auto values = values_of(key);
  for (std::size_t i = 0; i < names_.size(); ++i) metric.label.push_back({names_[i], std::string{values[i]}});
  if (spec_.type != MetricType::kHistogram) {
    metric.counter.value = static_cast<double>(point.count);
    return metric;
  }
  metric.histogram.sample_count = point.count;
  std::uint64_t cumulative = 0;
  if (!point.histogram) return metric;
  metric.histogram.sample_sum = point.histogram->sum;
  for (std::size_t i = 0; i < kSecondsBuckets.size(); ++i) {
    cumulative += point.histogram->buckets[i];
    metric.histogram.bucket.push_back({cumulative, kSecondsBuckets[i]});
  }
  return metric;
}

prometheus::MetricFamily Series::collect() const {
  prometheus::MetricFamily family;
  family.name = spec_.name;
  family.help = spec_.help;
  family.type =
      spec_.type == MetricType::kHistogram ? prometheus::MetricType::Histogram : prometheus::MetricType::Counter;
  for (const Stripe& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    for (const auto& [key, point] : stripe.points) family.metric.push_back(to_metric(key, point));
  }
  return family;
}

void Series::prune(const std::function<bool(std::string_view, std::string_view)>& is_kept) {
  for (Stripe& stripe : stripes_) {
    const std::lock_guard lock{stripe.mutex};
    std::erase_if(stripe.points, [&](const auto& entry) {
      const auto values = values_of(entry.first);
      for (std::size_t i = 0; i < names_.size(); ++i) {
        if (!is_kept(names_[i], values[i])) return true;
      }
      return false;
    });
  }
}

}  // namespace bulkhead::monitoring
