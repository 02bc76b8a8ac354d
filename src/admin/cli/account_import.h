// `bulkhead account import`: a CSV file sent in parts, so that progress shows and each request stays small.
#pragma once

#include "src/admin/cli/command.h"

namespace bulkhead::admin::cli {

// Every row is tried; those that fail are told with their line, and make the command fail.
Status import_accounts(CommandContext& context, const Arguments& arguments);

}  // namespace bulkhead::admin::cli
