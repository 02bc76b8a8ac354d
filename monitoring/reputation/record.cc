#include "monitoring/reputation/record.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/mail/utf8.h"

namespace bulkhead::reputation {

namespace {

constexpr std::int64_t kDay = 86400;

std::int64_t unix_seconds(UtcTime time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

std::string_view to_string(State state) {
  constexpr std::array<std::string_view, 5> kNames{"normal", "restored", "watched", "throttled", "quarantined"};
  return kNames[static_cast<std::size_t>(state)];
}

void History::add(UtcTime now, std::uint32_t amount, bool is_tainted) {
  const std::int64_t second = unix_seconds(now);
  if (day_began_ == 0) day_began_ = second;
  if (second - day_began_ >= kDay) {
    const std::int64_t elapsed = (second - day_began_) / kDay;
    end_day(std::min<std::int64_t>(elapsed, 400));
    day_began_ += elapsed * kDay;
  }
  today_ += std::min(amount, 0xFFFFFFFFU - today_);
  is_tainted_ = is_tainted_ || is_tainted;
  add_to_minute(second, amount);
}

void History::add_to_minute(std::int64_t second, std::uint32_t amount) {
  constexpr std::int64_t kMinute = 60;
  if (second < minute_began_ || second - minute_began_ >= kMinute) {
    minute_began_ = second;
    minute_ = 0;
  }
  minute_ += std::min(amount, 0xFFFFFFFFU - minute_);
  todays_minute_ = std::max(todays_minute_, minute_);
}

void History::end_day(std::int64_t elapsed_days) {
  constexpr int kLearningDays = 14;
  constexpr float kFading = 0.97F;
  if (!is_tainted_) {
    const float weight = 1.0F / static_cast<float>(std::min<int>(days_ + 1, kLearningDays));
    daily_ += (static_cast<float>(today_) - daily_) * weight;
    busiest_ = std::max(busiest_ * kFading, static_cast<float>(today_));
    busiest_minute_ = std::max(busiest_minute_ * kFading, static_cast<float>(todays_minute_));
    days_ = static_cast<std::uint16_t>(std::min(days_ + 1, 10000));
  }
  const auto idle = static_cast<float>(elapsed_days - 1);
  daily_ *= std::pow(1.0F - 1.0F / kLearningDays, idle);
  busiest_ *= std::pow(kFading, idle);
  busiest_minute_ *= std::pow(kFading, idle);
  today_ = 0;
  todays_minute_ = 0;
  is_tainted_ = false;
}

SignalCount& Record::at(Signal signal) {
  const auto found =
      std::find_if(counts_.begin(), counts_.end(), [signal](const Counted& c) { return c.signal == signal; });
  if (found != counts_.end()) return found->count;
  counts_.push_back({signal, {}});
  return counts_.back().count;
}

void Record::take_back(Signal signal, std::uint32_t amount) {
  if (find(signal) != nullptr) at(signal).take_back(amount);
}

const SignalCount* Record::find(Signal signal) const {
  const auto found =
      std::find_if(counts_.begin(), counts_.end(), [signal](const Counted& c) { return c.signal == signal; });
  return found == counts_.end() ? nullptr : &found->count;
}

double Record::count(Signal signal, Window window, UtcTime now) const {
  const SignalCount* const found = find(signal);
  return found == nullptr ? 0.0 : found->count(window, now);
}

double Record::decayed(Signal signal, Window window, UtcTime now) const {
  const SignalCount* const found = find(signal);
  return found == nullptr ? 0.0 : found->decayed(window, now);
}

void Record::see_distinct(std::uint64_t hash, UtcTime now) {
  const std::int64_t second = unix_seconds(now);
  if (distinct_began == 0 || second - distinct_began >= kDay) {
    distinct.clear();
    distinct_began = second;
  }
  distinct.add(hash);
}

void Record::set_distinct(const std::vector<std::uint64_t>& hashes, UtcTime now) {
  distinct.clear();
  distinct_began = unix_seconds(now);
  for (const std::uint64_t hash : hashes) distinct.add(hash);
}

void Record::add_sample(Sample sample) {
  sample.text = mail::to_printable_utf8(sample.text, kSampleSizeMax);
  const auto is_message = [](const Sample& one) { return one.signal == Signal::kRecipients; };
  const auto messages = static_cast<std::size_t>(std::ranges::count_if(samples, is_message));
  if (is_message(sample) && messages >= kMessageSamplesMax) {
    samples.erase(std::ranges::find_if(samples, is_message));
  } else if (samples.size() >= kSamplesMax) {
    samples.erase(samples.begin());
  }
  samples.push_back(std::move(sample));
}

void Record::add_change(StateChange change) {
  change.rule.resize(std::min(change.rule.size(), kRuleSizeMax));
  if (changes.size() >= kChangesMax) changes.erase(changes.begin());
  changes.push_back(std::move(change));
}

void Record::forgive() {
  counts_.clear();
  samples.clear();
  distinct.clear();
}

double Record::interest(UtcTime now) const {
  constexpr double kStateWeight = 1e12;
  double interest = state == State::kNormal && !exemption.holds(now) && strikes == 0 ? 0.0 : kStateWeight;
  for (const auto& counted : counts_) {
    const bool is_traffic = counted.signal <= Signal::kDeferred;
    interest += counted.count.decayed(Window::kDay, now) * (is_traffic ? 1.0 : 50.0);
  }
  return interest + history.daily() * std::min(history.days(), 14);
}

}  // namespace bulkhead::reputation
