#include "src/app/settings.h"

#include <algorithm>

#include <unistd.h>

namespace bulkhead::app {

namespace {

constexpr std::uint64_t kBytesOfDelivery = 128;  // in memory, with its share of lanes and counters
constexpr std::uint64_t kDeliveriesLeast = 100'000;

netpolicy::ReadinessGate gate_of(std::string_view text) {
  using netpolicy::ReadinessGate;
  if (text == "off") return ReadinessGate::kOff;
  if (text == "warn") return ReadinessGate::kWarn;
  return text == "require" ? ReadinessGate::kRequire : ReadinessGate::kNew;
}

}  // namespace

queue::RetryPolicy retry_policy(const Configuration& configuration) {
  queue::RetryPolicy policy;
  if (!configuration.queue.retry.empty()) policy.intervals = configuration.queue.retry;
  policy.expire_after = configuration.queue.expire_after;
  policy.warn_after = configuration.queue.warn_after;
  return policy;
}

std::uint64_t deliveries_max(const Configuration& configuration) {
  if (configuration.queue.deliveries_max != 0) return configuration.queue.deliveries_max;
  const auto pages = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PHYS_PAGES)));
  const auto page = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_PAGESIZE)));
  return std::max(kDeliveriesLeast, pages * page / 8 / kBytesOfDelivery);
}

smtpd::Settings smtpd_settings(const Configuration& configuration) {
  const auto& smtp = configuration.smtp;
  smtpd::Settings settings;
  settings.command_timeout = smtp.command_timeout;
  settings.data_timeout = smtp.data_timeout;
  settings.handshake_timeout = smtp.handshake_timeout;
  settings.data_bytes_per_minute_min = smtp.data_bytes_per_minute;
  settings.message_size_max = smtp.message_size;
  settings.messages_per_session_max = smtp.messages_per_session;
  settings.errors_max = smtp.errors_per_session;
  settings.sessions_max = configuration.limits.sessions;
  settings.sessions_per_client_max = configuration.limits.sessions_per_client;
  return settings;
}

delivery::Settings delivery_settings(const Configuration& configuration) {
  const auto& delivery = configuration.delivery;
  delivery::Settings settings;
  settings.node_name = configuration.node.name;
  settings.port = delivery.port;
  settings.listeners = configuration.listen.smtp;
  settings.messages_per_connection = delivery.messages_per_connection;
  settings.timeouts.connect = delivery.connect_timeout;
  settings.timeouts.greeting = delivery.greeting_timeout;
  settings.timeouts.command = delivery.command_timeout;
  settings.timeouts.data_block = delivery.data_timeout;
  settings.timeouts.end_of_data = delivery.end_of_data_timeout;
  return settings;
}

MonitorSettings monitor_settings(const Configuration& configuration) {
  const auto& monitor = configuration.monitor;
  MonitorSettings settings;
  for (const auto& text : monitor.zones ? *monitor.zones : listings::default_zones()) {
    if (auto zone = listings::parse_zone(text)) settings.lists.zones.push_back(std::move(*zone));
  }
  settings.lists.interval = monitor.interval;
  settings.lists.confirm_after = monitor.confirm_after;
  settings.readiness_interval = monitor.readiness_interval;
  settings.readiness_patience = monitor.readiness_patience;
  settings.gate = gate_of(monitor.readiness);
  return settings;
}

}  // namespace bulkhead::app
