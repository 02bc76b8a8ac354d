// The characters of TOML: which text is text at all, and what a quoted string or a number means. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::app {

// The first line with something that TOML 1.0 forbids everywhere: invalid UTF-8, a control character other than tab
// and line feed, a carriage return without its line feed. 0: none.
std::uint32_t line_of_forbidden_text(std::string_view text);

// A decimal integer, optionally signed and with single underscores between digits; nothing for anything else.
std::optional<std::int64_t> toml_integer(std::string_view word);

struct TomlString {
  std::string value;
  std::size_t end = 0;  // octets read, both quotes included
  std::string message;  // not empty: what is wrong
};

// Reads the string in single or double quotes that `text` begins with.
TomlString toml_string(std::string_view text);

}  // namespace bulkhead::app
