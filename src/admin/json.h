// The JSON type of the API, its reading with bounds, and its writing.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "src/base/result.h"

namespace bulkhead::admin {

// Keeps fields in the order in which they were put, which is the order people read them in.
using Json = nlohmann::ordered_json;

// At most 32 levels deep; kInvalid says where it broke.
Result<Json> parse_json(std::string_view text);
// Never throws: bytes that are not UTF-8 become U+FFFD.
std::string dump(const Json& json);
std::string dump_pretty(const Json& json);

}  // namespace bulkhead::admin
