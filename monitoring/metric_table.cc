#include "monitoring/metric_table.h"

#include <array>

namespace bulkhead::monitoring {

namespace {

using enum Metric;
using enum MetricType;
using enum Origin;

constexpr std::array<MetricSpec, kMetricCount> kTable{{
    {kMessagesReceived, "bulkhead_messages_received_total", kCounter, kCounted, "tenant protocol",
     "Messages accepted with a positive reply."},
    {kMessagesReceivedBytes, "bulkhead_messages_received_bytes_total", kCounter, kCounted, "tenant protocol",
     "Bytes of the messages accepted."},
    {kMessagesRejected, "bulkhead_messages_rejected_total", kCounter, kCounted, "tenant reason",
     "Messages refused after their sender was named; `reason` is the enhanced status code of the reply."},
    {kRecipientsAccepted, "bulkhead_recipients_accepted_total", kCounter, kCounted, "tenant", "Recipients accepted."},
    {kTlsHandshakes, "bulkhead_tls_handshakes_total", kCounter, kCounted, "protocol outcome",
     "TLS handshakes as a server, and as a client under the protocol \"delivery\"."},
    {kLogins, "bulkhead_logins_total", kCounter, kCounted, "protocol outcome", "Attempts to sign in."},
    {kDnsLookups, "bulkhead_dns_lookups_total", kCounter, kCounted, "outcome", "DNS lookups, by how they ended."},
    {kDnsSeconds, "bulkhead_dns_seconds", kHistogram, kCounted, "", "Time of a DNS question that was sent."},
    {kApiRequests, "bulkhead_api_requests_total", kCounter, kCounted, "group class",
     "Requests to the API, by the first word of the path and the first digit of the status."},
    {kDeliveries, "bulkhead_deliveries_total", kCounter, kCounted, "tenant source site outcome",
     "Delivery attempts that ended, recipients of one attempt counted once each."},
    {kDeliverySeconds, "bulkhead_delivery_seconds", kHistogram, kCounted, "site outcome",
     "Time that one delivery attempt took."},
    {kQueueDelaySeconds, "bulkhead_queue_delay_seconds", kHistogram, kCounted, "tenant",
     "Time from acceptance to successful delivery."},
    {kDeliveryConnections, "bulkhead_delivery_connections_total", kCounter, kCounted, "source outcome",
     "Connections opened to remote servers."},
    {kDeliveryReplies, "bulkhead_delivery_replies_total", kCounter, kCounted, "site class",
     "Replies of remote servers that decided about a recipient, as classified."},
    {kReplyClasses, "bulkhead_reply_classes_total", kCounter, kCounted, "provider class",
     "Negative replies of remote servers, by the provider and by what the rules say that they mean."},
    {kAmbiguousDeliveries, "bulkhead_ambiguous_deliveries_total", kCounter, kCounted, "site",
     "Connections that died between the last byte of a message and its reply; a second copy may follow."},
    {kMailboxDeliveries, "bulkhead_mailbox_deliveries_total", kCounter, kCounted, "tenant outcome",
     "Deliveries to mailboxes of this server."},
    {kListingQuestions, "bulkhead_listing_questions_total", kCounter, kCounted, "zone outcome",
     "Questions to lists of bad senders about our addresses and domains, tests of the lists included."},
    {kListingTransitions, "bulkhead_listing_transitions_total", kCounter, kCounted, "zone change",
     "Listings that began, ended or are not watched any more, and lists that were set aside or trusted."},
    {kFeedbackReports, "bulkhead_feedback_reports_total", kCounter, kCounted, "tenant outcome",
     "Reports that came to a feedback address, by what they proved."},
    {kSmtpSessions, "bulkhead_smtp_sessions_total", kCounter, kProvided, "protocol tls",
     "SMTP sessions that have ended, by the TLS version that they used."},
    {kSmtpReplies, "bulkhead_smtp_replies_total", kCounter, kProvided, "class",
     "Replies to SMTP clients, by the first digit of their code."},
    {kSmtpConnectionsRefused, "bulkhead_smtp_connections_refused_total", kCounter, kProvided, "reason",
     "SMTP connections that were turned away because there were too many."},
    {kSmtpFramingAttacks, "bulkhead_smtp_framing_attacks_total", kCounter, kProvided, "",
     "SMTP sessions that were ended because of what looked like smuggling: a bare line end, or text before TLS began."},
    {kHttpConnectionsRefused, "bulkhead_http_connections_refused_total", kCounter, kProvided, "listener reason",
     "HTTP connections that were turned away because all were at work, or cut off to make room for another."},
    {kPasswordChecks, "bulkhead_password_checks_total", kCounter, kProvided, "outcome",
     "Passwords that were verified."},
    {kQueueDeliveries, "bulkhead_queue_deliveries", kGauge, kProvided, "state", "Deliveries in the queue."},
    {kQueueDeliveriesMax, "bulkhead_queue_deliveries_max", kGauge, kProvided, "",
     "Deliveries that the queue takes; a tenant may have as many as are left."},
    {kSessions, "bulkhead_sessions", kGauge, kProvided, "protocol", "Sessions open now."},
    {kSourceAddresses, "bulkhead_source_addresses", kGauge, kProvided, "state",
     "Source addresses in the directory, present on the host or absent."},
    {kStoreBytes, "bulkhead_store_bytes", kGauge, kProvided, "", "Bytes on disk of bodies and metadata."},
    {kStoreLiveBytes, "bulkhead_store_live_bytes", kGauge, kProvided, "", "Bytes of bodies that somebody holds."},
    {kStoreSegments, "bulkhead_store_segments", kGauge, kProvided, "", "Segments of the blob log."},
    {kStoreSegmentsCompacted, "bulkhead_store_segments_compacted_total", kCounter, kProvided, "",
     "Mostly dead segments whose living bodies were copied elsewhere, so that their space came back."},
    {kStoreCompactedBytes, "bulkhead_store_compacted_bytes_total", kCounter, kProvided, "",
     "Bytes of bodies that were copied for that."},
    {kStoreCommits, "bulkhead_store_commits_total", kCounter, kProvided, "", "Transactions committed."},
    {kCommitGroups, "bulkhead_commit_groups_total", kCounter, kProvided, "",
     "Grouped commits, each of them one sync of log and metadata."},
    {kCommitLatencySeconds, "bulkhead_commit_latency_seconds", kGauge, kProvided, "quantile",
     "Recent time from a commit's request to its durability."},
    {kStoreWritable, "bulkhead_store_writable", kGauge, kProvided, "",
     "1 while new mail can be made durable; 0 after a failed sync or on a full disk."},
    {kTraceEvents, "bulkhead_trace_events_total", kCounter, kProvided, "event", "Events written to the trace."},
    {kTraceEventsDropped, "bulkhead_trace_events_dropped_total", kCounter, kProvided, "",
     "Events lost because their buffer was full or their commit failed."},
    {kTraceUnsettledEvents, "bulkhead_trace_unsettled_events", kGauge, kProvided, "",
     "Events that are durable in the kv and not yet in a segment."},
    {kTraceBytes, "bulkhead_trace_bytes", kGauge, kProvided, "", "Bytes of the trace's segments on disk."},
    {kTenants, "bulkhead_tenants", kGauge, kProvided, "", "Tenants in the directory."},
    {kLimitRefusals, "bulkhead_limit_refused_total", kCounter, kProvided, "scope measure",
     "Messages, recipients and sizes refused by a limit."},
    {kLimitPaced, "bulkhead_limit_paced_total", kCounter, kProvided, "scope measure",
     "Messages accepted over a limit, to be sent later."},
    {kLimitBuckets, "bulkhead_limit_buckets", kGauge, kProvided, "",
     "Counters of limits from which something is taken."},
    {kLimitBucketsForgotten, "bulkhead_limit_buckets_forgotten_total", kCounter, kProvided, "",
     "Counters dropped while in use, because there were too many."},
    {kLimitStorageFailures, "bulkhead_limit_storage_failures_total", kCounter, kProvided, "",
     "Times that the counters of limits could not be stored."},
    {kSiteConnections, "bulkhead_site_connections", kGauge, kProvided, "",
     "Connections to remote sites that are at work."},
    {kSitesPaused, "bulkhead_sites_paused", kGauge, kProvided, "",
     "Pairs of an address and a site that are left alone after the site was not reachable."},
    {kFirewallReadingAge, "bulkhead_firewall_reading_age_seconds", kGauge, kProvided, "",
     "Time since `bulkhead firewall follow` read the kernel's counters; absent where it has never run."},
    {kFirewallRefused, "bulkhead_firewall_refused_total", kCounter, kProvided, "reason",
     "Attempts to connect that the kernel refused: of another user, or from an address that is not the tenant's."},
    {kFirewallRepairs, "bulkhead_firewall_repairs_total", kCounter, kProvided, "",
     "Times that the kernel's table was put back after somebody had changed it."},
    {kFirewallTenantPackets, "bulkhead_firewall_tenant_packets_total", kCounter, kProvided, "tenant",
     "Packets that left to mail ports, as the kernel counts them, of the 100 busiest tenants."},
    {kFirewallTenantBytes, "bulkhead_firewall_tenant_bytes_total", kCounter, kProvided, "tenant",
     "Bytes that left to mail ports, as the kernel counts them, of the 100 busiest tenants."},
    {kReputationKeys, "bulkhead_reputation_keys", kGauge, kProvided, "kind state",
     "Accounts, tenants, addresses and clients that are in a state other than normal."},
    {kReputationChanges, "bulkhead_reputation_changes_total", kCounter, kProvided, "kind state",
     "Changes of such states, by the one that was entered."},
    {kReputationReports, "bulkhead_reputation_reports_total", kCounter, kProvided, "",
     "Events that reputation was told of."},
    {kReputationReportsDropped, "bulkhead_reputation_reports_dropped_total", kCounter, kProvided, "",
     "Events that reputation was not told of, because too many waited."},
    {kReputationStorageFailures, "bulkhead_reputation_storage_failures_total", kCounter, kProvided, "",
     "Times that the records of reputation could not be stored."},
    {kCases, "bulkhead_cases", kGauge, kProvided, "state", "Cases that are kept, open or closed."},
    {kReplyRulesFaulty, "bulkhead_reply_rules_faulty", kGauge, kProvided, "",
     "1 while the configured file of rules for replies is refused and the rules before it stay in force."},
    {kWebhookPosts, "bulkhead_webhook_posts_total", kCounter, kProvided, "outcome",
     "Posts of events to webhooks that were taken, failed or were answered 410 (gone), and events that were given up "
     "or "
     "dropped."},
    {kWebhookWaiting, "bulkhead_webhook_waiting", kGauge, kProvided, "", "Events that wait for a webhook."},
    {kWebhooksFailing, "bulkhead_webhooks_failing", kGauge, kProvided, "",
     "Webhooks whose last post was not taken, or that are switched off."},
    {kListings, "bulkhead_listings", kGauge, kProvided, "kind zone", "Source addresses and domains that a list names."},
    {kListingZones, "bulkhead_listing_zones", kGauge, kProvided, "zone branch state",
     "1 for each list that is asked, by whether it is trusted."},
    {kReadiness, "bulkhead_readiness", kGauge, kProvided, "kind state",
     "Source addresses and domains by whether others see them as fit to send."},
    {kAddressesWithheld, "bulkhead_source_addresses_withheld", kGauge, kProvided, "",
     "Source addresses that send nothing until they are ready."},
    {kSeriesOverflow, "bulkhead_metric_series_overflow_total", kCounter, kProvided, "",
     "Counts that went to \"other\" because a metric had its largest number of series."},
    {kProcessResidentBytes, "bulkhead_process_resident_memory_bytes", kGauge, kProvided, "",
     "Resident memory of the process."},
    {kProcessOpenFds, "bulkhead_process_open_fds", kGauge, kProvided, "", "Open file descriptors."},
    {kProcessCpuSeconds, "bulkhead_process_cpu_seconds_total", kCounter, kProvided, "",
     "User and system time of the process."},
    {kProcessStartTimeSeconds, "bulkhead_process_start_time_seconds", kGauge, kProvided, "",
     "When the process started, in seconds since 1970."},
    {kBuildInfo, "bulkhead_build_info", kGauge, kProvided, "version", "1, with the version as a label."},
}};

constexpr bool is_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].metric) != i) return false;
  }
  return true;
}
static_assert(is_in_order());

}  // namespace

std::span<const MetricSpec> metric_table() {
  return kTable;
}
const MetricSpec& spec_of(Metric metric) {
  return kTable[static_cast<std::size_t>(metric)];
}

std::string_view to_string(MetricType type) {
  switch (type) {
    case MetricType::kCounter:
      return "counter";
    case MetricType::kGauge:
      return "gauge";
    case MetricType::kHistogram:
      return "histogram";
  }
  return "untyped";
}

}  // namespace bulkhead::monitoring
