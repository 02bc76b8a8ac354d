#include "src/app/oversight.h"

#include "src/app/reputation_news.h"
#include "src/app/resolver_options.h"
#include "src/app/settings.h"
#include "src/app/version.h"
#include "src/app/webhook_events.h"

namespace bulkhead::app {

Status Oversight::open(const Configuration& configuration) {
  node_name_ = configuration.node.name;
  if (auto opened = open_webhooks(configuration); !opened) return opened;
  if (auto opened = open_reputation(configuration); !opened) return opened;
  feedback_ = std::make_unique<FeedbackDesk>(FeedbackDesk::Parts{
      *foundation_.store, *foundation_.trace, *foundation_.live, foundation_.metrics, foundation_.clock,
      foundation_.log, [this](const Feedback& feedback) { tell(report_of(feedback)); }});
  return open_monitor(configuration);
}

Status Oversight::open_webhooks(const Configuration& configuration) {
  auto target = webhook_target(configuration.notify);
  if (!target) return fail(target.error());
  const auto name_of = [this](const TenantId& tenant) {
    const auto* found = foundation_.live->snapshot()->tenant(tenant);
    return found != nullptr ? found->name : tenant.text();
  };
  webhooks_ = std::make_unique<Webhooks>(
      Webhooks::Parts{*foundation_.store, foundation_.clock, foundation_.random, foundation_.log, name_of,
                      webhook::make_curl_poster(std::string{"bulkhead/"} + kVersion)});
  return webhooks_->restore(std::move(*target));
}

// The operator hears of everything, a tenant of what is its own.
template <class Change>
void Oversight::tell_webhooks(const Change& change) {
  const auto directory = foundation_.live->snapshot();
  const std::optional<WebhookEvent> event =
      event_of(EventContext{*directory, node_name_, foundation_.clock.now()}, change);
  if (!event) return;
  webhooks_->tell({}, event->body);
  if (!event->tenant.is_nil()) webhooks_->tell(event->tenant, event->body);
}

Status Oversight::open_reputation(const Configuration& configuration) {
  reply_rules_ =
      std::make_unique<ReplyRules>(configuration.reputation.reply_rules, rule_book_, foundation_.pool, foundation_.log);
  reply_rules_->look();
  ReputationLoop::Parts parts{.runtime = foundation_.runtime,
                              .store = *foundation_.store,
                              .trace = *foundation_.trace,
                              .directory = *foundation_.live,
                              .board = restrictions_,
                              .clock = foundation_.clock,
                              .random = foundation_.random,
                              .log = foundation_.log,
                              .is_shadow = configuration.reputation.shadow,
                              .end_sessions = end_sessions_,
                              .on_case =
                                  [this](const cases::Case& changed) {
                                    if (notifier_) notifier_->case_changed(changed);
                                    tell_webhooks(changed);
                                  },
                              .on_named_listing = [this](const NamedListing& named) { hear(named); }};
  reputation_ = std::make_unique<ReputationLoop>(std::move(parts));
  return reputation_->load();
}

// People hear of it at once, reputation when it is believed.
void Oversight::hear(const NamedListing& named) {
  if (!monitor_) return;
  auto said = transition_of(named);
  said.since = foundation_.clock.now();
  if (named.weight == NamedListing::Weight::kConfirmed) {
    if (!monitor_->asks(named.zone)) tell(report_of(said));
    return;
  }
  const bool is_told = named.weight == NamedListing::Weight::kTold;
  const bool is_news = monitor_->hear(said, is_told);
  if (!is_told || !is_news) return;
  if (notifier_) notifier_->listing_changed(said);
  tell_webhooks(said);
}

Status Oversight::open_monitor(const Configuration& configuration) {
  AddressMonitor::Parts parts{.shard = foundation_.runtime.shard(0),
                              .dns = resolver_options(configuration, foundation_.metrics),
                              .directory = *foundation_.live,
                              .host = *foundation_.host,
                              .store = *foundation_.store,
                              .trace = *foundation_.trace,
                              .metrics = foundation_.metrics,
                              .clock = foundation_.clock,
                              .random = foundation_.random,
                              .log = foundation_.log,
                              .node_name = configuration.node.name,
                              .on_transition =
                                  [this](const auto& transition) {
                                    tell(report_of(transition));
                                    if (notifier_) notifier_->listing_changed(transition);
                                    tell_webhooks(transition);
                                  },
                              .on_readiness =
                                  [this](const auto& change) {
                                    if (notifier_) notifier_->readiness_changed(change);
                                    tell_webhooks(change);
                                  }};
  auto monitor = AddressMonitor::open(std::move(parts), monitor_settings(configuration));
  if (!monitor) return fail(monitor.error());
  monitor_ = std::move(*monitor);
  return {};
}

void Oversight::connect(queue::Queue& queue, const Configuration& configuration) {
  reputation_->connect(queue);
  notifier_ = std::make_unique<Notifier>(Notifier::Parts{
      foundation_.runtime.shard(0), *foundation_.live, queue, *foundation_.store, foundation_.clock, foundation_.random,
      foundation_.log, configuration.node.name, configuration.notify, configuration.queue.expire_after});
}

Status Oversight::change(const Configuration::Notify& settings) {
  foundation_.runtime.shard(0).post([this, settings] { notifier_->change_settings(settings); });
  auto target = webhook_target(settings);
  if (!target) return fail(target.error());
  webhooks_->set_operator(std::move(*target));
  return {};
}

void Oversight::start(net::TaskGroup& group) {
  webhooks_->start();
  group.spawn(reputation_->run(group));
  group.spawn(notifier_->run(group));
  group.spawn(reply_rules_->run(foundation_.runtime.shard(0), group));
  group.spawn(monitor_->run(group));
}

Task<void> Oversight::save() {
  auto saving = reputation_->save();
  (void)co_await std::move(saving);  // says itself why it failed
}

// Any thread.
void Oversight::tell(std::optional<reputation::Report> report) {
  if (!report) return;
  foundation_.runtime.shard(0).post(
      [this, report = std::move(*report)]() mutable { reputation_->reports(0).add(std::move(report)); });
}

}  // namespace bulkhead::app
