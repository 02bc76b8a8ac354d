// Every call of the API as a function: checks what the caller may, validates, changes or reads, and returns JSON.
//
// Plain functions block (database, disk, password hashes) and run on the blocking pool. Those that return a Task
// run on a shard. Errors: kNotFound for what the caller may not see, kForbidden for what it sees but may not do.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"
#include "src/base/task.h"

namespace bulkhead::admin {

Result<Json> list_tenants(const AdminServices& services, const Call& call);
Result<Json> add_tenant(const AdminServices& services, const Call& call);
Result<Json> show_tenant(const AdminServices& services, const Call& call);
Result<Json> set_tenant(const AdminServices& services, const Call& call);  // rename, suspend, resume too
Result<Json> remove_tenant(const AdminServices& services, const Call& call);

Result<Json> list_domains(const AdminServices& services, const Call& call);
Result<Json> add_domain(const AdminServices& services, const Call& call);
Result<Json> show_domain(const AdminServices& services, const Call& call);
Result<Json> set_domain(const AdminServices& services, const Call& call);  // rename too
Result<Json> remove_domain(const AdminServices& services, const Call& call);
Result<Json> domain_dns_records(const AdminServices& services, const Call& call);

Result<Json> list_addresses(const AdminServices& services, const Call& call);
Result<Json> add_address(const AdminServices& services, const Call& call);
Result<Json> show_address(const AdminServices& services, const Call& call);
Result<Json> set_address(const AdminServices& services, const Call& call);  // moves it too
Result<Json> remove_address(const AdminServices& services, const Call& call);
Task<Result<Json>> check_address(const AdminServices& services, net::Shard& shard, Call call);  // asks DNS

Result<Json> list_accounts(const AdminServices& services, const Call& call);
Result<Json> add_account(const AdminServices& services, const Call& call);
Result<Json> show_account(const AdminServices& services, const Call& call);
Result<Json> set_account(const AdminServices& services, const Call& call);  // rename, suspend, resume too
Result<Json> set_account_password(const AdminServices& services, const Call& call);
Result<Json> remove_account(const AdminServices& services, const Call& call);
Result<Json> import_accounts(const AdminServices& services, const Call& call);

Result<Json> list_aliases(const AdminServices& services, const Call& call);
Result<Json> add_alias(const AdminServices& services, const Call& call);
Result<Json> show_alias(const AdminServices& services, const Call& call);
Result<Json> remove_alias(const AdminServices& services, const Call& call);

Result<Json> list_routes(const AdminServices& services, const Call& call);
Result<Json> add_route(const AdminServices& services, const Call& call);
Result<Json> remove_route(const AdminServices& services, const Call& call);

Result<Json> list_tokens(const AdminServices& services, const Call& call);
Result<Json> add_token(const AdminServices& services, const Call& call);  // the only answer that shows the secret
Result<Json> remove_token(const AdminServices& services, const Call& call);

Result<Json> list_listings(const AdminServices& services, const Call& call);
Result<Json> list_listing_zones(const AdminServices& services, const Call& call);
Task<Result<Json>> check_listings(const AdminServices& services, net::Shard& shard, Call call);  // asks the lists now

Result<Json> list_limits(const AdminServices& services, const Call& call);  // with their present use
Result<Json> set_limit(const AdminServices& services, const Call& call);    // what is not given stays
Result<Json> unset_limit(const AdminServices& services, const Call& call);
Result<Json> show_warm_up(const AdminServices& services, const Call& call);
Result<Json> set_warm_up(const AdminServices& services, const Call& call);

Task<Result<Json>> list_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> count_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> show_queued(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> why_queued(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> retry_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> top_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> hold_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> release_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> purge_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> bounce_queue(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> list_directives(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> end_directive(const AdminServices& services, net::Shard& shard, Call call);

// These ask the desk of reputation, each by way of its shard.
using ShardUseCase = Task<Result<Json>> (*)(const AdminServices& services, net::Shard& shard, Call call);
extern const ShardUseCase list_reputation;
extern const ShardUseCase show_reputation;
extern const ShardUseCase reputation_history;
extern const ShardUseCase set_reputation;
extern const ShardUseCase exempt_reputation;
extern const ShardUseCase show_reputation_policy;
extern const ShardUseCase set_reputation_policy;
extern const ShardUseCase list_unknown_replies;
extern const ShardUseCase list_reply_rules;

Task<Result<Json>> list_cases(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> show_case(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> release_case(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> close_case(const AdminServices& services, net::Shard& shard, Call call);
Task<Result<Json>> purge_case(const AdminServices& services, net::Shard& shard, Call call);

Result<Json> search_trace(const AdminServices& services, const Call& call);
Result<Json> show_trace(const AdminServices& services, const Call& call);
Result<Json> verify_trace(const AdminServices& services, const Call& call);
// The filters of a search or a follow, limited to what the caller may see.
Result<trace::Query> trace_query(const AdminServices& services, const Call& call);

Task<Result<Json>> show_status(const AdminServices& services, net::Shard& shard, Call call);

}  // namespace bulkhead::admin
