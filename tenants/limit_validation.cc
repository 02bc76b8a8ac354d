// What limits may hold, by scope.
#include <fmt/format.h>

#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

bool is_of_site(LimitScope scope) {
  return scope == LimitScope::kSite || scope == LimitScope::kAddressSite;
}

Status check_subject(const Limit& limit) {
  switch (limit.scope) {
    case LimitScope::kPlan:
      if (!parse_plan(limit.subject)) return invalid("plan must be new, normal or bulk");
      return {};
    case LimitScope::kAccount:
    case LimitScope::kTenant:
    case LimitScope::kReseller:
      if (limit.subject.size() != 16) return invalid("the limit's subject must be an id");
      return {};
    case LimitScope::kAddress:
      if (!limit_address(limit)) return invalid("the limit's subject must be an IP address");
      return {};
    case LimitScope::kSite:
    case LimitScope::kAddressSite:
      break;
  }
  const auto site = limit_site(limit);
  if (site.empty() || site.size() > kSiteSizeMax) {
    return invalid(fmt::format("site must have 1 to {} bytes", kSiteSizeMax));
  }
  if (limit.scope == LimitScope::kAddressSite && !limit_address(limit)) {
    return invalid("the limit's subject must begin with an IP address");
  }
  return {};
}

Status check_number(std::string_view field, const std::optional<std::uint32_t>& number, std::uint32_t most) {
  if (!number || (*number >= 1 && *number <= most)) return {};
  return invalid(fmt::format("{} must be 1 to {}", field, most));
}

}  // namespace

Status validate(const Limit& limit) {
  if (auto checked = check_subject(limit); !checked) return checked;
  if (!is_of_site(limit.scope) && (limit.connections || limit.messages_per_connection)) {
    return invalid("connections can be limited for a site, or for a site and an address");
  }
  if (limit.days && (limit.scope != LimitScope::kPlan || limit.subject != to_string(Plan::kNew))) {
    return invalid("days belongs to the plan new");
  }
  if (auto checked = check_number("connections", limit.connections, kConnectionsMost); !checked) return checked;
  if (limit.days && *limit.days > kNewDaysMost) {
    return invalid(fmt::format("days must be 0 to {}", kNewDaysMost));
  }
  return check_number("messages_per_connection", limit.messages_per_connection, kMessagesPerConnectionMost);
}

Status validate(const WarmUpTable& table) {
  if (table.size() > kWarmUpDaysMax) return invalid(fmt::format("warm-up has at most {} days", kWarmUpDaysMax));
  for (const auto messages : table) {
    if (messages == 0 || messages > 1'000'000'000) return invalid("each day of warm-up must allow 1 to 1000000000");
  }
  return {};
}

}  // namespace bulkhead::tenants
