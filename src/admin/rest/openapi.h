// The OpenAPI 3.0 description of the API, made from the tables.
#pragma once

#include "src/admin/json.h"

namespace bulkhead::admin {

Json openapi_document(std::string_view version);

}  // namespace bulkhead::admin
