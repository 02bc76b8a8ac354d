#include <algorithm>

#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/directive_views.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/restriction.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"
#include "src/queue/amount.h"

namespace bulkhead::admin {
namespace {

// More deliveries of one message than this are told by the list, page by page.
constexpr std::size_t kShownMax = 1000;

Error no_such_message(const std::string& id) {
  if (!MessageId::parse(id.substr(0, id.find('/')))) {
    return Error{ErrorCode::kNotFound, fmt::format("no message \"{}\" in the queue", escape_controls(id, 80)),
                 "an id has 26 characters; it is in the first column of: bulkhead queue list"};
  }
  return Error{ErrorCode::kNotFound, fmt::format("no message \"{}\" in the queue", escape_controls(id, 80)),
               fmt::format("what became of it is in the trace: bulkhead trace show {}", escape_controls(id, 80))};
}

// "01J…" or "01J…/0": the selector for the message that the path names.
Result<queue::Selector> selector_of_path(const Call& call) {
  const auto& text = call.in_path("id");
  queue::Selector selector;
  selector.id = MessageId::parse(std::string_view{text}.substr(0, text.find('/')));
  if (!selector.id) return fail(no_such_message(text));
  return selector;
}

// The limit on connections that it may wait for.
std::string at_most(const tenants::Snapshot& snapshot, const queue::DeliveryView& delivery) {
  const auto& arrival = delivery.message->arrival.ip;
  std::optional<std::uint32_t> least;
  for (const auto* limit :
       {snapshot.limit(tenants::LimitScope::kSite, delivery.site),
        snapshot.limit(tenants::LimitScope::kAddressSite, tenants::limit_subject(arrival, delivery.site))}) {
    if (limit != nullptr && limit->connections) least = std::min(least.value_or(UINT32_MAX), *limit->connections);
  }
  return least ? fmt::format("; a limit allows {} at most to {}", *least, delivery.site) : std::string{};
}

// What is printed here can be pasted, once the names that it speaks of are put in.
std::string advice_for(const tenants::Snapshot& snapshot, const Caller& caller, const queue::DeliveryView& delivery) {
  const auto tenant = tenant_name(snapshot, delivery.message->tenant);
  if (!delivery.remedy.empty()) return named_remedy(snapshot, caller, delivery.remedy);
  if (delivery.state == "active") return "an attempt is under way";
  if (delivery.reason_code == "limit") {
    return "it goes when the limit lets it; raising or ending the limit lets it go at once";
  }
  const bool may_be_tried = delivery.reason_code == "deferred" || delivery.reason_code == "site-backoff";
  if (delivery.state != "held" && delivery.until && !may_be_tried) return "it goes on by itself at that time";
  if (delivery.state == "ready")
    return "it goes out as soon as a connection of its lane is free" + at_most(snapshot, delivery);
  if (delivery.reason_code.find("no-source") != std::string::npos) {
    const auto& arrival = delivery.message->arrival.ip;
    const auto* address = snapshot.address(arrival);
    // The tenant's own, which is missing; otherwise the tenant has none that could be named.
    if (address != nullptr && address->tenant == delivery.message->tenant) {
      return fmt::format(
          "add the missing address to this host, with your interface for eth0: ip address add {}/{} dev eth0; or give "
          "the tenant another one, with an address of this host for 192.0.2.10: bulkhead address add 192.0.2.10 "
          "--tenant {}",
          arrival.text(), arrival.family() == Family::kIpv4 ? 32 : 128, tenant);
    }
    return fmt::format(
        "give the tenant an address of this host, with yours for 192.0.2.10: bulkhead address add "
        "192.0.2.10 --tenant {}",
        tenant);
  }
  if (delivery.reason_code.find("tenant-suspended") != std::string::npos) {
    return fmt::format("resume its tenant: bulkhead tenant resume {}; it then goes out at once", tenant);
  }
  if (delivery.state == "held") return "it waits until the reason has gone; no attempt is used";
  return fmt::format("try it at once with: bulkhead queue retry --id {}", delivery.key.message.text());
}

// Who made what due of a tenant (of all with nothing), and by which selector.
void record_retry(const AdminServices& services, const Call& call, const std::optional<TenantId>& tenant,
                  const queue::Counts& counts) {
  std::string selected;
  for (const auto& [name, value] : call.body.items()) {
    if (value.is_null()) continue;
    selected += fmt::format("{}{} {}", selected.empty() ? "" : ", ", name, escape_controls(dump(value), 320));
  }
  Change change{"queue"};
  change.verb(
      fmt::format("retry of {}; selected by {}", queue::amount_text(counts.deliveries, counts.messages), selected));
  record_change(services, call, tenant.value_or(TenantId{}), change);
}

Task<Result<std::vector<queue::DeliveryView>>> deliveries_of(const AdminServices& services, net::Shard& shard,
                                                             Call call) {
  auto selector = selector_of_path(call);
  if (!selector) co_return fail(selector.error());
  const std::string from_the_start;
  auto deliveries = co_await services.queue.list(shard, *selector, from_the_start, kShownMax);
  std::erase_if(deliveries, [&](const auto& delivery) { return !call.caller.sees(delivery.message->tenant); });
  if (deliveries.empty()) co_return fail(no_such_message(call.in_path("id")));
  co_return deliveries;
}

Task<bool> is_queued(const AdminServices& services, net::Shard& shard, std::vector<queue::Selector> selectors) {
  for (const auto& selector : selectors) {
    const queue::Counts counts = co_await services.queue.count(shard, selector);
    if (counts.deliveries > 0) co_return true;
  }
  co_return false;
}

// The first `limit` after `after` of all selectors together.
Task<std::vector<queue::DeliveryView>> list_of(const AdminServices& services, net::Shard& shard,
                                               std::vector<queue::Selector> selectors, std::string after,
                                               std::size_t limit) {
  std::vector<queue::DeliveryView> all;
  for (const auto& selector : selectors) {
    auto found = co_await services.queue.list(shard, selector, after, limit);
    const auto middle = static_cast<std::ptrdiff_t>(all.size());
    all.insert(all.end(), std::make_move_iterator(found.begin()), std::make_move_iterator(found.end()));
    std::ranges::inplace_merge(all, all.begin() + middle, {}, &queue::DeliveryView::key);
    if (all.size() > limit) all.erase(all.begin() + static_cast<std::ptrdiff_t>(limit), all.end());
  }
  co_return all;
}

}  // namespace

Task<Result<Json>> list_queue(const AdminServices& services, net::Shard& shard, Call call) {
  const auto page = page_of(call);
  if (!page) co_return fail(page.error());
  auto selectors = queue_selectors(services, call);
  if (!selectors) co_return fail(selectors.error());
  auto listing = list_of(services, shard, std::move(*selectors), page->after, page->limit + 1);
  const auto deliveries = co_await std::move(listing);
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (std::size_t i = 0; i < std::min(deliveries.size(), page->limit); ++i) {
    items.push_back(delivery_json(*snapshot, call.caller, deliveries[i]));
  }
  std::string next;
  if (deliveries.size() > page->limit) next = deliveries[page->limit - 1].key.text();
  const bool is_empty = items.empty();
  Json json = page_json(std::move(items), std::move(next));
  if (!is_empty) co_return json;
  auto warning = account_warnings(services, shard, call.caller, call.in_query("account"));
  const auto warnings = co_await std::move(warning);
  add_warnings(json, warnings);
  co_return json;
}

Task<Result<Json>> count_queue(const AdminServices& services, net::Shard& shard, Call call) {
  const auto selectors = queue_selectors(services, call);
  if (!selectors) co_return fail(selectors.error());
  queue::Counts sum;
  for (const auto& selector : *selectors) {
    const queue::Counts counts = co_await services.queue.count(shard, selector);
    add_to(sum, counts);
  }
  Json json = counts_json(sum);
  if (sum.deliveries > 0) co_return json;
  auto warning = account_warnings(services, shard, call.caller, call.in_query("account"));
  const auto warnings = co_await std::move(warning);
  add_warnings(json, warnings);
  co_return json;
}

Task<Result<Json>> show_queued(const AdminServices& services, net::Shard& shard, Call call) {
  const auto deliveries = co_await deliveries_of(services, shard, call);
  if (!deliveries) co_return fail(deliveries.error());
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& delivery : *deliveries) items.push_back(delivery_json(*snapshot, call.caller, delivery));
  co_return Json{{"id", deliveries->front().message->id.text()}, {"deliveries", std::move(items)}};
}

