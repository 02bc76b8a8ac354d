#include "src/mail/xtext.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <fmt/format.h>

#include "src/mail/utf8.h"

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

// The code point of a well-formed sequence.
std::uint32_t code_point(std::string_view sequence) {
  const auto lead = static_cast<unsigned char>(sequence.front());
  if (sequence.size() == 1) return lead;
  std::uint32_t point = lead & (0x7FU >> sequence.size());
  for (const char c : sequence.substr(1)) point = point << 6 | (static_cast<unsigned char>(c) & 0x3FU);
  return point;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto tail = [&out, point](int shift) { out += static_cast<char>(0x80 | (point >> shift & 0x3F)); };
  if (point < 0x80) {
    out += static_cast<char>(point);
  } else if (point < 0x800) {
    out += static_cast<char>(0xC0 | point >> 6);
    tail(0);
  } else if (point < 0x10000) {
    out += static_cast<char>(0xE0 | point >> 12);
    tail(6), tail(0);
  } else {
    out += static_cast<char>(0xF0 | point >> 18);
    tail(12), tail(6), tail(0);
  }
}

// Takes "\x{F6}" from the front of `text`; nothing when there is none.
std::optional<std::uint32_t> take_embedded(std::string_view& text) {
  constexpr std::size_t kDigitsMax = 6;
  if (!text.starts_with("\\x{")) return std::nullopt;
  const auto end = text.find('}');
  if (end == std::string_view::npos || end < 4 || end > 3 + kDigitsMax) return std::nullopt;
  std::uint32_t point = 0;
  const auto [read, error] = std::from_chars(text.data() + 3, text.data() + end, point, 16);
  if (error != std::errc{} || read != text.data() + end || point > 0x10FFFF) return std::nullopt;
  text.remove_prefix(end + 1);
  return point;
}

}  // namespace

std::string encode_utf8_address(std::string_view address) {
  std::string out;
  while (!address.empty()) {
    const auto length = utf8_sequence_length(address);
    if (length == 1 && is_xchar(address.front()) && address.front() != '\\') {
      out += address.front();
    } else if (length > 0) {
      out += fmt::format("\\x{{{:X}}}", code_point(address.substr(0, length)));
    }
    address.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

Result<std::string> decode_utf8_address(std::string_view text) {
  if (text.find('\\') == std::string_view::npos && is_ascii(text)) return decode_xtext(text);
  std::string out;
  while (!text.empty()) {
    if (const auto embedded = take_embedded(text)) {
      append_utf8(out, *embedded);
      continue;
    }
    const auto length = utf8_sequence_length(text);
    if (length == 0 || (length == 1 && (!is_xchar(text.front()) || text.front() == '\\'))) {
      return fail(ErrorCode::kInvalid, "the text is no address of type utf-8");
    }
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  if (!is_printable_utf8(out)) return fail(ErrorCode::kInvalid, "the text hides a control character");
  return out;
}

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
