#include "src/admin/use_cases/exemption.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/mail/utf8.h"

namespace bulkhead::admin {

namespace {

constexpr std::string_view kGiven = " (given by ";
constexpr std::string_view kEnded = " (ended by ";
constexpr std::string_view kAt = " at ";
constexpr std::size_t kGiverMax = 60;

}  // namespace

std::string to_text(const Exemption& exemption, std::size_t size_max) {
  const auto note =
      fmt::format("{}{}{}{})", exemption.is_end ? kEnded : kGiven, mail::to_printable_utf8(exemption.by, kGiverMax),
                  kAt, to_rfc3339(exemption.at.value_or(UtcTime{})));
  return mail::to_printable_utf8(exemption.reason, size_max - std::min(size_max, note.size())) + note;
}

Exemption parse_exemption(std::string_view text) {
  const Exemption all{.reason = std::string{text}, .by = {}, .at = {}};
  const auto begin = std::max(text.rfind(kGiven) + 1, text.rfind(kEnded) + 1);  // 0: neither
  if (begin == 0 || !text.ends_with(')')) return all;
  auto note = text.substr(begin - 1);
  const bool is_end = note.starts_with(kEnded);
  note = note.substr(kGiven.size(), note.size() - kGiven.size() - 1);
  const auto middle = note.rfind(kAt);
  if (middle == std::string_view::npos) return all;
  const auto at = parse_rfc3339(note.substr(middle + kAt.size()));
  if (!at) return all;
  return {.reason = std::string{text.substr(0, begin - 1)},
          .by = std::string{note.substr(0, middle)},
          .at = at,
          .is_end = is_end};
}

}  // namespace bulkhead::admin
