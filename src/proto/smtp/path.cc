#include "src/proto/smtp/path.h"

#include <algorithm>

namespace bulkhead::smtp {

namespace {

constexpr std::size_t kParametersMax = 20;  // more than all extensions have together

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::string_view without_leading_spaces(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(" \t"), text.size()));
}

// The position of the '>' that ends the path, quoted strings respected.
std::size_t path_end(std::string_view text) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (is_quoted && text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      is_quoted = !is_quoted;
    } else if (text[i] == '>' && !is_quoted) {
      return i;
    }
  }
  return std::string_view::npos;
}

bool is_keyword(std::string_view text) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), is_allowed);
}

// esmtp-value: no '=', space or control character; UTF-8 is checked where a value is used.
bool is_value(std::string_view text) {
  return !text.empty() && std::none_of(text.begin(), text.end(),
                                       [](char c) { return c == '=' || c == '\x7F' || (c >= '\0' && c <= ' '); });
}

tl::expected<std::vector<Parameter>, Reply> split_parameters(std::string_view text) {
  const auto refused = [](std::string_view why) { return tl::unexpected(Reply(501, "5.5.4", why)); };
  std::vector<Parameter> parameters;
  for (text = without_leading_spaces(text); !text.empty(); text = without_leading_spaces(text)) {
    const auto word = text.substr(0, text.find_first_of(" \t"));
    text.remove_prefix(word.size());
    const auto equals = word.find('=');
    Parameter parameter{word.substr(0, equals), std::nullopt};
    if (equals != std::string_view::npos) parameter.value = word.substr(equals + 1);
    if (!is_keyword(parameter.keyword) || (parameter.value && !is_value(*parameter.value))) {
      return refused("Malformed parameter: write KEYWORD or KEYWORD=value");
    }
    const bool is_repeated = std::any_of(parameters.begin(), parameters.end(), [&](const Parameter& earlier) {
      return equals_ignoring_case(earlier.keyword, parameter.keyword);
    });
    if (is_repeated) return refused("A parameter is given twice");
    if (parameters.size() == kParametersMax) return refused("Too many parameters");
    parameters.push_back(parameter);
  }
  return parameters;
}

}  // namespace

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return lower(x) == lower(y); });
}

tl::expected<PathAndParameters, Reply> split_path(std::string_view text, std::string_view prefix) {
  const std::string wanted =
      (prefix == "FROM" ? "MAIL FROM:<" : "RCPT TO:<") + std::string{"user@example.com>, with the angle brackets"};
  const auto refused = [&] { return tl::unexpected(Reply(501, "5.5.2", "Syntax: " + wanted)); };
  if (text.size() <= prefix.size() || !equals_ignoring_case(text.substr(0, prefix.size()), prefix)) return refused();
  text.remove_prefix(prefix.size());
  if (text.front() != ':') return refused();
  // No space is allowed after the colon, and many clients send one (RFC 5321 §3.3 admits to it).
  text = without_leading_spaces(text.substr(1));
  if (!text.starts_with('<')) return refused();
  text.remove_prefix(1);
  const auto end = path_end(text);
  if (end == std::string_view::npos) return refused();
  const auto rest = text.substr(end + 1);
  if (!rest.empty() && rest.front() != ' ' && rest.front() != '\t') return refused();
  auto parameters = split_parameters(rest);
  if (!parameters) return tl::unexpected(std::move(parameters.error()));
  return PathAndParameters{text.substr(0, end), std::move(*parameters)};
}

tl::expected<mail::Address, Reply> parse_path(std::string_view path) {
  auto address = mail::Address::parse(path);
  if (address) return std::move(*address);
  std::string text = "Malformed address: " + address.error().message;
  if (!address.error().advice.empty()) text += ". " + address.error().advice;
  return tl::unexpected(Reply(501, "5.1.3", text));
}

}  // namespace bulkhead::smtp
