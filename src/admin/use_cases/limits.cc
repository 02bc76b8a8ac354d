#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/limit_subject.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

using tenants::Limit;
using tenants::LimitScope;
using tenants::Measure;
using tenants::Rate;

constexpr std::array kMeasureList{Measure::kMessages, Measure::kRecipients, Measure::kBytes};

Words words_of_query(const Call& call) {
  return [&call](std::string_view name) { return call.in_query(name); };
}
Words words_of_body(const Call& call) {
  return [&call](std::string_view name) { return call.text(name); };
}

// A measure as the call gives it: a rate, "none" for no limit, null or "default" for what the plan says.
Status set_rate(const Call& call, std::string_view field, std::optional<Rate>& rate) {
  if (!call.has(field)) return {};
  if (call.is_null(field) || call.text(field) == "default") {
    rate.reset();
    return {};
  }
  const auto parsed = Rate::parse(call.text(field));
  if (!parsed)
    return fail(parsed.error().code, fmt::format("{}: {}", field, parsed.error().message), parsed.error().advice);
  rate = *parsed;
  return {};
}

Status set_number(const Call& call, std::string_view field, std::optional<std::uint32_t>& number) {
  if (!call.has(field)) return {};
  const auto given = call.number(field);
  if (!given) {
    number.reset();
  } else if (*given > UINT32_MAX) {
    return fail(ErrorCode::kInvalid, fmt::format("{} is out of range", field));
  } else {
    number = static_cast<std::uint32_t>(*given);
  }
  return {};
}

Status set_fields(const Call& call, Limit& limit) {
  for (const auto& done : {set_rate(call, "messages", limit.messages), set_rate(call, "recipients", limit.recipients),
                           set_rate(call, "bytes", limit.bytes), set_number(call, "connections", limit.connections),
                           set_number(call, "messages_per_connection", limit.messages_per_connection),
                           set_number(call, "days", limit.days)}) {
    if (!done) return done;
  }
  return {};
}

std::string text_of(const std::optional<Rate>& rate) {
  return rate ? rate->text() : "default";
}
std::string text_of(const std::optional<std::uint32_t>& number) {
  return number ? std::to_string(*number) : "default";
}

Change difference(const NamedLimit& named, const Limit& after) {
  const auto& before = named.limit;
  Change change{fmt::format("limit of {} {}", to_string(before.scope), named.name)};
  for (const auto measure : kMeasureList) {
    change.field(to_string(measure), text_of(before.rate(measure)), text_of(after.rate(measure)));
  }
  change.touches(Touched::nothing());
  change.field("connections", text_of(before.connections), text_of(after.connections))
      .field("messages_per_connection", text_of(before.messages_per_connection), text_of(after.messages_per_connection))
      .field("days", text_of(before.days), text_of(after.days));
  return change;
}

// A tenant's limit only takes away: whoever is above the tenant may set it. Others give, or concern the whole node.
Status check_caller(const Caller& caller, const NamedLimit& named) {
  const bool is_tenants = named.limit.scope == LimitScope::kTenant && named.tenant;
  if (is_tenants && caller.is_above(*named.tenant)) return {};
  return require_operator(caller, "set limits");
}

Json row(const NamedLimit& named, std::string_view measure, std::string limit) {
  return Json{{"scope", to_string(named.limit.scope)},
              {"name", named.name},
              {"measure", measure},
              {"limit", std::move(limit)},
              {"used", nullptr},
              {"free_at", nullptr}};
}

Json rate_row(const AdminServices& services, const NamedLimit& named, Measure measure, const Rate& rate) {
  auto json = row(named, to_string(measure), rate.text());
  // A plan is held by each of its accounts for itself.
  if (services.limiter == nullptr || named.limit.scope == LimitScope::kPlan || rate.is_unlimited()) return json;
  const auto usage = services.limiter->usage(named.limit.scope, measure, named.limit.subject, rate);
  json["used"] = usage.used;
  if (usage.free_at) json["free_at"] = to_rfc3339(*usage.free_at);
  return json;
}

void add_rows(const AdminServices& services, const NamedLimit& named, Json& items) {
  const auto& limit = named.limit;
  for (const auto measure : kMeasureList) {
    if (limit.rate(measure)) items.push_back(rate_row(services, named, measure, *limit.rate(measure)));
  }
  if (limit.connections) {
    auto json = row(named, "connections", std::to_string(*limit.connections));
    if (services.open_connections) json["used"] = services.open_connections(limit);
    items.push_back(std::move(json));
  }
  if (limit.messages_per_connection) {
    items.push_back(row(named, "messages-per-connection", std::to_string(*limit.messages_per_connection)));
  }
  if (limit.days) items.push_back(row(named, "days", std::to_string(*limit.days)));
}

// What is not set of `limit` comes from `fallback`.
Limit completed(Limit limit, const Limit& fallback) {
  if (!limit.messages) limit.messages = fallback.messages;
  if (!limit.recipients) limit.recipients = fallback.recipients;
  if (!limit.bytes) limit.bytes = fallback.bytes;
  if (!limit.days) limit.days = fallback.days;
  return limit;
}

Limit plan_limit(const tenants::Snapshot& snapshot, tenants::Plan plan) {
  const auto* own = snapshot.limit(LimitScope::kPlan, to_string(plan));
  return completed(own == nullptr ? tenants::default_limit(plan) : *own, tenants::default_limit(plan));
}

