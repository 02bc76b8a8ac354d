#include "src/delivery/reply_reading.h"

#include <algorithm>
#include <utility>

#include "src/delivery/site.h"

namespace bulkhead::delivery {

namespace {

using reputation::DeliveryReport;

// Both enumerations name the commands in the same order.
replies::Stage stage_of(smtp::ClientStage stage) {
  static_assert(static_cast<int>(smtp::ClientStage::kOther) == static_cast<int>(replies::Stage::kOther));
  static_assert(static_cast<int>(smtp::ClientStage::kRcpt) == static_cast<int>(replies::Stage::kRcpt));
  static_assert(static_cast<int>(smtp::ClientStage::kEndOfData) == static_cast<int>(replies::Stage::kEndOfData));
  return static_cast<replies::Stage>(stage);
}

bool is_before_recipients(smtp::ClientStage stage) {
  return stage == smtp::ClientStage::kGreeting || stage == smtp::ClientStage::kHello ||
         stage == smtp::ClientStage::kStartTls || stage == smtp::ClientStage::kMail;
}

std::string whole_text(const queue::Answer& answer) {
  return answer.enhanced.empty() ? answer.text : answer.enhanced + " " + answer.text;
}

DeliveryReport::Result result_of(queue::Fate fate) {
  switch (fate) {
    case queue::Fate::kDelivered:
      return DeliveryReport::Result::kDelivered;
    case queue::Fate::kDeferred:
      return DeliveryReport::Result::kDeferred;
    case queue::Fate::kFailed:
      break;
  }
  return DeliveryReport::Result::kRefused;
}

// A refusal of all that we send must not fail messages that others are waiting for: that is for a person to see to.
queue::Fate corrected(queue::Fate fate, replies::Disposition disposition, smtp::ClientStage stage) {
  if (disposition == replies::Disposition::kDefer) return queue::Fate::kDeferred;
  const bool may_fail = !is_before_recipients(stage) || stage == smtp::ClientStage::kMail;
  return disposition == replies::Disposition::kFail && may_fail ? queue::Fate::kFailed : fate;
}

}  // namespace

replies::Pace pace_of(const replies::Classification& meaning, smtp::ClientStage stage) {
  if (meaning.pace != replies::Pace::kPause || is_before_recipients(stage)) return meaning.pace;
  return replies::Pace::kUnchanged;
}

void ReplyReading::classify(const queue::Answer& answer, smtp::ClientStage stage) {
  const auto rules = parts_.rules->current();
  Read read{.stage = stage, .code = answer.code, .text = whole_text(answer), .provider = {}, .meaning = {}};
  read.provider = rules->providers().of_site(lane_.site);
  read.meaning = std::make_shared<const replies::Classification>(
      rules->classify({read.provider, stage_of(stage), answer.code, answer.enhanced, answer.text}));
  parts_.metrics.reply_class(read.provider.empty() ? "other" : read.provider, to_string(read.meaning->primary));
  read_.push_back(std::move(read));
}

replies::Pace ReplyReading::read(queue::RecipientOutcome& recipient, smtp::ClientStage stage, queue::Outcome& outcome) {
  const queue::Answer& answer = recipient.answer;
  if (parts_.rules == nullptr || answer.code < 400) return replies::Pace::kUnchanged;
  const auto is_same = [&](const Read& known) {
    return known.code == answer.code && known.stage == stage && known.text == whole_text(answer);
  };
  if (read_.empty() || !is_same(read_.back())) classify(answer, stage);
  const replies::Classification& meaning = *read_.back().meaning;
  recipient.reply_class = to_string(meaning.primary);
  recipient.rule = meaning.rule;
  recipient.fate = corrected(recipient.fate, meaning.disposition, stage);
  const auto& later = meaning.carried.retry_after;
  if (recipient.fate == queue::Fate::kDeferred && later) {
    outcome.retry_after = std::max(outcome.retry_after.value_or(*later), *later);
  }
  return pace_of(meaning, stage);
}

void ReplyReading::report(const queue::Message& message, const queue::Outcome& outcome, std::size_t first) {
  const auto reads = std::exchange(read_, {});
  if (parts_.reports == nullptr || outcome.kind != queue::Outcome::Kind::kAttempted) return;
  std::vector<reputation::ReplyReport> groups;
  for (std::size_t i = first; i < outcome.recipients.size(); ++i) {
    const auto& recipient = outcome.recipients[i];
    if (recipient.answer.code == 0) continue;  // no server has spoken
    const auto result = result_of(recipient.fate);
    const std::string text = whole_text(recipient.answer);
    const bool is_delivered = result == DeliveryReport::Result::kDelivered;
    const auto is_same = [&](const reputation::ReplyReport& group) {
      return group.result == result && (is_delivered || (group.code == recipient.answer.code && group.text == text));
    };
    if (const auto known = std::ranges::find_if(groups, is_same); known != groups.end()) {
      ++known->recipients;
      continue;
    }
    auto& group = groups.emplace_back();
    group.message = message.id;
    group.source = outcome.source.value_or(IpAddress{});
    group.site = lane_.site;
    group.result = result;
    group.code = recipient.answer.code;
    if (is_delivered) continue;
    group.text = text;
    const auto read =
        std::ranges::find_if(reads, [&](const Read& r) { return r.code == group.code && r.text == text; });
    if (read == reads.end()) continue;
    group.meaning = read->meaning;
    group.provider = read->provider;
    group.stage = stage_of(read->stage);
  }
  reputation::Sender sender{.tenant = message.tenant, .account_name = message.account_name};
  if (message.account) sender.account = *message.account;
  if (message.sender.address) sender.domain = message.sender.address->domain;
  if (message.client_ip) sender.client = *message.client_ip;
  for (auto& group : groups) parts_.reports->add({sender, std::move(group)});
}

}  // namespace bulkhead::delivery
