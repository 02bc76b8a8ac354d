// A small world of senders and receivers around the reputation, minute by minute, the same every time.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "monitoring/reputation/reputation.h"
#include "src/base/random.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::reputation {

// How an account's mail fares, in shares of its recipients.
struct Manners {
  double unknown = 0.005;
  double refused = 0.005;  // for other reasons that the sender could have avoided
  double complaints = 0;
  double spam_refusals = 0;  // replies that blame the address
  double greylisted = 0.05;  // deferred three times, then taken
};

struct Sender {
  std::string name;
  TenantId tenant;
  AccountId account;
  std::string plan;
  IpAddress client;
  Manners manners;
  bool is_honest = true;
  std::uint64_t wanted = 0, sent = 0;  // recipients
  UtcTime began{};                     // of what is not honest
  std::uint64_t sent_since_began = 0;
  std::map<State, UtcTime> first;  // when it came into a state
};

class World {
 public:
  explicit World(std::uint64_t seed, Policy usual = default_policy()) : random_(seed) {
    auto book = std::make_shared<PolicyBook>();
    book->set_usual(std::make_shared<const Policy>(std::move(usual)));
    policies_ = book;
    mind = std::make_unique<Reputation>(clock, policies_);
  }

  Sender& add(std::string name, TenantId tenant, Manners manners, std::string plan = {}) {
    senders.push_back(std::make_unique<Sender>());
    Sender& sender = *senders.back();
    sender.name = std::move(name);
    sender.tenant = tenant;
    sender.plan = std::move(plan);
    sender.account = AccountId::make(clock, random_);
    sender.client = IpAddress::v4(
        {10, static_cast<std::uint8_t>(senders.size() / 250), 0, static_cast<std::uint8_t>(1 + senders.size() % 250)});
    sender.manners = manners;
    return sender;
  }
  TenantId tenant() { return TenantId::make(clock, random_); }