Task<Result<Json>> why_queued(const AdminServices& services, net::Shard& shard, Call call) {
  const auto deliveries = co_await deliveries_of(services, shard, call);
  if (!deliveries) co_return fail(deliveries.error());
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& delivery : *deliveries) {
    Json item = delivery_json(*snapshot, call.caller, delivery);
    auto naming = restriction_of(services, shard, call.caller, delivery);
    const auto restriction = co_await std::move(naming);
    items.push_back(
        Json{{"delivery", item["delivery"]},
             {"recipients", item["recipients"]},
             {"state", item["state"]},
             {"reason", item["reason"]},
             {"arrival", item["arrival"]},
             {"source", item["source"]},
             {"site", item["site"]},
             {"attempts", item["attempts"]},
             {"next_attempt", item["next_attempt"]},
             {"expires_at", item["expires_at"]},
             {"advice", restriction ? restriction->advice() : advice_for(*snapshot, call.caller, delivery)}});
    if (restriction) restriction->tell(items.back());
  }
  co_return Json{{"id", deliveries->front().message->id.text()}, {"deliveries", std::move(items)}};
}

Task<Result<Json>> retry_queue(const AdminServices& services, net::Shard& shard, Call call) {
  const auto selectors = queue_selectors(services, call);
  if (!selectors) co_return fail(selectors.error());
  if (auto meant = check_meant(call); !meant) co_return fail(meant.error());
  queue::Counts sum;
  for (const auto& selector : *selectors) {
    const queue::Counts counts = co_await services.queue.retry_now(shard, selector);
    if (counts.deliveries > 0 || selectors->size() == 1) record_retry(services, call, selector.tenant, counts);
    add_to(sum, counts);
  }
  // Nothing to try again is an answer; a message that is not there is a mistake.
  if (const auto id = call.text("id"); sum.deliveries == 0 && !id.empty()) {
    auto looking = is_queued(services, shard, *selectors);
    const bool is_there = co_await std::move(looking);
    if (!is_there) co_return fail(no_such_message(id));
  }
  co_return Json{{"matched", sum.deliveries}, {"deliveries", sum.deliveries}, {"messages", sum.messages}};
}

}  // namespace bulkhead::admin
