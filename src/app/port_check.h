// Whether the endpoints of the configuration are free, before any of them is bound.
#pragma once

#include "src/app/configuration.h"
#include "src/base/result.h"

namespace bulkhead::app {

// The first that is not; see net::Listener::check_free.
Status check_ports(const Configuration::Listen& listen);

}  // namespace bulkhead::app
