// The shipped rules. Their figures come from the simulated weeks in tests/sim/reputation.

#include <algorithm>

#include "monitoring/reputation/policy.h"

namespace bulkhead::reputation {

namespace {

void add_volume_rules(std::vector<Rule>& rules) {
  constexpr auto kind = KeyKind::kAccount;
  const auto unknown = [&](const char* name, State state, double count, double share) {
    rules.push_back({.name = name,
                     .kind = kind,
                     .leads_to = state,
                     .signal = Signal::kUnknownRecipients,
                     .count_min = count,
                     .share_over = share,
                     .whole = Whole::kAddressed});
  };
  unknown("account-unknown-recipients-watch", State::kWatched, 10, 0.02);
  unknown("account-unknown-recipients", State::kThrottled, 25, 0.02);
  unknown("account-harvest", State::kQuarantined, 150, 0.2);

  // An outbreak is over 1,000 a minute, and is to be stopped within 5 seconds: what counts is what the account does in
  // a minute, not in a day.
  const auto surge = [&](const char* name, State state, double count, double busiest_minutes) {
    rules.push_back({.name = name,
                     .kind = kind,
                     .leads_to = state,
                     .signal = Signal::kRecipients,
                     .window = Window::kMinute,
                     .count_min = count,
                     .busiest_minutes_min = busiest_minutes});
  };
  surge("account-surge-watch", State::kWatched, 40, 2);
  surge("account-surge", State::kThrottled, 80, 3);
  surge("account-flood", State::kQuarantined, 1000, 10);
  rules.push_back({.name = "account-volume-watch",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kRecipients,
                   .count_min = 300,
                   .busiest_days_min = 5});
  surge("account-new-network", State::kThrottled, 50, 2);
  rules.back().also = Signal::kOddSignIns;
  rules.back().also_min = 1;
}

void add_refusal_rules(std::vector<Rule>& rules) {
  constexpr auto kind = KeyKind::kAccount;
  rules.push_back({.name = "account-reputation",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kReputationRefusals,
                   .count_min = 3});
  rules.push_back({.name = "account-bounces-watch",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kBounces,
                   .window = Window::kDay,
                   .share_over = 0.05,
                   .whole = Whole::kAttempted,
                   .whole_min = 50});
  rules.push_back({.name = "account-bounces",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kBounces,
                   .window = Window::kDay,
                   .share_over = 0.10,
                   .whole = Whole::kAttempted,
                   .whole_min = 100});
  rules.push_back({.name = "account-complaints",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kComplaints,
                   .window = Window::kDay,
                   .count_min = 3,
                   .share_over = 0.005,
                   .whole = Whole::kDelivered,
                   .whole_min = 100});
  rules.push_back({.name = "account-content",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kContentRefusals,
                   .count_min = 10,
                   .share_over = 0.05,
                   .whole = Whole::kMessages});
  rules.push_back({.name = "account-spam-verdicts",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kSpamVerdicts,
                   .count_min = 10,
                   .share_over = 0.3,
                   .whole = Whole::kMessages});
  rules.push_back({.name = "account-spam-verdicts-many",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kSpamVerdicts,
                   .count_min = 50,
                   .share_over = 0.5,
                   .whole = Whole::kMessages});
  rules.push_back({.name = "account-odd-sign-ins",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kOddSignIns,
                   .count_min = 8});
  rules.push_back({.name = "account-odd-sign-ins-many",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kOddSignIns,
                   .count_min = 25});
  rules.push_back({.name = "account-guessed",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kSignInFailures,
                   .count_min = 50});
}

void add_tenant_rules(std::vector<Rule>& rules) {
  constexpr auto kind = KeyKind::kTenant;
  const auto bad_accounts = [&](const char* name, State state, double count, double share) {
    rules.push_back({.name = name,
                     .kind = kind,
                     .leads_to = state,
                     .signal = Signal::kBadAccounts,
                     .window = Window::kDay,
                     .count_min = count,
                     .share_of_distinct = share});
  };
  bad_accounts("tenant-bad-accounts-watch", State::kWatched, 2, 0);
  bad_accounts("tenant-bad-accounts", State::kThrottled, 3, 0.1);
  bad_accounts("tenant-bad-accounts-many", State::kQuarantined, 10, 0.3);
  rules.push_back({.name = "tenant-unknown-recipients",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kUnknownRecipients,
                   .count_min = 100,
                   .share_over = 0.1,
                   .whole = Whole::kAddressed});
  rules.push_back({.name = "tenant-reputation",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kReputationRefusals,
                   .count_min = 15,
                   .share_over = 0.05,
                   .whole = Whole::kMessages});
  rules.push_back({.name = "tenant-surge-watch",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kRecipients,
                   .window = Window::kMinute,
                   .count_min = 300,
                   .busiest_days_min = 2});
  rules.push_back({.name = "tenant-surge",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kRecipients,
                   .window = Window::kMinute,
                   .count_min = 1000,
                   .busiest_days_min = 5});
}

void add_sending_rules(std::vector<Rule>& rules) {
  rules.push_back({.name = "domain-reputation-watch",
                   .kind = KeyKind::kDomain,
                   .leads_to = State::kWatched,
                   .signal = Signal::kDomainRefusals,
                   .count_min = 3});
  rules.push_back({.name = "domain-reputation",
                   .kind = KeyKind::kDomain,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kDomainRefusals,
                   .count_min = 10,
                   .share_over = 0.05,
                   .whole = Whole::kMessages});
  rules.push_back({.name = "domain-listed",
                   .kind = KeyKind::kDomain,
                   .leads_to = State::kWatched,
                   .signal = Signal::kListings,
                   .window = Window::kDay,
                   .count_min = 1});
  rules.push_back({.name = "address-listed",
                   .kind = KeyKind::kAddress,
                   .leads_to = State::kWatched,
                   .signal = Signal::kListings,
                   .window = Window::kDay,
                   .count_min = 1});
  // One site's word is that site's business; an address is acted on as a whole only when several say the same.
  rules.push_back({.name = "address-reputation",
                   .kind = KeyKind::kAddress,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kReputationRefusals,
                   .count_min = 15,
                   .share_over = 0.02,
                   .whole = Whole::kAttempted,
                   .distinct_min = 3});
  rules.push_back({.name = "address-reputation-many",
                   .kind = KeyKind::kAddress,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kReputationRefusals,
                   .count_min = 200,
                   .share_over = 0.5,
                   .whole = Whole::kAttempted,
                   .distinct_min = 5});
  rules.push_back({.name = "address-at-site",
                   .kind = KeyKind::kAddressSite,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kReputationRefusals,
                   .count_min = 5,
                   .share_over = 0.05,
                   .whole = Whole::kAttempted});
}

void add_client_rules(std::vector<Rule>& rules) {
  constexpr auto kind = KeyKind::kClient;
  rules.push_back({.name = "client-guessing",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kSignInFailures,
                   .window = Window::kTenMinutes,
                   .count_min = 20});
  rules.push_back({.name = "client-guessing-many",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kSignInFailures,
                   .count_min = 100});
  // Many names tried a few times each: nobody forgets the passwords of ten mailboxes.
  rules.push_back({.name = "client-spraying",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kSignInFailures,
                   .window = Window::kDay,
                   .count_min = 30,
                   .distinct_min = 10});
  rules.push_back({.name = "client-bad-accounts-watch",
                   .kind = kind,
                   .leads_to = State::kWatched,
                   .signal = Signal::kBadAccounts,
                   .window = Window::kDay,
                   .count_min = 1});
  rules.push_back({.name = "client-bad-accounts",
                   .kind = kind,
                   .leads_to = State::kQuarantined,
                   .signal = Signal::kBadAccounts,
                   .window = Window::kDay,
                   .count_min = 3});
  rules.push_back({.name = "client-unknown-recipients",
                   .kind = kind,
                   .leads_to = State::kThrottled,
                   .signal = Signal::kUnknownRecipients,
                   .count_min = 50,
                   .share_over = 0.2,
                   .whole = Whole::kAddressed});
}

}  // namespace

Policy default_policy() {
  Policy policy;
  add_volume_rules(policy.rules);
  add_refusal_rules(policy.rules);
  add_tenant_rules(policy.rules);
  add_sending_rules(policy.rules);
  add_client_rules(policy.rules);
  return policy;
}

Policy bulk_policy() {
  Policy policy = default_policy();
  for (auto& rule : policy.rules) {
    if (rule.kind != KeyKind::kAccount) continue;
    if (rule.signal == Signal::kRecipients) rule.count_min *= 20;
    if (rule.signal == Signal::kUnknownRecipients) rule.share_over = std::max(rule.share_over, 0.05);
    if (rule.signal == Signal::kBounces || rule.signal == Signal::kComplaints) rule.whole_min *= 5;
    if (rule.signal == Signal::kReputationRefusals) rule.share_over = 0.01, rule.whole = Whole::kMessages;
  }
  return policy;
}

}  // namespace bulkhead::reputation
