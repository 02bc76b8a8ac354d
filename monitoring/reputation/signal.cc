#include "monitoring/reputation/signal.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace bulkhead::reputation {

namespace {

constexpr std::array<std::string_view, kSignals> kNames{"messages",
                                                        "recipients",
                                                        "delivered",
                                                        "deferred",
                                                        "bounces",
                                                        "unknown-recipients",
                                                        "reputation-refusals",
                                                        "domain-refusals",
                                                        "content-refusals",
                                                        "rate-refusals",
                                                        "complaints",
                                                        "spam-verdicts",
                                                        "sign-in-failures",
                                                        "odd-sign-ins",
                                                        "bad-accounts",
                                                        "listings",
                                                        "authentication-refusals",
                                                        "policy-refusals",
                                                        "greylistings",
                                                        "other-refusals"};
constexpr std::array<std::string_view, kSignals> kWords{"messages",
                                                        "recipients",
                                                        "recipients delivered",
                                                        "recipients deferred",
                                                        "recipients refused for good",
                                                        "recipients that do not exist",
                                                        "refusals because of the reputation of our address",
                                                        "refusals because of the reputation of a domain",
                                                        "refusals because of the content",
                                                        "refusals because of too high a rate",
                                                        "complaints of recipients",
                                                        "messages that our filters call spam",
                                                        "failed sign-ins",
                                                        "sign-ins from networks not seen before",
                                                        "accounts throttled or quarantined",
                                                        "new listings by DNS lists",
                                                        "refusals because of missing authentication",
                                                        "refusals by rules of the recipient's own",
                                                        "recipients greylisted",
                                                        "refusals for other reasons"};

std::uint32_t seconds_of(UtcTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, std::numeric_limits<std::uint32_t>::max()));
}

float decay(Window window, UtcTime from, UtcTime to) {
  if (to <= from) return 1.0F;
  const std::chrono::duration<float> elapsed = to - from;
  return std::exp(-elapsed.count() / static_cast<float>(kWindowLengths[static_cast<std::size_t>(window)].count()));
}

bool is_over(std::uint32_t began, std::size_t window, std::uint32_t now) {
  return now >= began && now - began >= static_cast<std::uint32_t>(kWindowLengths[window].count());
}

}  // namespace

std::string_view to_string(Signal signal) {
  return kNames[static_cast<std::size_t>(signal)];
}

std::string_view in_words(Signal signal) {
  return kWords[static_cast<std::size_t>(signal)];
}

std::string_view in_words(Window window) {
  constexpr std::array<std::string_view, kWindows> kLengths{"a minute", "ten minutes", "an hour", "a day"};
  return kLengths[static_cast<std::size_t>(window)];
}

void SignalCount::add(UtcTime now, std::uint32_t amount) {
  const std::uint32_t second = seconds_of(now);
  for (std::size_t i = 0; i < kWindows; ++i) {
    decayed_[i] = decayed_[i] * decay(static_cast<Window>(i), updated_, now) + static_cast<float>(amount);
    if (exact_[i] == 0 || is_over(began_[i], i, second)) {
      began_[i] = second;
      exact_[i] = amount;
    } else {
      exact_[i] = amount > std::numeric_limits<std::uint32_t>::max() - exact_[i]
                      ? std::numeric_limits<std::uint32_t>::max()
                      : exact_[i] + amount;
    }
  }
  updated_ = std::max(updated_, now);
}

void SignalCount::take_back(std::uint32_t amount) {
  for (std::size_t i = 0; i < kWindows; ++i) {
    decayed_[i] = std::max(decayed_[i] - static_cast<float>(amount), 0.0F);
    exact_[i] -= std::min(exact_[i], amount);
  }
}

double SignalCount::decayed(Window window, UtcTime now) const {
  return static_cast<double>(decayed_[static_cast<std::size_t>(window)] * decay(window, updated_, now));
}

double SignalCount::count(Window window, UtcTime now) const {
  const auto i = static_cast<std::size_t>(window);
  const double exact = is_over(began_[i], i, seconds_of(now)) ? 0.0 : static_cast<double>(exact_[i]);
  return std::max(decayed(window, now), exact);
}

}  // namespace bulkhead::reputation
