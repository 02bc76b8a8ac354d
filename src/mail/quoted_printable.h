// The transfer encoding quoted-printable (RFC 2045 §6.7) for text of lines that end with CRLF.
#pragma once

#include <string>
#include <string_view>

namespace bulkhead::mail {

// Printable ASCII lines of at most 76 characters; line ends stay line ends.
std::string encode_quoted_printable(std::string_view text);

}  // namespace bulkhead::mail
