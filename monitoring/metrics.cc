#include "monitoring/metrics.h"

#include <algorithm>
#include <array>
#include <iterator>

#include <prometheus/text_serializer.h>

#include "monitoring/label_ranking.h"
#include "monitoring/process_readings.h"
#include "monitoring/series.h"
#include "src/base/check.h"

namespace bulkhead::monitoring {

struct Metrics::State {
  explicit State(const Options& options)
      : tenants(options.labels_max), sources(options.labels_max), sites(options.labels_max) {
    for (std::size_t i = 0; i < kMetricCount; ++i) series[i] = std::make_unique<Series>(metric_table()[i]);
    for (std::size_t i = 0; i < kMetricCount; ++i) {
      for (const auto& name : series[i]->label_names()) rankings[i].push_back(ranking_of(name));
    }
  }

  // Null for a label whose values come from our code.
  LabelRanking* ranking_of(std::string_view label) {
    if (label == "tenant") return &tenants;
    if (label == "source") return &sources;
    return label == "site" ? &sites : nullptr;
  }

  LabelRanking tenants, sources, sites;
  std::array<std::unique_ptr<Series>, kMetricCount> series;
  std::array<std::vector<LabelRanking*>, kMetricCount> rankings;
  std::atomic<std::uint64_t> overflows{0};

