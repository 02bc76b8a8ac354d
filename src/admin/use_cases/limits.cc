#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/limit_rows.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"

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

// Where nothing is known by that name, it is a slip more often than a host without a domain.
std::vector<std::string> site_warnings(const std::string& site) {
  if (site.empty() || site.find_first_of(".:") != std::string::npos) return {};
  return {
      fmt::format("a site is named by its provider or MX hosts, as google.com; is there one that is called {}? See: "
                  "bulkhead queue top --by site",
                  site)};
}

Json warm_up_json(const tenants::WarmUpTable& table) {
  Json days = Json::array();
  for (const auto messages : table) days.push_back(std::to_string(messages));
  return Json{{"days", std::move(days)}};
}

}  // namespace

Result<Json> set_limit(const AdminServices& services, const Call& call) {
  const auto named = limit_named_by(services, call.caller, words_of_body(call));
  if (!named) return fail(named.error());
  if (auto allowed = check_caller(call.caller, *named); !allowed) return fail(allowed.error());
  if (auto fit = check_site(call.text("site")); !fit) return fail(fit.error());
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
  Json json{{"limits", std::move(items)}};
  add_warnings(json, site_warnings(call.text("site")));
  return json;
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
