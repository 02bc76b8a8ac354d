#include "src/admin/use_cases/reputation_past.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::admin {

namespace {

using reputation::State;

// One line of a key's history.
struct PastStep {
  UtcTime at;
  Json json;
};

PastStep past_step(const cases::Step& step, Json case_id) {
  return {step.at,
          Json{{"at", to_rfc3339(step.at)}, {"case", std::move(case_id)}, {"by", step.by}, {"what", step.what}}};
}

// The latest exemption: that it was given, and that it is over. The trace has those before it.
void add_exemption(const reputation::Standing& standing, UtcTime now, std::vector<PastStep>& past) {
  const auto& [since, until, reason, by] = standing.exemption;
  if (since == UtcTime{} && until == UtcTime{}) return;
  const std::string giver = by.empty() ? "a person" : by;
  if (standing.exemption.was_ended()) {
    past.push_back(past_step({since, giver, "the exemption was ended: " + reason}, nullptr));
    return;
  }
  past.push_back(past_step({since, giver, fmt::format("exempt until {}: {}", to_rfc3339(until), reason)}, nullptr));
  if (until <= now) past.push_back(past_step({until, "reputation", "the exemption has ended"}, nullptr));
}

}  // namespace

Json past_of(const reputation::Standing& standing, const std::vector<cases::Case>& its_cases, UtcTime now) {
  std::vector<PastStep> past;
  for (const auto& one : its_cases) {
    for (const auto& step : one.steps) past.push_back(past_step(step, one.id.text()));
  }
  for (const auto& change : standing.changes) {
    if (change.from >= State::kThrottled || change.to >= State::kThrottled) continue;
    const auto what = fmt::format("{}, {} before ({})", to_string(change.to), to_string(change.from), change.rule);
    past.push_back(past_step({change.at, "reputation", what}, nullptr));
  }
  add_exemption(standing, now, past);
  std::ranges::stable_sort(past, {}, &PastStep::at);
  Json items = Json::array();
  for (auto& step : past) items.push_back(std::move(step.json));
  return items;
}

}  // namespace bulkhead::admin