  // One message to one recipient: what the server would do with it, and what became of it.
  void send(Sender& sender) {
    ++sender.wanted;
    const State state = mind->state_of(Key::account(sender.account));
    const bool is_client_stopped = mind->state_of(Key::client(sender.client)) == State::kQuarantined;
    const bool is_tenant_stopped = mind->state_of(Key::tenant(sender.tenant)) == State::kQuarantined;
    if (state == State::kQuarantined || is_client_stopped || is_tenant_stopped) return;
    const std::uint64_t recipient = random_.next();
    see(sender, mind->submitted({subject_of(sender), {&recipient, 1}}));
    if (mind->state_of(Key::account(sender.account)) >= State::kThrottled && !is_turn(sender)) return;
    deliver(sender);
  }
  void deliver(Sender& sender) {
    ++sender.sent;
    if (sender.began != UtcTime{} && clock.now() >= sender.began) ++sender.sent_since_began;
    const std::string& site = sites[random_.below(sites.size())];
    const std::string message = "M" + std::to_string(++messages_);
    if (site == sour_site) return defer(sender, site, message, replies::ReplyClass::kAddressReputation, 6);
    if (chance(sender.manners.greylisted)) defer(sender, site, message, replies::ReplyClass::kGreylisting, 3);
    DeliveryReport report{subject_of(sender), source, site, DeliveryReport::Result::kDelivered, 1, nullptr,
                          "250 2.0.0 ok",     message};
    const double dice = random_.uniform();
    const Manners& manners = sender.manners;
    replies::Classification meaning;
    meaning.rule = "simulated";
    if (site == broken_site || dice < manners.unknown) {
      meaning.primary = replies::ReplyClass::kRecipient;
      meaning.detail = "unknown-user";
      report.reply = "550 5.1.1 no such user";
    } else if (dice < manners.unknown + manners.refused) {
      meaning.primary = replies::ReplyClass::kContent;
      report.reply = "554 5.7.1 spam";
    } else if (dice < manners.unknown + manners.refused + manners.spam_refusals) {
      meaning.primary = replies::ReplyClass::kAddressReputation;
      meaning.fault = replies::Fault::kAddress;
      report.reply = "554 5.7.1 your address has a poor reputation";
    }
    meaning.classes.add(meaning.primary);
    if (meaning.is_known()) {
      report.result = DeliveryReport::Result::kRefused;
      report.meaning = &meaning;
    }
    see(sender, mind->reported(report));
    if (!meaning.is_known() && random_.uniform() < manners.complaints) {
      complaints_.emplace(clock.now() + std::chrono::minutes{30 + static_cast<std::int64_t>(below(690))}, &sender);
    }
  }
  // Tried again and again, with the same answer.
  void defer(Sender& sender, const std::string& site, const std::string& message, replies::ReplyClass why, int times) {
    replies::Classification meaning;
    meaning.rule = "simulated";
    meaning.primary = why;
    meaning.fault = replies::default_fault(why);
    for (int i = 0; i < times; ++i) {
      see(sender, mind->reported({subject_of(sender), source, site, DeliveryReport::Result::kDeferred, 1, &meaning,
                                  "451 4.7.1 later", message}));
    }
  }
  void minute() {
    // People read their mail later.
    while (!complaints_.empty() && complaints_.begin()->first <= clock.now()) {
      Sender& sender = *complaints_.begin()->second;
      complaints_.erase(complaints_.begin());
      see(sender, mind->complained({subject_of(sender), source, {}, "abuse report"}));
    }
    for (const auto& decision : mind->tick()) note(decision);
    clock.advance(std::chrono::minutes{1});
  }
  // Everything through its stored form into a new mind, as a restart does it.
  void restart() {
    std::vector<StoredRecord> changes;
    do {
      changes = mind->take_changes(1000);
      for (const auto& change : changes) stored_[change.key] = change.value;
    } while (!changes.empty());
    mind = std::make_unique<Reputation>(clock, policies_);
    for (const auto& [key, value] : stored_) {
      if (!value.empty() && !mind->restore(key, value)) ++restore_faults;
    }
  }
  Subject subject_of(const Sender& sender) const {
    return {sender.tenant, sender.account, sender.name, sender.plan, "customer.example", sender.client};
  }
  void see(Sender& sender, const Decisions& decisions) {
    for (const auto& decision : decisions) {
      note(decision);
      if (decision.key == Key::account(sender.account)) sender.first.try_emplace(decision.to, clock.now());
    }
  }
  void note(const Decision& decision) { log.push_back(decision); }
  bool was(const Sender& sender, State state) const { return sender.first.contains(state); }
  // Why it came into its worst state.
  std::string why(const Sender& sender) const {
    const Decision* worst = nullptr;
    for (const auto& d : log) {
      if (d.key == Key::account(sender.account) && (worst == nullptr || d.to > worst->to)) worst = &d;
    }
    return sender.name + ": " + (worst == nullptr ? "" : worst->words);
  }
  std::size_t decided(KeyKind kind, State least) const {
    std::size_t count = 0;
    for (const auto& d : log) count += d.key.kind == kind && d.to >= least && d.is_acting() ? 1U : 0U;
    return count;
  }
  bool chance(double share) { return random_.uniform() < share; }
  std::uint64_t below(std::uint64_t bound) { return random_.below(bound); }

  testlib::ManualClock clock;
  std::unique_ptr<Reputation> mind;
  std::vector<std::unique_ptr<Sender>> senders;
  std::vector<std::string> sites{"google.com", "outlook.com", "yahoo.com", "gmx.net", "mx.small.example"};
  std::string broken_site;
  std::string sour_site;  // defers all, because of the address
  IpAddress source = IpAddress::v4({192, 0, 2, 1});
  Decisions log;
  int restore_faults = 0;

 private:
  // A throttled account's trickle: 20 an hour.
  bool is_turn(const Sender& sender) {
    UtcTime& last = trickle_[sender.account];
    if (clock.now() - last < std::chrono::minutes{3}) return false;
    last = clock.now();
    return true;
  }

  SeededRandom random_;
  std::uint64_t messages_ = 0;
  std::multimap<UtcTime, Sender*> complaints_;  // by when they come
  std::shared_ptr<const PolicyBook> policies_;
  std::map<std::string, std::string> stored_;
  std::map<AccountId, UtcTime> trickle_;
};

}  // namespace bulkhead::reputation
