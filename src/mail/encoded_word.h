// Encoded words of header fields (RFC 2047), decoded far enough to show a subject to a person.
#pragma once

#include <string>
#include <string_view>

namespace bulkhead::mail {

// The unstructured field body as printable UTF-8, at most `size_max` bytes. UTF-8, US-ASCII, ISO-8859-1 and
// Windows-1252 are converted; words in other charsets, and malformed ones, stay as they are written.
std::string decode_encoded_words(std::string_view text, std::size_t size_max);

}  // namespace bulkhead::mail
