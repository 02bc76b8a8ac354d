// The certificate and key that tenants and domains take.
#pragma once

#include <string>

#include "src/admin/call.h"

namespace bulkhead::admin {

// Applies the fields "certificate" and "key" when one of them is given: both, and belonging together, or both empty.
Status set_certificate(const Call& call, std::string& certificate_pem, std::string& key_pem);

}  // namespace bulkhead::admin
