#include "src/mail/encoded_word.h"

#include <algorithm>
#include <optional>

#include "src/mail/base64.h"
#include "src/mail/utf8.h"

namespace bulkhead::mail {

namespace {

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

std::optional<std::string> decode_q(std::string_view text) {
  std::string out;
  const auto hex = [](char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '=') {
      out += text[i] == '_' ? ' ' : text[i];
      continue;
    }
    if (text.size() - i < 3 || hex(text[i + 1]) < 0 || hex(text[i + 2]) < 0) return std::nullopt;
    out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
    i += 2;
  }
  return out;
}

std::string from_latin1(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80) {
      out += c;
    } else {
      out += static_cast<char>(0xC0 | byte >> 6);
      out += static_cast<char>(0x80 | (byte & 0x3F));
    }
  }
  return out;
}

std::optional<std::string> to_utf8(std::string_view charset, std::string text) {
  charset = charset.substr(0, charset.find('*'));  // language tag, RFC 2231 §5
  if (equals_ignoring_case(charset, "utf-8") || equals_ignoring_case(charset, "us-ascii")) return text;
  if (equals_ignoring_case(charset, "iso-8859-1") || equals_ignoring_case(charset, "windows-1252")) {
    return from_latin1(text);
  }
  return std::nullopt;
}

struct Word {
  std::string text;
  std::size_t consumed = 0;
};

// The encoded word at the front of `text`, which begins with "=?".
std::optional<Word> parse_word(std::string_view text) {
  const auto encoding = text.find('?', 2);
  if (encoding == std::string_view::npos || text.size() - encoding < 3 || text[encoding + 2] != '?')
    return std::nullopt;
  const auto end = text.find("?=", encoding + 3);
  if (end == std::string_view::npos) return std::nullopt;
  const auto payload = text.substr(encoding + 3, end - encoding - 3);
  const char kind = text[encoding + 1];
  std::optional<std::string> decoded;
  if (kind == 'B' || kind == 'b') decoded = decode_base64(payload);
  if (kind == 'Q' || kind == 'q') decoded = decode_q(payload);
  if (decoded) decoded = to_utf8(text.substr(2, encoding - 2), std::move(*decoded));
  if (!decoded) return std::nullopt;
  return Word{std::move(*decoded), end + 2};
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t") == std::string_view::npos;
}

}  // namespace

std::string decode_encoded_words(std::string_view text, std::size_t size_max) {
  std::string out;
  bool follows_word = false;
  while (!text.empty() && out.size() <= size_max) {
    const auto start = text.find("=?");
    const auto plain = text.substr(0, start);
    // White space between two encoded words is not shown (RFC 2047 §6.2).
    std::optional<Word> word;
    if (start != std::string_view::npos) word = parse_word(text.substr(start));
    if (!(follows_word && word && is_blank(plain))) out += plain;
    if (start == std::string_view::npos) break;
    out += word ? std::string_view{word->text} : "=?";
    follows_word = word.has_value();
    text.remove_prefix(start + (word ? word->consumed : 2));
  }
  return to_printable_utf8(out, size_max);
}

}  // namespace bulkhead::mail
