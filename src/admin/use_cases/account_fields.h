// What accounts, their import and their password share.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"

namespace bulkhead::admin {

// Applies the fields of the body that are given: address, name, kind, state, quota, client_networks.
Status set_account_fields(const AdminServices& services, const Call& call, tenants::Account& account);
// 8 to 256 bytes; hashes it into `account`. Blocks for tens of milliseconds.
Status set_password_hash(const AdminServices& services, std::string password, tenants::Account& account);
// Makes one account from a body as POST /accounts takes it, without renewing the snapshot.
Result<tenants::Account> create_account(const AdminServices& services, const Call& call);

// A page of the accounts of a scope, in order of domain and local part.
Result<std::vector<tenants::Account>> accounts_of(const AdminServices& services, const TenantScope& scope,
                                                  const std::string& after, std::size_t limit);
// What lookups keep of the account: its addresses, former ones too, and itself.
Touched touched_by(const AdminServices& services, const tenants::Account& account);
// Drops an address that the account had before; the account goes on under its present one.
Result<Json> remove_former_address(const AdminServices& services, const Call& call, const tenants::Account& account,
                                   const mail::Address& address);

}  // namespace bulkhead::admin
