// Reputation in memory, as the API sees it.
#pragma once

#include "src/admin/reputation_desk.h"

namespace bulkhead::admin {

using cases::Case;
using reputation::Key;
using reputation::State;

class FakeDesk final : public ReputationDesk {
 public:
  explicit FakeDesk(net::Shard& shard) : shard_(shard) {}
  net::Shard& shard() override { return shard_; }
  std::vector<reputation::Standing> list(reputation::KeyKind kind, State, std::size_t most,
                                         const std::optional<reputation::Rank>& after) const override {
    std::vector<reputation::Standing> found;
    for (const auto& one : all) {
      const reputation::Rank rank{one.state, one.key};
      if (one.key.kind == kind && (!after || after->is_before(rank))) {
        found.push_back({.key = one.key, .state = one.state});
      }
    }
    const auto is_worse = [](const auto& a, const auto& b) {
      return reputation::Rank{a.state, a.key}.is_before({b.state, b.key});
    };
    std::sort(found.begin(), found.end(), is_worse);
    if (found.size() > most) found.resize(most);
    return found;
  }
  reputation::Standing standing(const Key& key) const override {
    return {.key = key, .words = key.text() + " is fine"};
  }
  Status set_state(const StateOrder& order) override {
    orders.push_back(order);
    for (auto& one : all) {
      if (one.key == order.key && order.state == State::kRestored) one.status = Case::Status::kReleased;
    }
    return {};
  }
  Status exempt(const StateOrder& order) override {
    orders.push_back(order);
    return {};
  }
  std::vector<Case> cases(const std::function<bool(const Case&)>& wanted, const cases::CaseId&,
                          std::size_t most) const override {
    std::vector<Case> found;
    for (const auto& one : all) {
      if (wanted(one) && found.size() < most) found.push_back(one);
    }
    return found;
  }
  std::optional<Case> find_case(const cases::CaseId& id) const override {
    for (const auto& one : all) {
      if (one.id == id) return one;
    }
    return std::nullopt;
  }
  Status close_case(const cases::CaseId&, const std::string&) override { return {}; }
  void note(const cases::CaseId&, const std::string& by, std::string what) override {
    notes.push_back(by + ": " + what);
  }
  PolicySettings settings(const PolicyScope&) const override { return set; }
  reputation::Policy policy(const PolicyScope&) const override { return reputation::default_policy(); }
  Status set_policy(const PolicyScope&, PolicySettings settings) override {
    set = std::move(settings);
    return {};
  }
  std::vector<replies::UnknownReply> unknown_replies() const override { return unknown; }
  std::vector<RuleCount> rule_counts() const override { return {{"google-rate", 3, 0}}; }
  Task<Status> settle() override { co_return Status{}; }

  std::vector<Case> all;
  std::vector<replies::UnknownReply> unknown;
  std::vector<StateOrder> orders;
  std::vector<std::string> notes;
  PolicySettings set;

 private:
  net::Shard& shard_;
};

}  // namespace bulkhead::admin
