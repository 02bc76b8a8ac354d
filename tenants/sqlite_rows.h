// Rows of the SQLite directory as values: the columns' order stands beside the function that reads it.
#pragma once

#include "tenants/directory.h"
#include "tenants/sqlite.h"

namespace bulkhead::tenants {

#define BULKHEAD_TENANT_COLUMNS                                                                              \
  "id, name, reseller, suspension, certificate_pem, key_pem, postmaster, message_size_max, recipients_max, " \
  "shares_addresses, tenants_max, created_at, plan, over_limit, feedback_address"
#define BULKHEAD_LIMIT_COLUMNS "scope, subject, messages, recipients, bytes, connections, messages_per_connection, days"
#define BULKHEAD_DOMAIN_COLUMNS "id, tenant, name, catch_all, certificate_pem, key_pem, created_at"

Tenant tenant_row(sqlite::Statement& row);
Domain domain_row(sqlite::Statement& row);
SourceAddress address_row(sqlite::Statement& row);  // id, ip, tenant, helo, is_default, created_at
Route route_row(sqlite::Statement& row);            // id, tenant, pattern, host, port, tls
Limit limit_row(sqlite::Statement& row);            // BULKHEAD_LIMIT_COLUMNS
Token token_row(sqlite::Statement& row);            // id, name, hash, tenant, whether it expires, when

}  // namespace bulkhead::tenants
