// Questions, and what is stored.

#include <algorithm>

#include <fmt/format.h>

#include "monitoring/reputation/reputation.h"

namespace bulkhead::reputation {

namespace {

std::string cause_of(const std::string& rule) {
  if (rule == "person") return "a person said so";
  return rule == "expiry" ? "its time was over" : "rule " + rule;
}

std::string describe(const Key& key, const Record& record, UtcTime now) {
  std::string out = fmt::format("{} is {}", key.text(), to_string(record.state));
  if (record.state != State::kNormal) {
    out += fmt::format(" since {} until {}", to_rfc3339(record.since), to_rfc3339(record.until));
    if (!record.changes.empty()) out += fmt::format(" ({})", cause_of(record.changes.back().rule));
  }
  out += fmt::format(". {}.", meaning_of(key.kind, record.state));
  if (record.exemption.holds(now)) {
    out += fmt::format(" Rules only report about it until {}: {}.", to_rfc3339(record.exemption.until),
                       record.exemption.reason);
  }
  for (int i = 0; i < kSignals; ++i) {
    const auto signal = static_cast<Signal>(i);
    const double day = record.count(signal, Window::kDay, now);
    if (day < 0.5) continue;
    out += fmt::format(" {:.0f} {} within a day, {:.0f} within an hour.", day, in_words(signal),
                       record.count(signal, Window::kHour, now));
  }
  if (record.history.days() > 0) {
    out += fmt::format(" Usual are {:.0f} recipients a day, {:.0f} on its busiest, {:.0f} in its busiest minute.",
                       record.history.daily(), record.history.busiest(), record.history.busiest_minute());
  }
  return out;
}

Standing standing_of(const Key& key, const Record& record, UtcTime now) {
  Standing out{.key = key, .state = record.state, .since = record.since, .until = record.until};
  out.exemption = record.exemption;
  out.strikes = record.strikes;
  for (std::size_t i = 0; i < kSignals; ++i) {
    out.last_hour[i] = record.count(static_cast<Signal>(i), Window::kHour, now);
    out.last_day[i] = record.count(static_cast<Signal>(i), Window::kDay, now);
  }
  out.daily = record.history.daily();
  out.busiest_day = record.history.busiest();
  out.busiest_minute = record.history.busiest_minute();
  out.distinct_today = record.distinct.estimate();
  out.samples = record.samples;
  out.changes = record.changes;
  out.words = describe(key, record, now);
  return out;
}

}  // namespace

Standing Reputation::standing(const Key& key) const {
  const Record* const record = find(key);
  return standing_of(key, record == nullptr ? Record{} : *record, now());
}

std::vector<Standing> Reputation::list(KeyKind kind, State least, std::size_t most,
                                       const std::optional<Rank>& after) const {
  std::vector<std::pair<Key, const Record*>> found;
  tables_[static_cast<std::size_t>(kind)].visit([&](const Key& key, const Record& record) {
    if (record.state < least || (after && !after->is_before({record.state, key}))) return;
    found.emplace_back(key, &record);
  });
  const auto is_worse = [](const auto& a, const auto& b) {
    return Rank{a.second->state, a.first}.is_before({b.second->state, b.first});
  };
  const std::size_t shown = std::min(most, found.size());
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(shown), found.end(), is_worse);
  std::vector<Standing> out;
  for (std::size_t i = 0; i < shown; ++i) out.push_back(standing_of(found[i].first, *found[i].second, now()));
  return out;
}

std::vector<StoredRecord> Reputation::take_changes(std::size_t most) {
  std::vector<StoredRecord> out;
  while (out.size() < most && !changed_.empty()) {
    const auto first = changed_.begin();
    const Record* const record = first->second ? nullptr : find(first->first);
    out.push_back({first->first.encoded(), record == nullptr ? std::string{} : encode(*record)});
    changed_.erase(first);
  }
  return out;
}

Status Reputation::restore(std::string_view key_bytes, std::string_view value) {
  const auto key = Key::decode(key_bytes);
  if (!key) return fail(ErrorCode::kCorrupt, "a reputation record has a damaged key");
  auto record = decode_record(value, now());
  if (!record) return fail(std::move(record.error()));
  Record& place = place_of(*key);
  place = std::move(*record);
  if (place.state != State::kNormal) due_.emplace(place.until, *key);
  return {};
}

}  // namespace bulkhead::reputation
