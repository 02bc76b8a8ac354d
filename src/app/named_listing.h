// What a refusal said of a DNS list.
#pragma once

#include <string>

#include "src/base/ip_address.h"

namespace bulkhead::app {

struct NamedListing {
  IpAddress source;
  std::string zone;
  std::string site;  // that said so
  std::string link;  // where to ask for delisting; may be empty
};

}  // namespace bulkhead::app
