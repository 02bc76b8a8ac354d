// Who has the most in the queue.
#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

struct Dimension {
  std::string_view name;
  queue::TopBy by;
};
constexpr std::array<Dimension, 6> kDimensions{{{"account", queue::TopBy::kAccount},
                                                {"tenant", queue::TopBy::kTenant},
                                                {"sender", queue::TopBy::kSender},
                                                {"client-ip", queue::TopBy::kClientIp},
                                                {"site", queue::TopBy::kSite},
                                                {"source", queue::TopBy::kSource}}};

Result<queue::TopBy> dimension_of(const Call& call) {
  const auto name = call.in_query("by");
  if (name.empty()) return queue::TopBy::kAccount;
  for (const auto& dimension : kDimensions) {
    if (dimension.name == name) return dimension.by;
  }
  return fail(ErrorCode::kInvalid, fmt::format("the queue is not counted by \"{}\"", escape_controls(name, 40)),
              "by one of account, tenant, sender, client-ip, site, source");
}

Json row_json(const tenants::Snapshot& snapshot, queue::TopBy by, const queue::TopRow& row) {
  Json json = counts_json(row.counts);
  const bool is_tenant = by == queue::TopBy::kTenant && row.tenant;
  json["key"] = is_tenant ? tenant_name(snapshot, *row.tenant) : row.key;
  // Mail of many tenants goes to a site, and leaves from a shared address.
  const bool is_of_many = by == queue::TopBy::kSite || by == queue::TopBy::kSource;
  json["tenant"] = row.tenant && !is_of_many ? Json(tenant_name(snapshot, *row.tenant)) : Json(nullptr);
  return json;
}

}  // namespace

Task<Result<Json>> top_queue(const AdminServices& services, net::Shard& shard, Call call) {
  const auto by = dimension_of(call);
  if (!by) co_return fail(by.error());
  const auto page = page_of(call);
  if (!page) co_return fail(page.error());
  const auto selectors = queue_selectors(services, call);
  if (!selectors) co_return fail(selectors.error());
  for (const auto& selector : *selectors) {
    if (selector.recipient.empty() && selector.subject.empty() && !selector.older_than) continue;
    co_return fail(ErrorCode::kInvalid, "top cannot choose by recipient, subject or age",
                   "choose by another selector, or see: bulkhead queue list");
  }
  std::vector<queue::TopRow> rows;
  for (const auto& selector : *selectors) {
    auto counting = services.queue.top(shard, *by, selector, page->limit);
    auto more = co_await std::move(counting);
    rows.insert(rows.end(), std::make_move_iterator(more.begin()), std::make_move_iterator(more.end()));
  }
  std::ranges::stable_sort(rows, std::ranges::greater{}, [](const auto& row) { return row.counts.deliveries; });
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (std::size_t i = 0; i < std::min(rows.size(), page->limit); ++i) {
    items.push_back(row_json(*snapshot, *by, rows[i]));
  }
  co_return page_json(std::move(items), {});
}

}  // namespace bulkhead::admin
