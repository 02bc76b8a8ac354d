#include "src/delivery/fate.h"

#include <algorithm>
#include <utility>

#include "src/mail/utf8.h"

namespace bulkhead::delivery {

namespace {

constexpr std::size_t kTextMax = 1000;

bool concerns_us(smtp::ClientStage stage) {
  return stage == smtp::ClientStage::kGreeting || stage == smtp::ClientStage::kHello ||
         stage == smtp::ClientStage::kStartTls || stage == smtp::ClientStage::kOther;
}

}  // namespace

queue::Fate fate_of(const queue::Answer& answer, smtp::ClientStage stage) {
  const int code = answer.code;
  if (code >= 200 && code < 300) return queue::Fate::kDelivered;
  if (code < 500) return queue::Fate::kDeferred;
  if (concerns_us(stage)) return code == 521 || code == 556 ? queue::Fate::kFailed : queue::Fate::kDeferred;
  const bool is_about_count = answer.enhanced.empty() || answer.enhanced == "5.5.3";
  if (code == 552 && stage == smtp::ClientStage::kRcpt && is_about_count) return queue::Fate::kDeferred;
  return queue::Fate::kFailed;
}

bool is_too_many_recipients(const smtp::Reply& reply) {
  if (reply.code != 452 && reply.code != 552) return false;
  return reply.enhanced.empty() || reply.enhanced == "4.5.3" || reply.enhanced == "5.5.3";
}

queue::Answer answer_of(const smtp::Reply& reply) {
  queue::Answer answer;
  answer.code = reply.code;
  answer.enhanced = reply.enhanced;
  for (const auto& line : reply.lines) {
    if (!answer.text.empty()) answer.text += ' ';
    answer.text += line;
    if (answer.text.size() > kTextMax) break;
  }
  answer.text = mail::utf8_prefix(answer.text, kTextMax);
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  std::replace_if(answer.text.begin(), answer.text.end(), is_control, '?');
  return answer;
}

queue::Answer own_answer(std::string_view enhanced, std::string text) {
  queue::Answer answer;
  answer.enhanced = enhanced;
  answer.text = std::move(text);
  return answer;
}

}  // namespace bulkhead::delivery
