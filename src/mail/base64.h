// Base 64 (RFC 4648 §4), strict: no line breaks, no other characters, padding where it belongs.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::mail {

std::string encode_base64(std::string_view bytes);
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace bulkhead::mail
