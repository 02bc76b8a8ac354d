// Checks of UTF-8 for text that comes from peers (RFC 3629).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bulkhead::mail {

// The length of the well-formed sequence at the front of `text` (1 to 4), 0 when there is none: overlong forms,
// surrogates, code points past U+10FFFF and lone continuation bytes are refused.
std::size_t utf8_sequence_length(std::string_view text);

// Well-formed, and without control characters of either block (U+0000–U+001F, U+007F–U+009F).
bool is_printable_utf8(std::string_view text);

bool is_ascii(std::string_view text);

// The longest front of `text` of at most `size_max` bytes that does not cut a sequence.
std::string_view utf8_prefix(std::string_view text, std::size_t size_max);

// `text` made fit to show: malformed octets become U+FFFD, control characters spaces; at most `size_max` bytes.
std::string to_printable_utf8(std::string_view text, std::size_t size_max);

}  // namespace bulkhead::mail
