// Every metric of the product, declared once: name, type, labels and meaning.
//
// `docs/reference/metrics.md` describes the same set, and a unit test compares the two. To add a metric: a line in
// the enumeration, a row in metric_table.cc, a row in the page, and the call that counts it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace bulkhead::monitoring {

enum class Metric : std::uint8_t {
  // Counted by calls.
  kMessagesReceived,
  kMessagesReceivedBytes,
  kMessagesRejected,
  kRecipientsAccepted,
  kTlsHandshakes,
  kLogins,
  kDnsLookups,
  kDnsSeconds,
  kApiRequests,
  kDeliveries,
  kDeliverySeconds,
  kQueueDelaySeconds,
  kDeliveryConnections,
  kDeliveryReplies,
  kReplyClasses,
  kAmbiguousDeliveries,
  kMailboxDeliveries,
  kListingQuestions,
  kListingTransitions,
  kFeedbackReports,
  // Asked for when the metrics are read.
  kSmtpSessions,
  kSmtpReplies,
  kSmtpConnectionsRefused,
  kSmtpFramingAttacks,
  kHttpConnectionsRefused,
  kPasswordChecks,
  kQueueDeliveries,
  kQueueDeliveriesMax,
  kSessions,
  kSourceAddresses,
  kStoreBytes,
  kStoreLiveBytes,
  kStoreSegments,
  kStoreSegmentsCompacted,
  kStoreCompactedBytes,
  kStoreCommits,
  kCommitGroups,
  kCommitLatencySeconds,
  kStoreWritable,
  kTraceEvents,
  kTraceEventsDropped,
  kTraceUnsettledEvents,
  kTraceBytes,
  kTenants,
  kLimitRefusals,
  kLimitPaced,
  kLimitBuckets,
  kLimitBucketsForgotten,
  kLimitStorageFailures,
  kSiteConnections,
  kSitesPaused,
  kFirewallReadingAge,
  kFirewallRefused,
  kFirewallRepairs,
  kFirewallTenantPackets,
  kFirewallTenantBytes,
  kReputationKeys,
  kReputationChanges,
  kReputationReports,
  kReputationReportsDropped,
  kReputationStorageFailures,
  kCases,
  kReplyRulesFaulty,
  kWebhookPosts,
  kWebhookWaiting,
  kWebhooksFailing,
  kListings,
  kListingZones,
  kReadiness,
  kAddressesWithheld,
  kSeriesOverflow,
  kProcessResidentBytes,
  kProcessOpenFds,
  kProcessCpuSeconds,
  kProcessStartTimeSeconds,
  kBuildInfo,
};
inline constexpr std::size_t kMetricCount = static_cast<std::size_t>(Metric::kBuildInfo) + 1;
inline constexpr std::size_t kLabelsMax = 4;

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };
// Whether calls count it (and providers may add to it), or a provider alone is asked for it at each reading.
enum class Origin : std::uint8_t { kCounted, kProvided };

struct MetricSpec {
  Metric metric;
  std::string_view name;
  MetricType type;
  Origin origin;
  std::string_view labels;  // names separated by one space, at most kLabelsMax
  std::string_view help;    // one sentence
};

// In the order of the enumeration.
std::span<const MetricSpec> metric_table();
const MetricSpec& spec_of(Metric metric);
std::string_view to_string(MetricType type);  // "counter", "gauge", "histogram"

}  // namespace bulkhead::monitoring
