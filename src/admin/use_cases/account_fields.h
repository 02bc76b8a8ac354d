// What accounts, their import and their password share.
#pragma once

#include "src/admin/call.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

// Applies the fields of the body that are given: address, name, kind, state, quota, client_networks.
Status set_account_fields(const AdminServices& services, const Call& call, tenants::Account& account);
// 8 to 256 bytes; hashes it into `account`. Blocks for tens of milliseconds.
Status set_password_hash(const AdminServices& services, std::string password, tenants::Account& account);
// Makes one account from a body as POST /accounts takes it, without renewing the snapshot.
Result<tenants::Account> create_account(const AdminServices& services, const Call& call);

}  // namespace bulkhead::admin
