// Reads the part of TOML 1.0 that the configuration file uses: tables, bare and dotted keys, one-line strings,
// decimal integers, booleans, and arrays of these, with the exact line of everything. What else TOML knows (multi-line
// strings, floating point numbers, dates, quoted keys, inline tables, arrays of tables) no key takes; it is refused by
// name.
//
// A reader of our own, because the text may be anything: docs/decisions/0008-toml.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace bulkhead::app {

struct TomlValue {
  using Array = std::vector<TomlValue>;
  std::uint32_t line = 0;
  std::variant<bool, std::int64_t, std::string, Array> content;

  // Null when the value is of another type.
  const bool* boolean() const { return std::get_if<bool>(&content); }
  const std::int64_t* integer() const { return std::get_if<std::int64_t>(&content); }
  const std::string* string() const { return std::get_if<std::string>(&content); }
  const Array* array() const { return std::get_if<Array>(&content); }
};

// One `key = value`; the key carries its table's name: "listen.smtp".
struct TomlEntry {
  std::string key;
  TomlValue value;  // its line is the key's
};

struct TomlFault {
  std::uint32_t line = 0;
  std::string message;  // what is wrong and what would be right
};

struct TomlReading {
  std::vector<TomlEntry> entries;  // in the order of the file
  // What is not TOML, and keys and sections that are given twice, at most kFaultsMax; reading goes on in the next line.
  std::vector<TomlFault> faults;
  static constexpr std::size_t kFaultsMax = 20;
};

TomlReading parse_toml(std::string_view text);

}  // namespace bulkhead::app
