#include "src/app/gauges.h"

namespace bulkhead::app {

using monitoring::Metric;
using monitoring::Metrics;

namespace {

double seconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double>(time).count();
}

void provide_store(Metrics& metrics, store::Store& store) {
  const auto number = [&](Metric metric, auto value_of) {
    metrics.provide(metric, [&store, value_of](const Metrics::Emit& emit) { emit({}, value_of(store.usage())); });
  };
  using Usage = store::StoreUsage;
  number(Metric::kStoreBytes, [](const Usage& u) { return static_cast<double>(u.bytes); });
  number(Metric::kStoreLiveBytes, [](const Usage& u) { return static_cast<double>(u.live_bytes); });
  number(Metric::kStoreSegments, [](const Usage& u) { return static_cast<double>(u.segments); });
  number(Metric::kStoreSegmentsCompacted, [](const Usage& u) { return static_cast<double>(u.segments_compacted); });
  number(Metric::kStoreCompactedBytes, [](const Usage& u) { return static_cast<double>(u.compacted_bytes); });
  number(Metric::kStoreCommits, [](const Usage& u) { return static_cast<double>(u.commits); });
  number(Metric::kCommitGroups, [](const Usage& u) { return static_cast<double>(u.groups); });
  number(Metric::kStoreWritable, [](const Usage& u) { return u.is_writable ? 1.0 : 0.0; });
  metrics.provide(Metric::kCommitLatencySeconds, [&store](const Metrics::Emit& emit) {
    const auto usage = store.usage();
    emit({"0.5"}, seconds_of(usage.commit_latency_p50));
    emit({"0.99"}, seconds_of(usage.commit_latency_p99));
  });
}

void provide_trace(Metrics& metrics, trace::Trace& trace) {
  const auto number = [&](Metric metric, auto value_of) {
    metrics.provide(metric, [&trace, value_of](const Metrics::Emit& emit) {
      emit({}, static_cast<double>(value_of(trace.usage())));
    });
  };
  using Usage = trace::Trace::Usage;
  metrics.provide(Metric::kTraceEvents, [&trace](const Metrics::Emit& emit) {
    for (const auto& [kind, count] : trace.usage().by_kind) emit({to_string(kind)}, static_cast<double>(count));
  });
  number(Metric::kTraceEventsDropped, [](const Usage& u) { return u.dropped; });
  number(Metric::kTraceUnsettledEvents, [](const Usage& u) { return u.unsettled; });
  number(Metric::kTraceBytes, [](const Usage& u) { return u.bytes; });
}

using Counts = std::function<std::map<std::string, std::uint64_t>()>;

void provide_counts(Metrics& metrics, Metric metric, Counts counts) {
  metrics.provide(metric, [counts = std::move(counts)](const Metrics::Emit& emit) {
    for (const auto& [label, count] : counts()) emit({label}, static_cast<double>(count));
  });
}

void provide_directory(Metrics& metrics, const GaugeSources& sources) {
  auto& directory = sources.directory;
  auto& host = sources.host;
  metrics.provide(Metric::kTenants, [&directory](const Metrics::Emit& emit) {
    emit({}, static_cast<double>(directory.snapshot()->tenants().size()));
  });
  metrics.provide(Metric::kSourceAddresses, [&directory, &host](const Metrics::Emit& emit) {
    const auto present = host.current();
    std::size_t count = 0;
    const auto snapshot = directory.snapshot();
    for (const auto& address : snapshot->addresses()) count += present->contains(address.ip) ? 1 : 0;
    emit({"present"}, static_cast<double>(count));
    emit({"absent"}, static_cast<double>(snapshot->addresses().size() - count));
  });
}

using SmtpCounters = std::function<const smtpd::Counters&()>;

double number_of(const smtpd::Counters::Count& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

// Calls `use` with each listener's name and index.
template <class Use>
void for_each_listener(const Use& use) {
  for (std::size_t i = 0; i < smtpd::kListenerKinds; ++i) use(to_string(static_cast<smtpd::ListenerKind>(i)), i);
}

void provide_smtp_sessions(Metrics& metrics, const SmtpCounters& counters) {
  metrics.provide(Metric::kSmtpSessions, [counters](const Metrics::Emit& emit) {
    for_each_listener([&](std::string_view protocol, std::size_t i) {
      for (std::size_t use = 0; use < smtpd::kTlsUses; ++use) {
        emit({protocol, to_string(static_cast<smtpd::TlsUse>(use))}, number_of(counters().sessions_ended[i][use]));
      }
    });
  });
  metrics.provide(Metric::kTlsHandshakes, [counters](const Metrics::Emit& emit) {
    for_each_listener([&](std::string_view protocol, std::size_t i) {
      emit({protocol, "ok"}, number_of(counters().handshakes_done[i]));
      emit({protocol, "failed"}, number_of(counters().handshakes_failed[i]));
    });
  });
}

void provide_smtp_replies(Metrics& metrics, const SmtpCounters& counters) {
  metrics.provide(Metric::kSmtpReplies, [counters](const Metrics::Emit& emit) {
    emit({"2xx"}, number_of(counters().replies[2]));
    emit({"3xx"}, number_of(counters().replies[3]));
    emit({"4xx"}, number_of(counters().replies[4]));
    emit({"5xx"}, number_of(counters().replies[5]));
  });
  metrics.provide(Metric::kSmtpConnectionsRefused, [counters](const Metrics::Emit& emit) {
    emit({"server-full"}, number_of(counters().refused_server_full));
    emit({"client-full"}, number_of(counters().refused_client_full));
  });
  metrics.provide(Metric::kSmtpFramingAttacks, [counters](const Metrics::Emit& emit) {
    emit({}, static_cast<double>(counters().framing_attacks.load(std::memory_order_relaxed)));
  });
}

void provide_passwords(Metrics& metrics, const tenants::LiveDirectory& directory) {
  metrics.provide(Metric::kPasswordChecks, [&directory](const Metrics::Emit& emit) {
    const auto counts = directory.password_counts();
    emit({"right"}, static_cast<double>(counts.right));
    emit({"wrong"}, static_cast<double>(counts.wrong));
    emit({"remembered"}, static_cast<double>(counts.remembered));
    emit({"refused"}, static_cast<double>(counts.refused));
  });
}

}  // namespace

void provide_gauges(Metrics& metrics, GaugeSources sources) {
  provide_store(metrics, sources.store);
  provide_trace(metrics, sources.trace);
  provide_directory(metrics, sources);
  provide_smtp_sessions(metrics, sources.smtp);
  provide_smtp_replies(metrics, sources.smtp);
  provide_passwords(metrics, sources.directory);
  provide_counts(metrics, Metric::kSessions, sources.sessions);
  provide_counts(metrics, Metric::kQueueDeliveries, sources.queue);
  metrics.provide(Metric::kQueueDeliveriesMax, [most = sources.queue_max](const Metrics::Emit& emit) {
    if (const auto number = most(); number > 0) emit({}, static_cast<double>(number));
  });
}

}  // namespace bulkhead::app
