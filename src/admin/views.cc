#include "src/admin/views.h"

#include <array>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/directive_views.h"
#include "src/admin/use_cases/lookup.h"

namespace bulkhead::admin {
namespace {

using tenants::AccountKind;
using tenants::RouteTls;
using tenants::Suspension;

constexpr std::array<std::string_view, 2> kSuspensions{"active", "suspended"};
constexpr std::array<std::string_view, 4> kKinds{"person", "room", "equipment", "shared"};
constexpr std::array<std::string_view, 4> kRouteTls{"opportunistic", "required", "verified", "none"};

template <class Enum, std::size_t N>
Result<Enum> parse_word(const std::array<std::string_view, N>& words, std::string_view field, std::string_view text) {
  for (std::size_t i = 0; i < N; ++i) {
    if (words[i] == text) return static_cast<Enum>(i);
  }
  return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" is not known", field, escape_controls(text, 80)),
              fmt::format("one of: {}", fmt::join(words, ", ")));
}

Json tenant_or_null(const tenants::Snapshot& snapshot, const std::optional<TenantId>& id) {
  return id ? Json(tenant_name(snapshot, *id)) : Json(nullptr);
}

template <class T>
Json text_or_null(const std::optional<T>& value) {
  return value ? Json(value->text()) : Json(nullptr);
}

Json time_or_null(const std::optional<UtcTime>& time) {
  return time ? Json(to_rfc3339(*time)) : Json(nullptr);
}

Json name_or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

}  // namespace

std::string_view to_string(Suspension suspension) {
  return kSuspensions[static_cast<std::size_t>(suspension)];
}
std::string_view to_string(AccountKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}
std::string_view to_string(RouteTls tls) {
  return kRouteTls[static_cast<std::size_t>(tls)];
}
Result<Suspension> parse_suspension(std::string_view text) {
  return parse_word<Suspension>(kSuspensions, "state", text);
}
Result<AccountKind> parse_account_kind(std::string_view text) {
  return parse_word<AccountKind>(kKinds, "kind", text);
}
Result<RouteTls> parse_route_tls(std::string_view text) {
  return parse_word<RouteTls>(kRouteTls, "tls", text);
}

Result<tenants::Plan> parse_plan(std::string_view text) {
  if (const auto plan = tenants::parse_plan(text)) return *plan;
  return fail(ErrorCode::kInvalid, fmt::format("plan \"{}\" is not known", escape_controls(text, 80)),
              "one of: normal, bulk, new");
}
Result<tenants::OverLimit> parse_over_limit(std::string_view text) {
  if (const auto choice = tenants::parse_over_limit(text)) return *choice;
  return fail(ErrorCode::kInvalid, fmt::format("over_limit \"{}\" is not known", escape_controls(text, 80)),
              "one of: refuse, pace");
}

Json tenant_json(const tenants::Snapshot& snapshot, const tenants::Tenant& tenant) {
  return Json{{"id", tenant.id.text()},
              {"name", tenant.name},
              {"former_names", tenant.former_names},
              {"state", to_string(tenant.suspension)},
              {"reseller", tenant_or_null(snapshot, tenant.reseller)},
              {"postmaster", tenant.postmaster},
              {"feedback_address", tenant.feedback_address},
              {"message_size_max", tenant.message_size_max},
              {"recipients_max", tenant.recipients_max},
              {"shared_addresses", tenant.shares_addresses},
              {"tenants_max", tenant.tenants_max},
              {"plan", to_string(tenant.plan)},
              {"over_limit", to_string(tenant.over_limit)},
              {"has_certificate", !tenant.certificate_pem.empty()},
              {"created_at", to_rfc3339(tenant.created_at)}};
}

Json domain_json(const tenants::Snapshot& snapshot, const tenants::Domain& domain) {
  return Json{{"id", domain.id.text()},
              {"name", domain.name},
              {"tenant", tenant_name(snapshot, domain.tenant)},
              {"former_names", domain.former_names},
              {"catch_all", name_or_null(domain.catch_all)},
              {"has_certificate", !domain.certificate_pem.empty()},
              {"created_at", to_rfc3339(domain.created_at)}};
}

