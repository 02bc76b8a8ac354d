#include "src/proto/smtp/client_body.h"

#include <algorithm>

namespace bulkhead::smtp {

bool is_wire_ready(std::string_view body, BodyFraming framing) {
  if (!body.ends_with("\r\n")) return false;
  const bool stuffs_dots = framing == BodyFraming::kDots;
  if (stuffs_dots && body.front() == '.') return false;
  std::size_t line_feeds = 0;
  for (std::size_t at = body.find('\n'); at != std::string_view::npos; at = body.find('\n', at + 1)) {
    if (at == 0 || body[at - 1] != '\r') return false;
    if (stuffs_dots && at + 1 < body.size() && body[at + 1] == '.') return false;
    ++line_feeds;
  }
  // Each LF has its CR; a CR more than that has no LF.
  return line_feeds == static_cast<std::size_t>(std::count(body.begin(), body.end(), '\r'));
}

void BodyEncoder::end_line(std::string& out) {
  out += "\r\n";
  is_at_line_start_ = true;
  is_after_cr_ = false;
}

void BodyEncoder::encode(std::string_view piece, std::string& out) {
  while (!piece.empty()) {
    if (is_after_cr_) {
      end_line(out);
      if (piece.front() == '\n') piece.remove_prefix(1);
      continue;
    }
    const std::size_t plain = std::min(piece.find_first_of("\r\n"), piece.size());
    if (plain > 0) {
      if (is_at_line_start_ && piece.front() == '.' && framing_ == BodyFraming::kDots) out += '.';
      out.append(piece.substr(0, plain));
      is_at_line_start_ = false;
      piece.remove_prefix(plain);
      continue;
    }
    if (piece.front() == '\r') {
      is_after_cr_ = true;
    } else {
      end_line(out);
    }
    piece.remove_prefix(1);
  }
}

void BodyEncoder::finish(std::string& out) {
  if (is_after_cr_ || !is_at_line_start_) end_line(out);
}

}  // namespace bulkhead::smtp
