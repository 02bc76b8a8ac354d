#include "src/app/reputation_loop.h"

#include <algorithm>
#include <utility>

#include "netpolicy/limits/limiter.h"
#include "src/base/client_network.h"

namespace bulkhead::app {

namespace {

using reputation::Decisions;
using reputation::Report;
using reputation::Sender;

constexpr std::chrono::milliseconds kInterval{1000};
constexpr std::size_t kSliceMax = 500;  // reports that are counted before the shard's other work gets a turn
constexpr std::size_t kPlansMax = 100'000;
constexpr std::chrono::seconds kPlanKept{10};
constexpr std::size_t kLookUpsMax = 1000;

reputation::Subject subject_from(const Sender& sender) {
  return {.tenant = sender.tenant,
          .account = sender.account,
          .name = sender.account_name,
          .plan = sender.plan,
          .domain = sender.domain,
          .client = sender.client};
}

}  // namespace

ReputationLoop::ReputationLoop(Parts parts)
    : parts_(std::move(parts)),
      shard_(parts_.runtime.shard(0)),
      policies_(parts_.is_shadow),
      reputation_(parts_.clock, policies_.book(*parts_.directory.snapshot())),
      holds_(shard_, parts_.log),
      publisher_(parts_.board, parts_.clock) {
  for (std::size_t i = 0; i < parts_.runtime.size(); ++i) {
    outboxes_.push_back(std::make_unique<ReputationOutbox>(
        parts_.runtime.shard(i), shard_, traffic_, [this](std::vector<Report> reports) { take(std::move(reports)); }));
  }
}

void ReputationLoop::take(std::vector<Report> reports) {
  const bool is_at_work = !inbox_.empty();
  std::ranges::move(reports, std::back_inserter(inbox_));
  if (!is_at_work) work_off();
}

void ReputationLoop::work_off() {
  const std::size_t slice = std::min(kSliceMax, inbox_.size());
  for (std::size_t i = 0; i < slice; ++i) {
    Report report = std::move(inbox_.front());
    inbox_.pop_front();
    apply(report);
  }
  traffic_.waiting -= slice;
  publish();
  if (!inbox_.empty()) shard_.post([this] { work_off(); });
}

void ReputationLoop::remember_plan(const AccountId& account, std::string plan) {
  if (plans_.size() >= kPlansMax && !plans_.contains(account)) plans_.clear();
  plans_[account] = {std::move(plan), parts_.clock.steady()};
}

// Submissions name the plan; who reports a delivery or a complaint does not know it. What is not known is looked up
// first, what was known a while ago meanwhile: a plan that was changed holds some seconds later.
void ReputationLoop::apply(Report& report) {
  const auto& sender = report.sender;
  if (sender.account.is_nil()) return apply_as(report, {});
  if (!sender.plan.empty()) {
    remember_plan(sender.account, sender.plan);
    return apply_as(report, sender.plan);
  }
  const auto known = plans_.find(sender.account);
  const bool may_ask = group_ != nullptr && !group_->is_cancelled();
  if (known == plans_.end()) {
    // While the directory does not answer, no more than so many wait for it; the others go by the usual rules.
    if (!may_ask || looking_up_ >= kLookUpsMax) return apply_as(report, {});
    const auto account = sender.account;
    const auto tenant = sender.tenant;
    group_->spawn(look_up_plan(account, tenant, std::move(report)));
    return;
  }
  if (may_ask && parts_.clock.steady() - known->second.known_at >= kPlanKept) {
    known->second.known_at = parts_.clock.steady();
    group_->spawn(look_up_plan(sender.account, sender.tenant, std::nullopt));
  }
  apply_as(report, known->second.plan);
}

Task<void> ReputationLoop::look_up_plan(AccountId account, TenantId tenant, std::optional<Report> report) {
  ++looking_up_;
  auto looking = parts_.directory.account_by_id(shard_, account);
  const auto found = co_await std::move(looking);
  --looking_up_;
  const auto snapshot = parts_.directory.snapshot();
  std::string plan;
  if (found && *found) {
    plan = to_string(netpolicy::Limiter::plan_of(*snapshot, **found, parts_.clock.now()));
  } else if (const auto* owner = snapshot->tenant(tenant); owner != nullptr) {
    plan = to_string(owner->plan);
  }
  if (found) remember_plan(account, plan);
  if (!report) co_return;
  apply_as(*report, plan);
  publish();
}

void ReputationLoop::apply_as(Report& report, std::string plan) {
  auto& sender = report.sender;
  sender.plan = std::move(plan);
  // Programs of this host speak for many people, a webmail say: none is to be blocked for another.
  sender.client = sender.client.is_loopback() ? IpAddress{} : client_network(sender.client);
  const auto decisions = count(report);
  if (!decisions.empty()) carry_out(decisions, sender, "reputation");
}

// The monitor asks the lists that it knows; this is what a remote server says of one, its own or one that costs money.
void ReputationLoop::see_listing(const reputation::ReplyReport& reply) {
  const auto& meaning = *reply.meaning;
  const auto& carried = meaning.carried;
  const bool is_ours = !reply.source.is_unspecified() && carried.address.value_or(reply.source) == reply.source;
  if (carried.zone.empty() || !is_ours || meaning.primary != replies::ReplyClass::kAddressReputation) return;
  NamedListing named{reply.source, carried.zone, reply.site, carried.link};
  const auto weight = hearsay_.hear(named, reputation_.now());
  if (!weight) return;
  named.weight = *weight;
  if (parts_.on_named_listing) parts_.on_named_listing(named);
}

Decisions ReputationLoop::count(Report& report) {
  const auto subject = subject_from(report.sender);
  if (const auto* submission = std::get_if<reputation::SubmissionReport>(&report.event)) {
    see_client(subject.account, subject.client);
    const std::string message = submission->message.is_nil() ? std::string{} : submission->message.text();
    return reputation_.submitted({subject, submission->recipients, message});
  }
  if (const auto* reply = std::get_if<reputation::ReplyReport>(&report.event)) {
    if (reply->meaning) {
      tally_.add(*reply->meaning);
      see_listing(*reply);
      if (!reply->meaning->is_known()) {
        unknown_.add({reply->provider, reply->stage, reply->code, {}, reply->text}, parts_.clock.now());
      }
    }
    const std::string message = reply->message.text();
    const std::string text = std::to_string(reply->code) + " " + reply->text + " (" + message + ")";
    return reputation_.reported({.subject = subject,
                                 .source = reply->source,
                                 .site = reply->site,
                                 .result = reply->result,
                                 .recipients = reply->recipients,
                                 .meaning = reply->meaning.get(),
                                 .reply = text,
                                 .message = message});
  }
  if (const auto* unknown = std::get_if<reputation::UnknownRecipientReport>(&report.event)) {
    return reputation_.unknown_recipient(subject, unknown->recipient);
  }
  if (const auto* sign_in = std::get_if<reputation::SignInReport>(&report.event)) {
    const bool is_countable = sign_in->is_successful && !subject.client.is_unspecified();
    const bool is_new = is_countable && networks_.is_new(subject.account, subject.client);
    return reputation_.signed_in({subject, sign_in->name, sign_in->is_successful, is_new});
  }
  if (const auto* complaint = std::get_if<reputation::ComplaintReport>(&report.event)) {
    return reputation_.complained({subject, complaint->source, complaint->people, complaint->what});
  }
  if (const auto* verdict = std::get_if<reputation::SpamVerdictReport>(&report.event)) {
    return reputation_.called_spam(subject, verdict->why);
  }
  const auto& listing = std::get<reputation::ListingReport>(report.event);
  return listing.source.is_unspecified() ? reputation_.domain_listed(listing.domain, listing.zone)
                                         : reputation_.listed(listing.source, listing.zone);
}

Task<void> ReputationLoop::run(net::TaskGroup& group) {
  group_ = &group;
  for (;;) {
    // Plans and tenants may have changed.
    const auto snapshot = parts_.directory.snapshot();
    if (snapshot->version() != directory_version_) {
      directory_version_ = snapshot->version();
      reputation_.replace(policies_.book(*snapshot));
    }
    carry_out(reputation_.tick(), {}, "reputation");
    publish();
    auto catching_up = catch_up();
    co_await std::move(catching_up);
    auto sleeping = shard_.sleep(kInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
  }
}

// Stores what was decided and gives the queue its orders without waiting for the next second.
void ReputationLoop::hurry() {
  if (group_ == nullptr || group_->is_cancelled()) return;
  if (std::exchange(is_hurrying_, true)) {
    must_hurry_again_ = true;
    return;
  }
  // What is decided may come from the middle of a batch: the board is published before anything else.
  shard_.post([this] {
    if (group_->is_cancelled()) return;
    group_->spawn(catch_up());
  });
}

Task<void> ReputationLoop::catch_up() {
  do {
    must_hurry_again_ = false;
    auto saving = save();
    (void)co_await std::move(saving);
    auto enforcing = holds_.enforce();
    co_await std::move(enforcing);
  } while (must_hurry_again_);
  is_hurrying_ = false;
}

ReputationLoop::Readings ReputationLoop::readings() const {
  Readings out{.traffic = traffic_};
  for (std::size_t kind = 0; kind < out.keys.size(); ++kind) {
    for (std::size_t state = 0; state < out.keys[kind].size(); ++state) {
      out.changes[kind][state] = changes_[kind][state];
      out.keys[kind][state] = keys_[kind][state];
    }
  }
  out.storage_failures = storage_failures_;
  out.cases = case_count_;
  out.open_cases = open_cases_;
  return out;
}

}  // namespace bulkhead::app
