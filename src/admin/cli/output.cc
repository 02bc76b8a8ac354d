#include "src/admin/cli/output.h"

#include <algorithm>
#include <cmath>
#include <ostream>

#include <fmt/format.h>

#include "src/base/log.h"

namespace bulkhead::admin::cli {
namespace {

// A table of more rows is put out in parts, each aligned by itself, so that memory stays bounded.
constexpr std::size_t kRowsMax = 10'000;

// Characters, not bytes: continuation bytes of UTF-8 take no place.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(text, [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string shortened(std::string text, std::size_t width_max) {
  if (width(text) <= width_max) return text;
  std::size_t characters = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if ((text[end] & 0xC0) != 0x80 && characters++ == width_max - 1) break;
  }
  return text.substr(0, end) + "…";
}

const Json* reach(const Json& row, std::string_view field) {
  const auto dot = field.find('.');
  const std::string first{field.substr(0, dot)};
  if (!row.is_object() || !row.contains(first)) return nullptr;
  const Json& value = row.at(first);
  return dot == std::string_view::npos ? &value : reach(value, field.substr(dot + 1));
}

std::string cell(const Json& row, const Column& column) {
  const Json* value = reach(row, column.field);
  return value == nullptr ? "-" : shortened(format_value(*value), column.width_max);
}

bool is_number(const Json& row, const Column& column) {
  const Json* value = reach(row, column.field);
  return value != nullptr && value->is_number();
}

std::string padded(const std::string& text, std::size_t size, bool is_right) {
  const std::string space(size - std::min(size, width(text)), ' ');
  return is_right ? space + text : text + space;
}

std::string trimmed_end(std::string line) {
  line.erase(line.find_last_not_of(' ') + 1);
  return line;
}

std::string bold(const std::string& text, Colours colours) {
  return colours == Colours::kAnsi ? "\x1b[1m" + text + "\x1b[0m" : text;
}

// Counts that fade: whole ones without a point, others as exact as a person wants them.
std::string number_text(double number) {
  if (number == std::floor(number) && std::abs(number) < 1e15) return fmt::format("{:.0f}", number);
  return fmt::format("{:.1f}", number);
}

// Shares of one are small: in percent they can be read.
void show_percent(Json& evidence) {
  for (const auto* name : {"share", "share_allowed"}) {
    if (!evidence.contains(name) || !evidence[name].is_number()) continue;
    evidence[name] = number_text(evidence[name].get<double>() * 100) + "%";
  }
}

void append_fields(std::string& out, const Json& object, const std::string& indent, Colours colours) {
  std::size_t longest = 0;
  for (const auto& [name, value] : object.items()) longest = std::max(longest, width(name));
  for (const auto& [name, value] : object.items()) {
    const auto title = bold(padded(escape_controls(name) + ":", longest + 2, false), colours);
    const bool is_list = value.is_array() && !value.empty() && value.front().is_object();
    if (!value.is_object() && !is_list) {
      out += trimmed_end(indent + title + format_value(value)) + "\n";
      continue;
    }
    out += trimmed_end(indent + title) + "\n";
    const Json one = Json::array({value});
    for (const auto& part : is_list ? value : one) {
      append_fields(out, part, indent + "  ", colours);
      if (is_list && &part != &value.back()) out += "\n";
    }
  }
}

}  // namespace

Json readable(Json json) {
  if (!json.is_object()) return json;
  if (json.contains("evidence") && json["evidence"].is_object()) show_percent(json["evidence"]);
  if (json.contains("quota") && json["quota"] == 0) json["quota"] = "unlimited";
  if (json.contains("uptime") && json["uptime"].is_number_unsigned()) {
    const auto seconds = json["uptime"].get<std::uint64_t>();
    const auto days = seconds / 86400;
    json["uptime"] = fmt::format("{}{}:{:02}:{:02}", days == 0 ? "" : counted(days, "day ", "days "),
                                 seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
  }
  return json;
}

std::string counted(const Json& count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", format_value(count), count == 1 ? one : many);
}

std::string format_value(const Json& value) {
  if (value.is_null()) return "-";
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return text.empty() ? "-" : escape_controls(text);
  }
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return number_text(value.get<double>());
  if (!value.is_array()) return value.is_object() ? escape_controls(dump(value)) : dump(value);
  std::string text;
  for (const auto& element : value) text += (text.empty() ? "" : ", ") + format_value(element);
  return text.empty() ? "-" : text;
}

std::string format_table(const Columns& columns, const std::vector<Json>& rows, Colours colours) {
  std::vector<std::size_t> widths;
  std::vector<bool> are_numbers;
  for (const auto& column : columns) {
    std::size_t widest = width(column.title);
    bool is_numeric = !rows.empty();
    for (const auto& row : rows) {
      widest = std::max(widest, width(cell(row, column)));
      is_numeric = is_numeric && is_number(row, column);
    }
    widths.push_back(widest);
    are_numbers.push_back(is_numeric);
  }
  const auto line_of = [&](const auto& text_of) {
    std::string line;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      line += (i == 0 ? "" : "  ") + padded(text_of(columns[i]), widths[i], are_numbers[i]);
    }
    return trimmed_end(std::move(line));
  };
  std::string out = bold(line_of([](const Column& column) { return column.title; }), colours) + "\n";
  for (const auto& row : rows) out += line_of([&row](const Column& column) { return cell(row, column); }) + "\n";
  return out;
}

std::string format_fields(const Json& object, Colours colours) {
  std::string out;
  append_fields(out, object, "", colours);
  return out;
}

void Output::object(const Json& json) {
  out_ << (is_json() || !json.is_object() ? dump_pretty(json) + "\n" : format_fields(readable(json), options_.colours));
}

void Output::done(const Json& json, const std::string& sentence) {
  if (is_json()) {
    out_ << dump_pretty(json.is_null() ? Json::object() : json) << "\n";
  } else {
    out_ << sentence << "\n";
  }
}

void Output::line(const std::string& text) {
  out_ << text << "\n" << std::flush;
}

void Output::progress(std::size_t done, std::size_t total) {
  if (options_.shows_progress)
    err_ << fmt::format("\r{} of {}{}", done, total, done == total ? "\n" : "") << std::flush;
}

void Output::warn(const std::string& text) {
  err_ << escape_controls(text) << "\n";
}

Output::List::List(Output& output, Columns columns) : output_(output), columns_(std::move(columns)) {}

void Output::List::add(const Json& item) {
  if (output_.is_json()) {
    output_.out_ << (count_ == 0 ? "[\n" : ",\n") << dump(item);
  } else {
    rows_.push_back(item);
    if (rows_.size() == kRowsMax) flush_table();
  }
  ++count_;
}

void Output::List::flush_table() {
  output_.out_ << format_table(columns_, rows_, output_.options_.colours);
  rows_.clear();
}

void Output::List::finish() {
  if (output_.is_json()) {
    output_.out_ << (count_ == 0 ? "[]\n" : "\n]\n");
  } else if (!rows_.empty() || count_ == 0) {
    flush_table();
  }
}

}  // namespace bulkhead::admin::cli
