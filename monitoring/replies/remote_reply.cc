#include "monitoring/replies/remote_reply.h"

#include <array>
#include <charconv>

namespace bulkhead::replies {

namespace {

constexpr std::array<std::string_view, kStages> kStageNames{"greeting", "hello", "starttls", "mail",
                                                            "rcpt",     "data",  "end",      "other"};

// Takes a number of one to three digits from the front.
std::optional<std::uint16_t> take_number(std::string_view& text) {
  std::uint16_t value = 0;
  const auto* const first = text.data();
  const auto [end, fault] = std::from_chars(first, first + text.size(), value);
  const auto length = static_cast<std::size_t>(end - first);
  if (fault != std::errc{} || length > 3) return std::nullopt;
  text.remove_prefix(length);
  return value;
}

bool take_dot(std::string_view& text) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::string_view to_string(Stage stage) {
  return kStageNames[static_cast<std::size_t>(stage)];
}

std::optional<Stage> parse_stage(std::string_view text) {
  for (std::size_t i = 0; i < kStageNames.size(); ++i) {
    if (kStageNames[i] == text) return static_cast<Stage>(i);
  }
  return std::nullopt;
}

std::optional<EnhancedCode> EnhancedCode::parse_front(std::string_view text) {
  if (text.starts_with('#')) text.remove_prefix(1);
  const auto cls = take_number(text);
  if (!cls || (*cls != 2 && *cls != 4 && *cls != 5) || !take_dot(text)) return std::nullopt;
  const auto subject = take_number(text);
  if (!subject || !take_dot(text)) return std::nullopt;
  const auto detail = take_number(text);
  // "4.16.55.1" is a provider's own mark, not an enhanced code.
  if (!detail || text.starts_with('.')) return std::nullopt;
  return EnhancedCode{*cls, *subject, *detail};
}

std::string normal_text(std::string_view text) {
  text = text.substr(0, kTextSizeMax);
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet > 0x20 && octet != 0x7F) {
      out += c;
    } else if (!out.empty() && out.back() != ' ') {
      out += ' ';
    }
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace bulkhead::replies
