// A mind, somebody who sends, and short words for what happens to his mail.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "monitoring/reputation/reputation.h"
#include "src/base/random.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::reputation {

class ReputationTest : public testing::Test {
 protected:
  Decisions send(std::size_t recipients = 1, int messages = 1) {
    Decisions out;
    for (int i = 0; i < messages; ++i) {
      std::vector<std::uint64_t> hashes(recipients);
      for (auto& hash : hashes) hash = random.next();
      append(out, mind.submitted({subject, hashes}));
    }
    return out;
  }
  Decisions report(DeliveryReport::Result result, replies::ReplyClass primary, int times = 1, std::string detail = {}) {
    replies::Classification meaning;
    meaning.primary = primary;
    meaning.detail = std::move(detail);
    meaning.fault = replies::default_fault(primary);
    meaning.carried.address = carried;
    Decisions out;
    for (int i = 0; i < times; ++i) {
      const bool is_positive = result == DeliveryReport::Result::kDelivered;
      append(out,
             mind.reported({subject, source, site, result, 1, is_positive ? nullptr : &meaning, "the reply", message}));
    }
    return out;
  }
  Decisions deliver(int times) {
    return report(DeliveryReport::Result::kDelivered, replies::ReplyClass::kUnknown, times);
  }
  Decisions refuse(replies::ReplyClass primary, int times = 1, std::string detail = {}) {
    return report(DeliveryReport::Result::kRefused, primary, times, std::move(detail));
  }
  Decisions unknown(int times) {
    Decisions out;
    for (int i = 0; i < times; ++i) append(out, mind.unknown_recipient(subject, "nobody@a.example"));
    return out;
  }
  void complain(const std::vector<std::string>& people = {}) { mind.complained({subject, source, people, "abuse"}); }
  static void append(Decisions& out, Decisions more) {
    for (auto& each : more) out.push_back(std::move(each));
  }
  // Another account, with its own client, of another tenant.
  void become_another() {
    subject.account = AccountId::make(clock, random);
    subject.tenant = TenantId::make(clock, random);
    subject.client = IpAddress::v4({198, 51, 100, ++clients});
  }
  State account() const { return mind.state_of(Key::account(subject.account)); }
  State tenant() const { return mind.state_of(Key::tenant(subject.tenant)); }
  State address() const { return mind.state_of(Key::address(source)); }

  testlib::ManualClock clock;
  SeededRandom random{1};
  std::uint8_t clients = 1;
  std::shared_ptr<PolicyBook> book = std::make_shared<PolicyBook>();
  Reputation mind{clock, book};
  Subject subject{TenantId::make(clock, random),   AccountId::make(clock, random), "a@a.example", "", "a.example",
                  IpAddress::v4({198, 51, 100, 1})};
  IpAddress source = IpAddress::v4({192, 0, 2, 1});
  std::string site = "google.com";
  std::optional<IpAddress> carried;
  std::string message;  // empty: each report is of another one
};

}  // namespace bulkhead::reputation
