#include "monitoring/replies/words.h"

#include <algorithm>
#include <charconv>

namespace bulkhead::replies {

namespace {

constexpr std::string_view kBlanks = " \t\r";

bool is_word_octet(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
}

std::optional<std::uint16_t> parse_part(std::string_view text) {
  std::uint16_t value = 0;
  const auto* const end = text.data() + text.size();
  const auto [stop, fault] = std::from_chars(text.data(), end, value);
  if (text.empty() || text.size() > 3 || fault != std::errc{} || stop != end) return std::nullopt;
  return value;
}

// "500-699", "28", or "*".
bool parse_details(std::string_view text, EnhancedRange& range) {
  if (text == "*") {
    range.detail_most = 999;
    return true;
  }
  const auto hyphen = text.find('-');
  const auto least = parse_part(text.substr(0, hyphen));
  const auto most = hyphen == std::string_view::npos ? least : parse_part(text.substr(hyphen + 1));
  if (!least || !most || *least > *most) return false;
  range.detail_least = *least;
  range.detail_most = *most;
  return true;
}

}  // namespace

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view take_word(std::string_view& rest) {
  rest = trimmed(rest);
  const std::string_view word = rest.substr(0, rest.find_first_of(kBlanks));
  rest = trimmed(rest.substr(word.size()));
  return word;
}

std::vector<std::string_view> words_of(std::string_view text) {
  std::vector<std::string_view> words;
  for (auto word = take_word(text); !word.empty(); word = take_word(text)) words.push_back(word);
  return words;
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && text.front() != '-' && text.back() != '-' &&
         std::all_of(text.begin(), text.end(), is_word_octet);
}

bool is_domain(std::string_view text) {
  if (text.size() > 253 || text.find('.') == std::string_view::npos) return false;
  while (!text.empty()) {
    const auto dot = text.find('.');
    if (!is_name(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
  return false;
}

std::optional<int> parse_code(std::string_view text) {
  const auto value = parse_part(text);
  if (!value || *value < 200 || *value > 599) return std::nullopt;
  return *value;
}

std::optional<CodeRange> parse_code_range(std::string_view text) {
  if (text == "4xx") return CodeRange{400, 499};
  if (text == "5xx") return CodeRange{500, 599};
  const auto hyphen = text.find('-');
  const auto least = parse_code(text.substr(0, hyphen));
  const auto most = hyphen == std::string_view::npos ? least : parse_code(text.substr(hyphen + 1));
  if (!least || !most || *least > *most || *least < 400) return std::nullopt;
  return CodeRange{*least, *most};
}

std::optional<EnhancedRange> parse_enhanced_range(std::string_view text) {
  EnhancedRange range;
  if (text == "none") {
    range.is_none = true;
    return range;
  }
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view cls = text.substr(0, first);
  if (cls != "*" && cls != "4" && cls != "5") return std::nullopt;
  range.cls = cls == "*" ? std::uint16_t{0} : static_cast<std::uint16_t>(cls[0] - '0');
  const auto subject = parse_part(text.substr(first + 1, second - first - 1));
  if (!subject || !parse_details(text.substr(second + 1), range)) return std::nullopt;
  range.subject = *subject;
  return range;
}

}  // namespace bulkhead::replies
