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
  enum class Weight : std::uint8_t {
    kTold,       // people hear of it: the first word of this zone on that day
    kCounted,    // the same, but of zones enough were told of
    kConfirmed,  // so many sites have said so that it is believed; it was told or counted before
  } weight = Weight::kTold;
};

}  // namespace bulkhead::app
