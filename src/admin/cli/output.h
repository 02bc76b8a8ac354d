// What a person or a program reads: aligned tables and field lists, or one JSON document. Text that came from outside
// is shown with its control characters escaped, so that nobody's subject line drives the terminal.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "src/admin/json.h"

namespace bulkhead::admin::cli {

struct Column {
  std::string title;
  std::string field;  // of the JSON; "reason.code" reaches into an object
  std::size_t width_max = 60;
};
using Columns = std::vector<Column>;

enum class Format { kText, kJson };
enum class Colours { kNone, kAnsi };

// Columns as wide as their widest cell, numbers to the right. Deterministic: for scripts and tests alike.
std::string format_table(const Columns& columns, const std::vector<Json>& rows, Colours colours);
// "name:  value" lines, nested objects indented.
std::string format_fields(const Json& object, Colours colours);
// For persons: no quota is "unlimited", the uptime has days and hours.
Json readable(Json json);
// "1 delivery", "2 deliveries".
std::string counted(const Json& count, std::string_view one, std::string_view many);
// One value as text: null as "-", lists with commas, objects in short.
std::string format_value(const Json& value);

class Output {
 public:
  struct Options {
    Format format = Format::kText;
    Colours colours = Colours::kNone;
    bool shows_progress = false;  // standard error is a terminal
  };
  Output(std::ostream& out, std::ostream& err, Options options) : out_(out), err_(err), options_(options) {}

  bool is_json() const { return options_.format == Format::kJson; }
  void object(const Json& json);
  // Of a command that only says that it is done: silent, or the object that it made with --json.
  void done(const Json& json, const std::string& sentence);
  void line(const std::string& text);  // as it is
  void progress(std::size_t done, std::size_t total);
  void warn(const std::string& text);

  // A list, put out as it comes with --json, and at the end as a table otherwise.
  class List;

 private:
  std::ostream& out_;
  std::ostream& err_;
  Options options_;
};

class Output::List {
 public:
  List(Output& output, Columns columns);
  void add(const Json& item);
  void finish();

 private:
  void flush_table();
  Output& output_;
  Columns columns_;
  std::vector<Json> rows_;
  std::size_t count_ = 0;
};

}  // namespace bulkhead::admin::cli
