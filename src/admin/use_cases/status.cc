#include "src/admin/use_cases/listings.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/restriction.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"
#include "src/admin/webhook_desk.h"

namespace bulkhead::admin {
namespace {

Json sources_json(const AdminServices& services, const Caller& caller) {
  const auto snapshot = services.live.snapshot();
  const auto host = services.host.current();
  Json sources = Json::array();
  for (const auto& address : snapshot->addresses()) {
    if (!caller.sees(address.tenant)) continue;
    sources.push_back(Json{{"address", address.ip.text()},
                           {"present", host->contains(address.ip)},
                           {"tenant", address.tenant ? Json(tenant_name(*snapshot, *address.tenant)) : Json(nullptr)}});
  }
  return sources;
}

Json webhooks_json(const AdminServices& services, const Caller& caller) {
  Json webhooks = Json::array();
  if (services.webhooks == nullptr) return webhooks;
  const auto snapshot = services.live.snapshot();
  const auto time = [](const std::optional<UtcTime>& at) { return at ? Json(to_rfc3339(*at)) : Json(nullptr); };
  for (const auto& webhook : services.webhooks->failing()) {
    const bool is_operators = webhook.tenant.is_nil();
    if (is_operators ? !caller.is_operator() : !caller.sees(webhook.tenant)) continue;
    webhooks.push_back(Json{{"tenant", is_operators ? Json(nullptr) : Json(tenant_name(*snapshot, webhook.tenant))},
                            {"url", webhook.url},
                            {"waiting", webhook.waiting},
                            {"trouble", webhook.trouble},
                            {"off", webhook.is_off},
                            {"failing_since", time(webhook.failing_since)},
                            {"next_attempt", time(webhook.next_at)}});
  }
  return webhooks;
}

Json store_json(const store::StoreUsage& usage) {
  const auto seconds = [](std::chrono::microseconds latency) { return static_cast<double>(latency.count()) / 1e6; };
  return Json{
      {"bytes", usage.bytes},
      {"live_bytes", usage.live_bytes},
      {"segments", usage.segments},
      {"segments_compacted", usage.segments_compacted},
      {"compacted_bytes", usage.compacted_bytes},
      {"commits", usage.commits},
      {"groups", usage.groups},
      {"commit_latency", Json{{"p50", seconds(usage.commit_latency_p50)}, {"p99", seconds(usage.commit_latency_p99)}}},
      {"writable", usage.is_writable},
      {"trouble", usage.trouble.empty() ? Json(nullptr) : Json(usage.trouble)}};
}

// The store and the sessions of the node are the operator's to see: they tell of other tenants.
void add_node_parts(const AdminServices& services, Json& json, const store::StoreUsage& usage) {
  Json sessions = Json::object();
  for (const auto& [protocol, count] : services.sessions()) sessions[protocol] = count;
  json["sessions"] = std::move(sessions);
  json["store"] = store_json(usage);
}

Task<queue::Counts> counts_for(const AdminServices& services, net::Shard& shard, Caller caller) {
  if (caller.is_operator()) {
    queue::Selector all;
    co_return co_await services.queue.count(shard, all);
  }
  queue::Counts sum = co_await services.queue.count_of(shard, *caller.tenant);
  for (const auto& owned : caller.owned) {
    const queue::Counts counts = co_await services.queue.count_of(shard, owned);
    add_to(sum, counts);
  }
  co_return sum;
}

}  // namespace

Task<Result<Json>> show_status(const AdminServices& services, net::Shard& shard, Call call) {
  const auto counts = co_await counts_for(services, shard, call.caller);
  const auto uptime = std::chrono::duration_cast<std::chrono::seconds>(services.clock.steady() - services.started_at);
  Json json{{"version", services.version},
            {"node", services.node_name},
            {"uptime", uptime.count()},
            {"queue", counts_json(counts)}};
  json["sources"] = sources_json(services, call.caller);
  json["listings"] = listings_json(services, call.caller);
  json["webhooks"] = webhooks_json(services, call.caller);
  if (services.reputation != nullptr) {
    auto counting = count_restrictions(services, shard, call.caller);
    const auto restrictions = co_await std::move(counting);
    json["cases"] = Json{{"open", restrictions.cases_open}};
    json["restricted"] = Json{{"throttled", restrictions.throttled}, {"quarantined", restrictions.quarantined}};
  }
  if (!call.caller.is_operator()) co_return json;
  auto read_usage = [&services] { return services.store.usage(); };
  const auto usage = co_await services.pool.run(shard, std::move(read_usage));
  if (!usage) co_return fail(usage.error());
  add_node_parts(services, json, *usage);
  co_return json;
}

}  // namespace bulkhead::admin
