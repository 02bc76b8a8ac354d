// The JSON of each noun, as docs/reference/api.md describes it. Hashes, keys and secrets are never in it.
#pragma once

#include "netpolicy/source_choice.h"
#include "src/admin/caller.h"
#include "src/admin/json.h"
#include "src/mailbox/mailboxes.h"
#include "src/queue/queue.h"
#include "src/trace/event.h"
#include "tenants/live_directory.h"

namespace bulkhead::admin {

Json tenant_json(const tenants::Snapshot& snapshot, const tenants::Tenant& tenant);
Json domain_json(const tenants::Snapshot& snapshot, const tenants::Domain& domain);
Json address_json(const tenants::Snapshot& snapshot, const netpolicy::HostAddresses& host,
                  const tenants::SourceAddress& address);
Json account_json(const tenants::Snapshot& snapshot, const tenants::Account& account);
Json usage_json(const mailbox::MailboxUsage& usage);
Json alias_json(const tenants::Snapshot& snapshot, const tenants::Alias& alias);
Json route_json(const tenants::Snapshot& snapshot, const tenants::Route& route);
Json token_json(const tenants::Snapshot& snapshot, const tenants::Token& token);
// As the caller may know it: an order that holds it may be that of somebody above.
Json delivery_json(const tenants::Snapshot& snapshot, const Caller& caller, const queue::DeliveryView& delivery);
Json counts_json(const queue::Counts& counts);
Json event_json(const tenants::Snapshot& snapshot, const trace::Event& event);

std::string_view to_string(tenants::Suspension suspension);  // active suspended
std::string_view to_string(tenants::AccountKind kind);       // person room equipment shared
std::string_view to_string(tenants::RouteTls tls);           // opportunistic required verified none
Result<tenants::Suspension> parse_suspension(std::string_view text);
Result<tenants::AccountKind> parse_account_kind(std::string_view text);
Result<tenants::RouteTls> parse_route_tls(std::string_view text);
Result<tenants::Plan> parse_plan(std::string_view text);
Result<tenants::OverLimit> parse_over_limit(std::string_view text);

}  // namespace bulkhead::admin
