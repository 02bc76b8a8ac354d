#include "src/proto/smtp/line_reader.h"

namespace bulkhead::smtp {

FoundLine find_line(std::string_view input, std::size_t size_max) {
  using Kind = FoundLine::Kind;
  const auto window = input.substr(0, size_max);
  const auto lf = window.find('\n');
  const auto cr = window.find('\r');
  const bool has_lf = lf != std::string_view::npos;
  const bool has_cr = cr != std::string_view::npos;
  // The first CR must be the one before the first LF, or the last octet that has arrived.
  if (has_cr && (has_lf ? cr + 1 < lf : cr + 1 < input.size() && cr + 1 != window.size()))
    return {Kind::kBareCr, {}, 0};
  if (has_lf && (!has_cr || cr > lf)) return {Kind::kBareLf, {}, 0};
  if (!has_lf) return {window.size() == size_max ? Kind::kTooLong : Kind::kIncomplete, {}, 0};
  const auto line = input.substr(0, cr);
  if (line.find('\0') != std::string_view::npos) return {Kind::kNul, {}, 0};
  return {Kind::kLine, line, lf + 1};
}

}  // namespace bulkhead::smtp