  std::mutex mutex;  // guards the two below, and makes readings one at a time
  std::array<std::vector<Provider>, kMetricCount> providers;
  SteadyTime next_ranking;
};

namespace {

// The label values as they count: a ranked one that has no place becomes "other".
Series::Values ranked(const std::vector<LabelRanking*>& rankings, std::initializer_list<std::string_view> labels) {
  BULKHEAD_CHECK(labels.size() == rankings.size());
  Series::Values values;
  std::size_t i = 0;
  for (const auto label : labels) {
    const bool is_named = !rankings[i] || label.empty() || label == LabelRanking::kOther || rankings[i]->use(label);
    values[i++] = is_named ? label : LabelRanking::kOther;
  }
  return values;
}

Series::Values all_other() {
  Series::Values values;
  values.fill(LabelRanking::kOther);
  return values;
}

prometheus::MetricType type_of(const MetricSpec& spec) {
  return spec.type == MetricType::kCounter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
}

prometheus::MetricFamily collect_provided(const MetricSpec& spec, const std::vector<std::string>& names,
                                          const std::vector<Metrics::Provider>& providers) {
  prometheus::MetricFamily family;
  family.name = spec.name;
  family.help = spec.help;
  family.type = type_of(spec);
  const Metrics::Emit emit = [&](std::initializer_list<std::string_view> labels, double value) {
    BULKHEAD_CHECK(labels.size() == names.size());
    prometheus::ClientMetric metric;
    std::size_t i = 0;
    for (const auto label : labels) metric.label.push_back({names[i++], std::string{label}});
    metric.counter.value = value;
    metric.gauge.value = value;
    family.metric.push_back(std::move(metric));
  };
  for (const auto& provider : providers) provider(emit);
  return family;
}

}  // namespace

Metrics::Metrics(Options options, const Clock& clock)
    : options_(std::move(options)), clock_(clock), started_(clock.steady()), state_(std::make_unique<State>(options_)) {
  state_->next_ranking = started_ + options_.ranking_interval;
  // A counter without labels shows 0 from the start, so that its first increase is seen as one.
  for (const auto& spec : metric_table()) {
    if (spec.origin != Origin::kCounted || !spec.labels.empty() || spec.type == MetricType::kHistogram) continue;
    state_->series[static_cast<std::size_t>(spec.metric)]->add({}, 0);
  }
  provide_own();
}

Metrics::~Metrics() = default;

void Metrics::add(Metric metric, std::initializer_list<Text> labels, std::uint64_t count) {
  const auto index = static_cast<std::size_t>(metric);
  Series& series = *state_->series[index];
  if (series.add(ranked(state_->rankings[index], labels), count)) return;
  state_->overflows.fetch_add(1, std::memory_order_relaxed);
  series.add(all_other(), count);
}

void Metrics::observe(Metric metric, std::initializer_list<Text> labels, Seconds time) {
  const auto index = static_cast<std::size_t>(metric);
  Series& series = *state_->series[index];
  const double seconds = std::max(0.0, time.count());
  if (series.observe(ranked(state_->rankings[index], labels), seconds)) return;
  state_->overflows.fetch_add(1, std::memory_order_relaxed);
  series.observe(all_other(), seconds);
}

void Metrics::message_received(Text tenant, Text protocol, std::uint64_t size_bytes) {
  add(Metric::kMessagesReceived, {tenant, protocol});
  add(Metric::kMessagesReceivedBytes, {tenant, protocol}, size_bytes);
}

void Metrics::delivery_finished(Text tenant, Text source, Text site, Text outcome, std::uint64_t recipients) {
  add(Metric::kDeliveries, {tenant, source, site, outcome}, recipients);
}

void Metrics::api_request(Text group, int status) {
  constexpr std::array<Text, 6> kClasses{"other", "1xx", "2xx", "3xx", "4xx", "5xx"};
  const auto index = static_cast<std::size_t>(status / 100);
  add(Metric::kApiRequests, {group, kClasses[index < kClasses.size() ? index : 0]});
}

void Metrics::provide(Metric metric, Provider provider) {
  BULKHEAD_CHECK(spec_of(metric).type != MetricType::kHistogram);
  const std::lock_guard lock{state_->mutex};
  state_->providers[static_cast<std::size_t>(metric)].push_back(std::move(provider));
}

void Metrics::withdraw_providers() {
  {
    const std::lock_guard lock{state_->mutex};
    for (auto& providers : state_->providers) providers.clear();
  }
  provide_own();
}

void Metrics::provide_own() {
  const auto started = std::chrono::duration<double>(clock_.now().time_since_epoch()).count() -
                       std::chrono::duration<double>(clock_.steady() - started_).count();
  provide(Metric::kProcessResidentBytes,
          [](const Emit& emit) { emit({}, static_cast<double>(read_process().resident_bytes)); });
  provide(Metric::kProcessOpenFds, [](const Emit& emit) { emit({}, static_cast<double>(read_process().open_fds)); });
  provide(Metric::kProcessCpuSeconds, [](const Emit& emit) { emit({}, read_process().cpu_seconds); });
  provide(Metric::kProcessStartTimeSeconds, [started](const Emit& emit) { emit({}, started); });
  provide(Metric::kBuildInfo, [this](const Emit& emit) { emit({options_.version}, 1); });
  provide(Metric::kSeriesOverflow,
          [this](const Emit& emit) { emit({}, static_cast<double>(state_->overflows.load())); });
}

void Metrics::rank_if_due() {
  if (clock_.steady() < state_->next_ranking) return;
  state_->next_ranking = clock_.steady() + options_.ranking_interval;
  bool has_changed = state_->tenants.rank();
  has_changed = state_->sources.rank() || has_changed;
  has_changed = state_->sites.rank() || has_changed;
  if (!has_changed) return;
  for (const auto& series : state_->series) {
    series->prune([this](std::string_view name, std::string_view value) {
      const LabelRanking* ranking = state_->ranking_of(name);
      return !ranking || value.empty() || value == LabelRanking::kOther || ranking->is_kept(value);
    });
  }
}

std::string Metrics::exposition() {
  const std::lock_guard lock{state_->mutex};
  rank_if_due();
  std::vector<prometheus::MetricFamily> families;
  families.reserve(kMetricCount);
  for (std::size_t i = 0; i < kMetricCount; ++i) {
    const MetricSpec& spec = metric_table()[i];
    auto family = collect_provided(spec, state_->series[i]->label_names(), state_->providers[i]);
    if (spec.origin == Origin::kCounted) {
      auto counted = state_->series[i]->collect();
      std::move(family.metric.begin(), family.metric.end(), std::back_inserter(counted.metric));
      family = std::move(counted);
    }
    families.push_back(std::move(family));
  }
  return prometheus::TextSerializer{}.Serialize(families);
}

}  // namespace bulkhead::monitoring
