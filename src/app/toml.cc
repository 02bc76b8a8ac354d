#include "src/app/toml.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "src/app/toml_text.h"

namespace bulkhead::app {

namespace {

constexpr char kEnd = '\0';  // what peek() says behind the text; NUL in the text is refused before
constexpr std::size_t kKeyDepthMax = 8;
constexpr std::string_view kKeyForm = "expected `key = value` or `[section]`";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_bare(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '-';
}

// Walks the text once. A function that fails has noted its fault and returns false or nothing.
class TomlParser {
 public:
  explicit TomlParser(std::string_view text) : text_(text) {}

  TomlReading run() {
    while (peek() != kEnd && reading_.faults.size() < TomlReading::kFaultsMax) {
      const std::uint32_t first = line_;
      if (read_line()) continue;
      // Where a list has broken off that goes on below, nobody can tell what belongs to it.
      const auto rest = text_.substr(at_, text_.find('\n', at_) - at_);
      const bool is_in_list = std::exchange(is_in_list_, false) && rest.find(']') == std::string_view::npos;
      if (line_ != first || is_in_list) break;
      skip_line();
    }
    return std::move(reading_);
  }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : kEnd; }
  bool is_next(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  bool take(char c) {
    if (peek() != c || c == kEnd) return false;
    ++at_;
    return true;
  }
  bool fail(std::string message) {
    reading_.faults.push_back({line_, std::move(message)});
    return false;
  }
  void skip_line() {
    at_ = std::min(text_.find('\n', at_), text_.size());
    static_cast<void>(take_line_end());
  }

  void skip_blanks() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() {
    if (peek() == '#') at_ = std::min(text_.find('\n', at_), text_.size());
  }
  bool take_line_end() {
    if (peek() == '\r' && is_next("\r\n")) ++at_;
    if (!take('\n')) return false;
    ++line_;
    return true;
  }
  // Blanks, comments and line ends: what may stand between the items of an array.
  void skip_lines() {
    do {
      skip_blanks();
      skip_comment();
    } while (take_line_end());
  }

  bool read_line() {
    skip_blanks();
    if (peek() == '[') {
      if (!read_section()) return false;
    } else if (peek() != '#' && peek() != '\n' && peek() != '\r') {
      if (!read_entry()) return false;
    }
    skip_blanks();
    skip_comment();
    if (take_line_end() || peek() == kEnd) return true;
    return fail("nothing may follow on this line but a comment");
  }

  bool read_section() {
    section_.reset();
    if (is_next("[[")) return fail("no section is a list: write [section], not [[section]]");
    ++at_;
    auto name = read_key("a section's name");
    if (!name) return false;
    if (!take(']')) return fail("a section's name ends with ]");
    const auto [first, is_new] = sections_.emplace(*name, line_);
    if (!is_new) return fail(fmt::format("the section [{}] has begun in line {} already", *name, first->second));
    section_ = std::move(*name) + ".";
    return true;
  }

  bool read_entry() {
    const std::uint32_t line = line_;
    auto name = read_key("a key");
    if (!name) return false;
    if (!take('=')) return fail(std::string{kKeyForm});
    skip_blanks();
    auto value = read_value(false);
    if (!value) return false;
    if (!section_) return true;
    std::string key = *section_ + *name;
    const auto [first, is_new] = keys_.emplace(key, line);
    if (!is_new) {
      reading_.faults.push_back({line, fmt::format("{} has a value in line {} already", key, first->second)});
      return true;
    }
    value->line = line;
    reading_.entries.push_back({std::move(key), std::move(*value)});
    return true;
  }

  // A dotted key and the blanks around it.
  std::optional<std::string> read_key(std::string_view what) {
    std::string key;
    for (std::size_t depth = 0; depth < kKeyDepthMax; ++depth) {
      skip_blanks();
      const auto part = read_key_part(what);
      if (!part) return std::nullopt;
      key += *part;
      skip_blanks();
      if (!take('.')) return key;
      key += '.';
    }
    fail(fmt::format("{} has at most {} parts", what, kKeyDepthMax));
    return std::nullopt;
  }

  std::optional<std::string> read_key_part(std::string_view what) {
    const std::size_t begin = at_;
    while (is_bare(peek())) ++at_;
    if (at_ > begin) return std::string{text_.substr(begin, at_ - begin)};
    fail(fmt::format("{}; {} has letters, digits, _ and - and no quotes", kKeyForm, what));
    return std::nullopt;
  }

  std::optional<TomlValue> read_value(bool is_item) {
    const std::uint32_t line = line_;
    const char c = peek();
    if (c == '"' || c == '\'') {
      auto text = read_string();
      if (!text) return std::nullopt;
      return TomlValue{line, std::move(*text)};
    }
    if (c == '[' && !is_item) return read_array();
    if (c == '[') fail("no key takes a list in a list");
    if (c == '{') fail("no key takes a {table}: give it a [section] of its own");
    if (c == '[' || c == '{') return std::nullopt;
    return read_word();
  }

  TomlValue end_list(TomlValue list) {
    is_in_list_ = false;
    return list;
  }

  std::optional<TomlValue> read_array() {
    TomlValue list{line_, TomlValue::Array{}};
    auto& items = std::get<TomlValue::Array>(list.content);
    ++at_;
    is_in_list_ = true;
    for (;;) {
      skip_lines();
      if (take(']')) return end_list(std::move(list));
      if (peek() == kEnd) break;
      auto item = read_value(true);
      if (!item) return std::nullopt;
      items.push_back(std::move(*item));
      skip_lines();
      if (take(']')) return end_list(std::move(list));
      if (!take(',')) break;
    }
    fail(fmt::format("the list that begins in line {} goes on with a comma or ends with ]", list.line));
    return std::nullopt;
  }

  // true, false, or an integer.
  std::optional<TomlValue> read_word() {
    const std::size_t begin = at_;
    while (is_bare(peek()) || peek() == '+' || peek() == '.' || peek() == ':') ++at_;
    const std::string_view word = text_.substr(begin, at_ - begin);
    if (word == "true" || word == "false") return TomlValue{line_, word == "true"};
    if (const auto number = toml_integer(word)) return TomlValue{line_, *number};
    fail("expected a string in quotes, a whole number, true, false or a [list]");
    return std::nullopt;
  }

  std::optional<std::string> read_string() {
    if (is_next("\"\"\"") || is_next("'''")) {
      fail("a string stands on one line, in single or double quotes");
      return std::nullopt;
    }
    auto [value, end, message] = toml_string(text_.substr(at_));
    at_ += end;
    if (message.empty()) return std::move(value);
    fail(std::move(message));
    return std::nullopt;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
  std::uint32_t line_ = 1;
  bool is_in_list_ = false;
  std::optional<std::string> section_ = "";  // with the dot that follows it; nothing: its line was a fault
  std::map<std::string, std::uint32_t> sections_, keys_;
  TomlReading reading_;
};

}  // namespace

TomlReading parse_toml(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  if (const auto line = line_of_forbidden_text(text); line > 0) {
    return {.entries = {}, .faults = {{line, "not UTF-8 text, or a control character: save the file as plain text"}}};
  }
  return TomlParser{text}.run();
}

}  // namespace bulkhead::app
