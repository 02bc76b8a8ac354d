// Comma-separated values (RFC 4180), bounded.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace bulkhead::admin {

struct CsvRow {
  std::size_t line = 0;  // of the text, counted from 1
  std::vector<std::string> fields;
};

struct CsvTable {
  std::vector<std::string> columns;  // of the first line
  std::vector<CsvRow> rows;          // empty lines are left out
};

// kInvalid with the line for a quote that never ends or stands inside a field; kLimit over `rows_max` rows.
Result<CsvTable> parse_csv(std::string_view text, std::size_t rows_max);
// The field, quoted where it must be.
std::string csv_field(std::string_view text);
// "a, b;c" → {"a", "b", "c"}: the lists inside one field.
std::vector<std::string> split_list(std::string_view text);

}  // namespace bulkhead::admin
