// The product's metrics: counted by typed calls, read as the text that Prometheus scrapes.
//
// One Metrics is made in main and passed by reference. All functions are thread-safe. A counting call is meant for
// the hot path: a hash lookup under a striped lock for each label that is ranked and one for the series; no
// allocation once the series exists.
//
// Labels `tenant`, `source` and `site` are ranked: the busiest `Options::labels_max` values keep their name, the
// rest count as "other" (see label_ranking.h). A value that loses its name loses its series, too; what was counted in
// them is not added to "other", because a jump there would look like traffic. Every other label must come from a
// fixed set in our code, never from a peer.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/metric_table.h"
#include "src/base/clock.h"

namespace bulkhead::monitoring {

class Metrics {
 public:
  struct Options {
    std::string version = "0";
    std::size_t labels_max = 100;  // for each of tenant, source, site
    std::chrono::seconds ranking_interval{60};
  };
  // `clock` outlives the metrics.
  Metrics(Options options, const Clock& clock);
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  using Text = std::string_view;
  using Seconds = std::chrono::duration<double>;

  // Incoming mail. `protocol`: smtp submission submissions lmtp api.
  void message_received(Text tenant, Text protocol, std::uint64_t size_bytes);
  void message_rejected(Text tenant, Text reason) { add(Metric::kMessagesRejected, {tenant, reason}); }
  void recipients_accepted(Text tenant, std::uint64_t count = 1) { add(Metric::kRecipientsAccepted, {tenant}, count); }
  // `outcome`: ok failed verified; `protocol` is "delivery" for connections that we open.
  void tls_handshake(Text protocol, Text outcome) { add(Metric::kTlsHandshakes, {protocol, outcome}); }
  // `outcome`: ok failed locked unavailable.
  void login(Text outcome, Text protocol) { add(Metric::kLogins, {protocol, outcome}); }
  // `outcome`: ok none failed timeout refused cached.
  void dns_lookup(Text outcome) { add(Metric::kDnsLookups, {outcome}); }
  void dns_took(Seconds time) { observe(Metric::kDnsSeconds, {}, time); }
  // `group`: a fixed word, never the caller's.
  void api_request(Text group, int status);

  // Outgoing mail. `outcome`: delivered deferred bounced expired held; `source` is empty when none was used.
  void delivery_finished(Text tenant, Text source, Text site, Text outcome, std::uint64_t recipients = 1);
  void delivery_took(Text site, Text outcome, Seconds time) {
    observe(Metric::kDeliverySeconds, {site, outcome}, time);
  }
  void queue_delay(Text tenant, Seconds time) { observe(Metric::kQueueDelaySeconds, {tenant}, time); }
  void delivery_connection(Text source, Text outcome) { add(Metric::kDeliveryConnections, {source, outcome}); }
  void delivery_reply(Text site, Text reply_class) { add(Metric::kDeliveryReplies, {site, reply_class}); }
  // `provider` is one that the rules name, or "other"; `meaning` a class of monitoring/replies.
  void reply_class(Text provider, Text meaning) { add(Metric::kReplyClasses, {provider, meaning}); }
  void ambiguous_delivery(Text site) { add(Metric::kAmbiguousDeliveries, {site}); }
  // `zone` is one of the configuration; `outcome`: listed clear refused failed; `change`: listed delisted forgotten
  // set-aside trusted.
  void listing_question(Text zone, Text outcome) { add(Metric::kListingQuestions, {zone, outcome}); }
  void listing_transition(Text zone, Text change) { add(Metric::kListingTransitions, {zone, change}); }
  // `outcome`: complaint bounce neutral repeated unproven unreadable.
  void feedback_report(Text tenant, Text outcome) { add(Metric::kFeedbackReports, {tenant, outcome}); }
  void mailbox_delivery(Text tenant, Text outcome) { add(Metric::kMailboxDeliveries, {tenant, outcome}); }

  // Metrics of Origin::kProvided are asked for at each reading: the provider calls `emit` once for each series, with
  // the label values in the table's order. It runs on the reader's thread and may block shortly. Several providers of
  // one metric add up their series, those of a
  // counted one are added to what was counted; no two may emit the same labels. Process, build and overflow metrics
  // provide themselves.
  using Emit = std::function<void(std::initializer_list<Text> labels, double value)>;
  using Provider = std::function<void(const Emit& emit)>;
  void provide(Metric metric, Provider provider);
  // Forgets all providers; waits for a reading that is under way. Call it before what they refer to dies.
  void withdraw_providers();

  // Prometheus text format 0.0.4 of all metrics.
  std::string exposition();
  static constexpr Text kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  struct State;
  void add(Metric metric, std::initializer_list<Text> labels, std::uint64_t count = 1);
  void observe(Metric metric, std::initializer_list<Text> labels, Seconds time);
  void provide_own();
  void rank_if_due();

  const Options options_;
  const Clock& clock_;
  const SteadyTime started_;
  std::unique_ptr<State> state_;
};

}  // namespace bulkhead::monitoring
