#include "tenants/sqlite_rows.h"

namespace bulkhead::tenants {

Tenant tenant_row(sqlite::Statement& row) {
  Tenant tenant;
  tenant.id = row.id<TenantId>();
  tenant.name = row.text();
  tenant.reseller = row.optional_id<TenantId>();
  tenant.suspension = static_cast<Suspension>(row.integer());
  tenant.certificate_pem = row.text();
  tenant.key_pem = row.text();
  tenant.postmaster = row.text();
  tenant.message_size_max = static_cast<std::uint64_t>(row.integer());
  tenant.recipients_max = static_cast<std::uint32_t>(row.integer());
  tenant.shares_addresses = row.flag();
  tenant.tenants_max = static_cast<std::uint32_t>(row.integer());
  tenant.created_at = row.time();
  tenant.plan = static_cast<Plan>(row.integer());
  tenant.over_limit = static_cast<OverLimit>(row.integer());
  tenant.feedback_address = row.text();
  return tenant;
}

Domain domain_row(sqlite::Statement& row) {
  Domain domain;
  domain.id = row.id<DomainId>();
  domain.tenant = row.id<TenantId>();
  domain.name = row.text();
  domain.catch_all = row.text();
  domain.certificate_pem = row.text();
  domain.key_pem = row.text();
  domain.created_at = row.time();
  return domain;
}

SourceAddress address_row(sqlite::Statement& row) {
  SourceAddress address;
  address.id = row.id<AddressId>();
  address.ip = IpAddress::parse(row.text()).value_or(IpAddress{});
  address.tenant = row.optional_id<TenantId>();
  address.helo = row.text();
  address.is_default = row.flag();
  address.created_at = row.time();
  return address;
}

Route route_row(sqlite::Statement& row) {
  Route route;
  route.id = row.id<RouteId>();
  route.tenant = row.optional_id<TenantId>();
  route.pattern = row.text();
  route.host = row.text();
  route.port = static_cast<std::uint16_t>(row.integer());
  route.tls = static_cast<RouteTls>(row.integer());
  return route;
}

namespace {

std::optional<Rate> rate_column(sqlite::Statement& row) {
  const auto text = row.text();
  if (text.empty()) return std::nullopt;
  const auto rate = Rate::parse(text);
  return rate ? std::optional<Rate>{*rate} : std::nullopt;
}

std::optional<std::uint32_t> number_column(sqlite::Statement& row) {
  const auto number = row.integer();
  return number < 0 ? std::nullopt : std::optional{static_cast<std::uint32_t>(number)};
}

}  // namespace

Limit limit_row(sqlite::Statement& row) {
  Limit limit;
  limit.scope = static_cast<LimitScope>(row.integer());
  limit.subject = row.blob();
  limit.messages = rate_column(row);
  limit.recipients = rate_column(row);
  limit.bytes = rate_column(row);
  limit.connections = number_column(row);
  limit.messages_per_connection = number_column(row);
  limit.days = number_column(row);
  return limit;
}

Token token_row(sqlite::Statement& row) {
  Token token;
  token.id = row.id<TokenId>();
  token.name = row.text();
  token.hash = row.text();
  token.tenant = row.optional_id<TenantId>();
  const bool expires = row.flag();
  const auto at = row.time();
  if (expires) token.expires_at = at;
  return token;
}

}  // namespace bulkhead::tenants
