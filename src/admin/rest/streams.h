// The calls whose answers have no end known beforehand.
#pragma once

#include "src/admin/rest/endpoint.h"

namespace bulkhead::admin {

// Newline-delimited JSON; an empty line each 15 seconds shows that the connection lives. A reader that is slower than
// the events loses the newest ones and is told how many: {"event": "skipped", "count": n}.
Result<std::unique_ptr<BodySource>> follow_trace(const AdminServices& services, HttpContext& context, const Call& call);
// CSV with the columns that the import takes, but for passwords.
Result<std::unique_ptr<BodySource>> export_accounts(const AdminServices& services, HttpContext& context,
                                                    const Call& call);

}  // namespace bulkhead::admin
