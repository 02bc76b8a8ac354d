#include "src/mail/quoted_printable.h"

#include <cstddef>

namespace bulkhead::mail {

namespace {

constexpr std::size_t kLineMax = 76;
constexpr std::string_view kHex = "0123456789ABCDEF";

// White space at the end of a line would be lost on the way (rule 3).
bool is_plain(char c, bool is_last) {
  if (c == ' ' || c == '\t') return !is_last;
  return c > 0x20 && c < 0x7F && c != '=';
}

}  // namespace

std::string encode_quoted_printable(std::string_view text) {
  std::string out;
  out.reserve(text.size() + text.size() / 8);
  std::size_t width = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i, 2) == "\r\n") {
      out += "\r\n";
      width = 0;
      ++i;
      continue;
    }
    const bool is_last = i + 1 == text.size() || text.substr(i + 1, 2) == "\r\n";
    const bool plain = is_plain(text[i], is_last);
    const std::size_t size = plain ? 1 : 3;
    // The last character of a line needs no place for a soft line break behind it.
    if (width + size > (is_last ? kLineMax : kLineMax - 1)) {
      out += "=\r\n";
      width = 0;
    }
    if (plain) {
      out += text[i];
    } else {
      const auto byte = static_cast<unsigned char>(text[i]);
      out += {'=', kHex[byte >> 4], kHex[byte & 15]};
    }
    width += size;
  }
  return out;
}

}  // namespace bulkhead::mail
