#include "src/app/reputation_gauges.h"

namespace bulkhead::app {

using monitoring::Metric;
using monitoring::Metrics;

namespace {

using Table = std::array<std::array<std::uint64_t, 5>, reputation::kKeyKinds>;

void provide_table(Metrics& metrics, Metric metric, const ReputationLoop& loop,
                   Table ReputationLoop::Readings::*which) {
  metrics.provide(metric, [&loop, which](const Metrics::Emit& emit) {
    const auto readings = loop.readings();
    for (std::size_t kind = 0; kind < reputation::kKeyKinds; ++kind) {
      for (std::size_t state = 1; state < 5; ++state) {  // normal is not counted
        emit({to_string(static_cast<reputation::KeyKind>(kind)), to_string(static_cast<reputation::State>(state))},
             static_cast<double>((readings.*which)[kind][state]));
      }
    }
  });
}

}  // namespace

void provide_reputation_gauges(Metrics& metrics, const ReputationLoop& loop, const ReplyRules& rules) {
  const auto number = [&metrics](Metric metric, auto read) {
    metrics.provide(metric, [read](const Metrics::Emit& emit) { emit({}, static_cast<double>(read())); });
  };
  provide_table(metrics, Metric::kReputationKeys, loop, &ReputationLoop::Readings::keys);
  provide_table(metrics, Metric::kReputationChanges, loop, &ReputationLoop::Readings::changes);
  number(Metric::kReputationReports, [&loop] { return loop.readings().traffic.reports.load(); });
  number(Metric::kReputationReportsDropped, [&loop] { return loop.readings().traffic.dropped.load(); });
  number(Metric::kReputationStorageFailures, [&loop] { return loop.readings().storage_failures; });
  number(Metric::kReplyRulesFaulty, [&rules] { return rules.is_faulty() ? 1 : 0; });
  metrics.provide(Metric::kCases, [&loop](const Metrics::Emit& emit) {
    const auto readings = loop.readings();
    emit({"open"}, static_cast<double>(readings.open_cases));
    emit({"closed"}, static_cast<double>(readings.cases - readings.open_cases));
  });
}

void provide_webhook_gauges(Metrics& metrics, const Webhooks& webhooks) {
  metrics.provide(Metric::kWebhookPosts, [&webhooks](const Metrics::Emit& emit) {
    const auto readings = webhooks.readings();
    emit({"taken"}, static_cast<double>(readings.taken));
    emit({"failed"}, static_cast<double>(readings.failed));
    emit({"gone"}, static_cast<double>(readings.gone));
    emit({"given-up"}, static_cast<double>(readings.given_up));
    emit({"dropped"}, static_cast<double>(readings.dropped));
  });
  const auto number = [&](Metric metric, std::uint64_t Webhooks::Readings::*which) {
    metrics.provide(metric, [&webhooks, which](const Metrics::Emit& emit) {
      emit({}, static_cast<double>(webhooks.readings().*which));
    });
  };
  number(Metric::kWebhookWaiting, &Webhooks::Readings::waiting);
  number(Metric::kWebhooksFailing, &Webhooks::Readings::failing);
}

}  // namespace bulkhead::app
