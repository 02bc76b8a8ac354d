#include "src/admin/use_cases/bounce_reports.h"

#include <algorithm>

namespace bulkhead::admin {
namespace {

constexpr std::size_t kSendersMax = 1000;

bool is_ours(const tenants::Snapshot& snapshot, const std::string& sender) {
  const auto address = mail::Address::parse(sender);
  return address && snapshot.domain_by_name(address->domain) != nullptr;
}

}  // namespace

Task<ReportCounts> count_reports(const AdminServices& services, net::Shard& shard, queue::Selector selector,
                                 bool reports_to_all) {
  ReportCounts counts;
  // An account is found by its id: by its name every message would have to be read.
  if (auto address = mail::Address::parse(selector.account); address && !selector.account_id) {
    auto looking = services.live.account_by_address(shard, std::move(*address));
    const auto account = co_await std::move(looking);
    if (account && *account) selector.account_id = (*account)->id;
  }
  if (!queue::is_answered_by_entry(selector)) co_return counts;
  auto asking = services.queue.top(shard, queue::TopBy::kSender, std::move(selector), kSendersMax);
  const auto rows = co_await std::move(asking);
  const auto snapshot = services.live.snapshot();
  for (const auto& row : rows) {
    const bool is_null = row.key.empty() || row.key == "<>";
    const bool is_told = reports_to_all || is_ours(*snapshot, row.key);
    (is_null ? counts.null : is_told ? counts.told : counts.outside) += row.counts.deliveries;
  }
  co_return counts;
}

Json reports_json(const ReportCounts& counts, std::uint64_t deliveries) {
  const auto known = counts.told + counts.outside + counts.null;
  return Json{{"told", counts.told},
              {"outside", counts.outside},
              {"null_sender", counts.null},
              {"unknown", deliveries - std::min(deliveries, known)}};
}

}  // namespace bulkhead::admin
