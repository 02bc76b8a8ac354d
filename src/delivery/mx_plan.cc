#include "src/delivery/mx_plan.h"

#include <algorithm>
#include <utility>

namespace bulkhead::delivery {

namespace {

// A sort by preference with equal ones in random order.
void order(std::vector<net::MxRecord>& records, Random& random) {
  for (std::size_t left = records.size(); left > 1; --left) {
    std::swap(records[left - 1], records[random.below(left)]);
  }
  std::stable_sort(records.begin(), records.end(),
                   [](const auto& a, const auto& b) { return a.preference < b.preference; });
}

}  // namespace

MxPlan plan_hosts(std::vector<net::MxRecord> records, const std::function<bool(std::string_view)>& is_our_name,
                  std::size_t hosts_max, Random& random) {
  std::erase_if(records, [](const auto& record) { return record.exchange.empty() || record.exchange == "."; });
  if (records.empty()) return {MxPlan::Kind::kNullMx, {}};
  order(records, random);
  MxPlan plan;
  const auto ours =
      std::find_if(records.begin(), records.end(), [&](const auto& record) { return is_our_name(record.exchange); });
  for (const auto& record : records) {
    if (ours != records.end() && record.preference >= ours->preference) break;
    if (plan.hosts.size() == hosts_max) break;
    if (std::find(plan.hosts.begin(), plan.hosts.end(), record.exchange) == plan.hosts.end()) {
      plan.hosts.push_back(record.exchange);
    }
  }
  if (plan.hosts.empty()) plan.kind = MxPlan::Kind::kLoop;
  return plan;
}

}  // namespace bulkhead::delivery
