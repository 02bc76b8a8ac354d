// Endpoints as the texts that c-ares wants.
#pragma once

#include <string>
#include <vector>

#include "src/base/ip_address.h"

namespace bulkhead::app {

inline std::vector<std::string> texts_of(const std::vector<SocketAddress>& endpoints) {
  std::vector<std::string> texts;
  for (const auto& endpoint : endpoints) texts.push_back(endpoint.text());
  return texts;
}

}  // namespace bulkhead::app
