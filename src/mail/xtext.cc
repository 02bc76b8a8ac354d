#include "src/mail/xtext.h"

namespace bulkhead::mail {

namespace {

constexpr std::string_view kHex = "0123456789ABCDEF";

// RFC 3461 §4 wants upper case; lower case is unambiguous and is sent by some clients.
int hex_value(char c) {
  if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  const auto at = kHex.find(c);
  return at == std::string_view::npos ? -1 : static_cast<int>(at);
}

bool is_xchar(char c) {
  return c >= '!' && c <= '~' && c != '+' && c != '=';
}

}  // namespace

std::string encode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_xchar(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '+';
    out += kHex[byte >> 4];
    out += kHex[byte & 15];
  }
  return out;
}

Result<std::string> decode_xtext(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_xchar(text[i])) {
      out += text[i];
      continue;
    }
    if (text[i] != '+' || text.size() - i < 3) return fail(ErrorCode::kInvalid, "the text is not valid xtext");
    const int high = hex_value(text[i + 1]);
    const int low = hex_value(text[i + 2]);
    if (high < 0 || low < 0) return fail(ErrorCode::kInvalid, "the text is not valid xtext");
    const int value = high * 16 + low;
    if (value < 0x20 || value > 0x7E) return fail(ErrorCode::kInvalid, "the text hides a control or 8-bit character");
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

}  // namespace bulkhead::mail
