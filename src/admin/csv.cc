#include "src/admin/csv.h"

#include <fmt/format.h>

namespace bulkhead::admin {
namespace {

// Reads records one after the other.
class CsvReader {
 public:
  explicit CsvReader(std::string_view text) : text_(text) {}

  bool at_end() const { return at_ == text_.size(); }

  Result<CsvRow> record() {
    CsvRow row;
    row.line = line_;
    while (true) {
      auto field = at_quote() ? quoted() : plain();
      if (!field) return fail(field.error());
      row.fields.push_back(std::move(*field));
      if (at_end()) return row;
      if (text_[at_] == ',') {
        ++at_;
        continue;
      }
      skip_line_end();
      return row;
    }
  }

 private:
  bool at_quote() const { return !at_end() && text_[at_] == '"'; }

  tl::unexpected<Error> broken(std::string_view what) const {
    return fail(ErrorCode::kInvalid, fmt::format("line {}: {}", line_, what));
  }

  Result<std::string> quoted() {
    std::string field;
    for (++at_; !at_end(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
        continue;
      }
      ++at_;
      if (!at_quote())
        return at_field_end() ? Result<std::string>{std::move(field)} : broken("text after a closing quote");
      field += '"';
    }
    return broken("a quote is not closed");
  }

  Result<std::string> plain() {
    const auto end = std::min(text_.find_first_of(",\r\n\"", at_), text_.size());
    if (end < text_.size() && text_[end] == '"') return broken("a quote inside a field that does not begin with one");
    std::string field{text_.substr(at_, end - at_)};
    at_ = end;
    return field;
  }

  bool at_field_end() const { return at_end() || text_[at_] == ',' || text_[at_] == '\r' || text_[at_] == '\n'; }

  void skip_line_end() {
    if (text_[at_] == '\r') ++at_;
    if (!at_end() && text_[at_] == '\n') ++at_;
    ++line_;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
};

bool is_blank(const CsvRow& row) {
  return row.fields.size() == 1 && row.fields.front().empty();
}

}  // namespace

Result<CsvTable> parse_csv(std::string_view text, std::size_t rows_max) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  CsvReader reader{text};
  CsvTable table;
  while (!reader.at_end()) {
    auto row = reader.record();
    if (!row) return fail(row.error());
    if (is_blank(*row)) continue;
    if (table.columns.empty()) {
      table.columns = std::move(row->fields);
      continue;
    }
    if (table.rows.size() == rows_max) return fail(ErrorCode::kLimit, fmt::format("more than {} rows", rows_max));
    table.rows.push_back(std::move(*row));
  }
  if (table.columns.empty()) return fail(ErrorCode::kInvalid, "the file is empty", "its first line names the columns");
  return table;
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string{text};
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"') quoted += '"';
    quoted += c;
  }
  return quoted + '"';
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const auto end = std::min(text.find_first_of(",; "), text.size());
    if (end > 0) parts.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace bulkhead::admin