Json address_json(const tenants::Snapshot& snapshot, const netpolicy::HostAddresses& host,
                  const tenants::SourceAddress& address) {
  return Json{{"id", address.id.text()},
              {"ip", address.ip.text()},
              {"tenant", tenant_or_null(snapshot, address.tenant)},
              {"shared", !address.tenant},
              {"helo", name_or_null(address.helo)},
              {"default", address.is_default},
              {"present", host.contains(address.ip)},
              {"created_at", to_rfc3339(address.created_at)}};
}

Json account_json(const tenants::Snapshot& snapshot, const tenants::Account& account) {
  Json networks = Json::array();
  for (const auto& network : account.client_networks) networks.push_back(network.text());
  return Json{{"id", account.id.text()},
              {"address", account.address.text()},
              {"tenant", tenant_name(snapshot, account.tenant)},
              {"name", account.full_name},
              {"kind", to_string(account.kind)},
              {"state", to_string(account.suspension)},
              {"has_password", !account.password_hash.empty()},
              {"client_networks", std::move(networks)},
              {"quota", account.quota_bytes},
              {"plan", account.plan ? Json(to_string(*account.plan)) : Json(nullptr)},
              {"created_at", to_rfc3339(account.created_at)}};
}

Json usage_json(const mailbox::MailboxUsage& usage) {
  return Json{{"messages", usage.messages}, {"bytes", usage.bytes}};
}

Json alias_json(const tenants::Snapshot& snapshot, const tenants::Alias& alias) {
  Json to = Json::array();
  for (const auto& target : alias.to) to.push_back(target.text());
  return Json{{"id", alias.id.text()},
              {"from", alias.from.text()},
              {"to", std::move(to)},
              {"tenant", tenant_name(snapshot, alias.tenant)},
              {"created_at", to_rfc3339(alias.created_at)}};
}

Json route_json(const tenants::Snapshot& snapshot, const tenants::Route& route) {
  return Json{{"id", route.id.text()},       {"pattern", route.pattern},
              {"host", route.host},          {"port", route.port},
              {"tls", to_string(route.tls)}, {"tenant", tenant_or_null(snapshot, route.tenant)}};
}

Json token_json(const tenants::Snapshot& snapshot, const tenants::Token& token) {
  return Json{{"id", token.id.text()},
              {"name", token.name},
              {"tenant", tenant_or_null(snapshot, token.tenant)},
              {"expires_at", time_or_null(token.expires_at)}};
}

Json delivery_json(const tenants::Snapshot& snapshot, const Caller& caller, const queue::DeliveryView& delivery) {
  const auto& message = *delivery.message;
  const bool is_of_order = delivery.reason_code == "directive";
  auto reason = is_of_order ? named_order(snapshot, caller, delivery.reason) : delivery.reason;
  return Json{{"id", message.id.text()},
              {"delivery", delivery.key.text()},
              {"tenant", tenant_name(snapshot, message.tenant)},
              {"account", name_or_null(message.account_name)},
              {"client_ip", text_or_null(message.client_ip)},
              {"arrival", message.arrival.text()},
              {"source", text_or_null(delivery.source)},
              {"site", delivery.site},
              {"sender", message.sender.text()},
              {"recipients", delivery.recipients},
              {"subject", message.subject},
              {"message_id", message.message_id},
              {"size", message.size},
              {"queued_at", to_rfc3339(message.queued_at)},
              {"expires_at", to_rfc3339(message.expires_at)},
              {"attempts", delivery.attempts},
              {"next_attempt", time_or_null(delivery.next_attempt)},
              {"state", delivery.state},
              {"reason", delivery.reason_code.empty() ? Json(nullptr)
                                                      : Json{{"code", delivery.reason_code},
                                                             {"text", std::move(reason)},
                                                             {"since", to_rfc3339(delivery.reason_since)},
                                                             {"until", time_or_null(delivery.until)}}}};
}

Json counts_json(const queue::Counts& counts) {
  return Json{{"messages", counts.messages}, {"deliveries", counts.deliveries}, {"ready", counts.ready},
              {"active", counts.active},     {"scheduled", counts.scheduled},   {"held", counts.held}};
}

}  // namespace bulkhead::admin
