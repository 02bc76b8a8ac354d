// Where a webhook may lead.
#pragma once

#include <string>

#include "src/base/ip_address.h"
#include "src/base/result.h"

namespace bulkhead::webhook {

// Who wrote the URL: a tenant's may lead to public addresses only, so that nobody reaches through this server what is
// not theirs to reach.
enum class Owner { kOperator, kTenant };

// kInvalid says what would be right: http or https for the operator, https for a tenant (port 443, or
// from 1024 on), with a host, without a user.
Status check_url(const std::string& url, Owner owner);

// Whether a tenant's webhook may connect there: an address that is routed globally and stands for itself, not for an
// IPv4 address behind a translator.
bool may_connect(const IpAddress& ip);

}  // namespace bulkhead::webhook
