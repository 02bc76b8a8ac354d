// The schema of the SQLite directory, as numbered migrations. PRAGMA user_version holds the number of the last one.
#pragma once

#include "src/base/result.h"
#include "tenants/sqlite.h"

namespace bulkhead::tenants {

// The newest schema that this program knows.
int schema_version();

// Applies what is missing up to `version`, each migration in a transaction of its own. kConflict when the file was
// made by a newer program: it is left untouched.
Status migrate(sqlite::Connection& connection, int version = schema_version());

}  // namespace bulkhead::tenants