// All that an account's mail falls under: its own limits or its plan's, its tenant's, its resellers'.
Result<Json> limits_of_account(const AdminServices& services, const Call& call) {
  auto named = limit_named_by(services, call.caller, words_of_query(call));
  if (!named) return fail(named.error());
  const auto account = services.directory.account_by_id(AccountId::from_bytes(named->limit.subject));
  if (!account) return fail(account.error());
  const auto snapshot = services.live.snapshot();
  if (*account) {
    auto plan = plan_limit(*snapshot, netpolicy::Limiter::plan_of(*snapshot, **account, services.clock.now()));
    plan.days.reset();
    named->limit = completed(named->limit, plan);
  }
  Json items = Json::array();
  add_rows(services, *named, items);
  if (const auto* of_tenant = snapshot->limit(LimitScope::kTenant, named->tenant->bytes())) {
    add_rows(services, with_name(services, *of_tenant), items);
  }
  for (auto id = named->tenant; id;) {
    // A tenant does not learn what its reseller has agreed with the operator.
    const auto* limit = call.caller.sees(*id) ? snapshot->limit(LimitScope::kReseller, id->bytes()) : nullptr;
    if (limit != nullptr) add_rows(services, with_name(services, *limit), items);
    const auto* tenant = snapshot->tenant(*id);
    id = tenant == nullptr ? std::nullopt : tenant->reseller;
  }
  return page_json(std::move(items), {});
}

// Where a limit stands in the list; what ?after= takes.
std::string position(const Limit& limit) {
  std::string text(1, static_cast<char>('a' + static_cast<int>(limit.scope)));
  for (const char c : limit.subject) text += fmt::format("{:02x}", static_cast<unsigned char>(c));
  return text;
}

Json warm_up_json(const tenants::WarmUpTable& table) {
  Json days = Json::array();
  for (const auto messages : table) days.push_back(std::to_string(messages));
  return Json{{"days", std::move(days)}};
}

}  // namespace

Result<Json> list_limits(const AdminServices& services, const Call& call) {
  if (!call.in_query("account").empty()) return limits_of_account(services, call);
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto snapshot = services.live.snapshot();
  std::vector<Limit> all;
  if (!scope->tenants) {
    for (const auto plan : {tenants::Plan::kNew, tenants::Plan::kNormal, tenants::Plan::kBulk}) {
      all.push_back(plan_limit(*snapshot, plan));
    }
  }
  for (const auto& limit : snapshot->limits()) {
    if (limit.scope != LimitScope::kPlan) all.push_back(limit);
  }
  std::ranges::sort(all, {}, position);
  Json items = Json::array();
  std::string last;
  for (const auto& limit : all) {
    if (position(limit) <= page->after) continue;
    if (items.size() >= page->limit) return page_json(std::move(items), last);
    const auto named = with_name(services, limit);
    if (!scope->includes(named.tenant)) continue;
    add_rows(services, named, items);
    last = position(limit);
  }
  return page_json(std::move(items), {});
}

Result<Json> set_limit(const AdminServices& services, const Call& call) {
  const auto named = limit_named_by(services, call.caller, words_of_body(call));
  if (!named) return fail(named.error());
  if (auto allowed = check_caller(call.caller, *named); !allowed) return fail(allowed.error());
  Limit limit = named->limit;
  if (auto done = set_fields(call, limit); !done) return fail(done.error());
  const auto change = difference(*named, limit);
  if (!change.empty()) {
    if (auto done = services.directory.set_limit(limit); !done) return fail(done.error());
    apply_change(services, call, named->tenant.value_or(TenantId{}), change);
    services.queue.limits_changed();
  }
  Json items = Json::array();
  add_rows(services, {limit, named->name, named->tenant}, items);
  return Json{{"limits", std::move(items)}};
}

Result<Json> unset_limit(const AdminServices& services, const Call& call) {
  const auto named = limit_named_by(services, call.caller, words_of_query(call));
  if (!named) return fail(named.error());
  if (auto allowed = check_caller(call.caller, *named); !allowed) return fail(allowed.error());
  Limit none;
  none.scope = named->limit.scope;
  none.subject = named->limit.subject;
  const auto change = difference(*named, none);
  if (change.empty()) {
    return fail(ErrorCode::kNotFound,
                fmt::format("{} {} has no limits of its own", to_string(none.scope), named->name));
  }
  if (auto done = services.directory.set_limit(none); !done) return fail(done.error());
  apply_change(services, call, named->tenant.value_or(TenantId{}), change);
  services.queue.limits_changed();
  return Json(nullptr);
}

Result<Json> show_warm_up(const AdminServices& services, const Call&) {
  return warm_up_json(services.live.snapshot()->warm_up());
}

Result<Json> set_warm_up(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "set the warm-up"); !allowed) return fail(allowed.error());
  tenants::WarmUpTable table;
  for (const auto& text : call.texts("days")) {
    if (text.empty()) continue;
    std::uint64_t messages = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), messages);
    if (error != std::errc{} || end != text.data() + text.size()) {
      return fail(ErrorCode::kInvalid, fmt::format("\"{}\" is no number of messages", escape_controls(text, 80)));
    }
    table.push_back(messages);
  }
  const auto before = services.live.snapshot()->warm_up();
  if (auto done = services.directory.set_warm_up(table); !done) return fail(done.error());
  auto change = Change{"warm-up"}.touches(Touched::nothing());
  change.field("days", fmt::format("{}", fmt::join(before, ",")), fmt::format("{}", fmt::join(table, ",")));
  if (!change.empty()) {
    apply_change(services, call, TenantId{}, change);
    services.queue.limits_changed();
  }
  return warm_up_json(table);
}

}  // namespace bulkhead::admin
