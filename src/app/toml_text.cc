#include "src/app/toml_text.h"

#include <charconv>

#include "src/mail/utf8.h"

namespace bulkhead::app {

namespace {

bool is_forbidden(char c, char next) {
  const auto octet = static_cast<unsigned char>(c);
  if (c == '\r') return next != '\n';
  return (octet < 0x20 && c != '\t' && c != '\n') || octet == 0x7F;
}

void append_utf8(std::string& out, std::uint32_t point) {
  const auto put = [&](std::uint32_t octet) { out += static_cast<char>(static_cast<unsigned char>(octet)); };
  if (point < 0x80) return put(point);
  if (point < 0x800) {
    put(0xC0U | point >> 6U);
  } else if (point < 0x10000) {
    put(0xE0U | point >> 12U);
    put(0x80U | (point >> 6U & 0x3FU));
  } else {
    put(0xF0U | point >> 18U);
    put(0x80U | (point >> 12U & 0x3FU));
    put(0x80U | (point >> 6U & 0x3FU));
  }
  put(0x80U | (point & 0x3FU));
}

// The octets of the escape that `text` begins with, the backslash included; 0 when there is none like it.
std::size_t read_escape(std::string_view text, std::string& out) {
  constexpr std::string_view kNames = "btnfr\"\\";
  constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
  if (text.size() < 2) return 0;
  if (const auto i = kNames.find(text[1]); i != std::string_view::npos) {
    out += kMeanings[i];
    return 2;
  }
  const std::size_t digits = text[1] == 'u' ? 4 : text[1] == 'U' ? 8 : 0;
  if (digits == 0 || text.size() < 2 + digits) return 0;
  std::uint32_t point = 0;
  const char* end = text.data() + 2 + digits;
  const auto [read, error] = std::from_chars(text.data() + 2, end, point, 16);
  const bool is_surrogate = point >= 0xD800 && point <= 0xDFFF;
  if (error != std::errc{} || read != end || is_surrogate || point > 0x10FFFF) return 0;
  append_utf8(out, point);
  return 2 + digits;
}

}  // namespace

std::uint32_t line_of_forbidden_text(std::string_view text) {
  std::uint32_t line = 1;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t length = mail::utf8_sequence_length(text.substr(i));
    if (length == 0 || is_forbidden(text[i], i + 1 < text.size() ? text[i + 1] : '\0')) return line;
    if (text[i] == '\n') ++line;
    i += length;
  }
  return 0;
}

std::optional<std::int64_t> toml_integer(std::string_view word) {
  std::string digits{word};
  if (digits.starts_with('+')) digits.erase(0, 1);
  if (digits.starts_with("-") && word.starts_with('+')) return std::nullopt;
  const std::size_t first = digits.starts_with('-') ? 1 : 0;
  if (digits.size() > first + 1 && digits[first] == '0') return std::nullopt;  // leading zeros
  if (digits.ends_with('_') || digits.substr(first).starts_with('_') || digits.find("__") != std::string::npos) {
    return std::nullopt;
  }
  std::erase(digits, '_');
  std::int64_t value = 0;
  const char* end = digits.data() + digits.size();
  const auto [read, error] = std::from_chars(digits.data(), end, value);
  if (error != std::errc{} || read != end) return std::nullopt;
  return value;
}

TomlString toml_string(std::string_view text) {
  const char quote = text.front();
  TomlString read{{}, 1, {}};
  while (read.end < text.size() && text[read.end] != '\n') {
    const char c = text[read.end];
    if (c == quote) {
      ++read.end;
      return read;
    }
    if (c != '\\' || quote == '\'') {
      read.value += c;
      ++read.end;
      continue;
    }
    const std::size_t length = read_escape(text.substr(read.end), read.value);
    if (length == 0) {
      read.message = R"(in double quotes a backslash begins \b \t \n \f \r \" \\ \uXXXX or \UXXXXXXXX)";
      return read;
    }
    read.end += length;
  }
  read.message = "the string does not end on its line";
  return read;
}

}  // namespace bulkhead::app
