// Reading accounts from the SQLite directory.
#pragma once

#include <optional>

#include "tenants/directory.h"
#include "tenants/sqlite.h"

namespace bulkhead::tenants {

Result<std::optional<Account>> find_account(sqlite::Connection& connection, const AccountId& id);

}  // namespace bulkhead::tenants
