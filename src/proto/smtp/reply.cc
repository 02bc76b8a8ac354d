#include "src/proto/smtp/reply.h"

#include <algorithm>

namespace bulkhead::smtp {

namespace {

constexpr std::size_t kLineSizeMax = 512;  // RFC 5321 §4.5.3.1.5, CRLF included

void append_text(std::string& out, std::string_view text, std::size_t room) {
  for (const char c : text.substr(0, room)) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
}

void append_code(std::string& out, int code) {
  out += static_cast<char>('0' + code / 100 % 10);
  out += static_cast<char>('0' + code / 10 % 10);
  out += static_cast<char>('0' + code % 10);
}

}  // namespace

void Reply::append_to(std::string& out) const {
  const std::size_t count = std::max<std::size_t>(lines.size(), 1);
  const std::size_t prefix_size = 4 + (enhanced.empty() ? 0 : enhanced.size() + 1);
  for (std::size_t i = 0; i < count; ++i) {
    append_code(out, code);
    out += i + 1 < count ? '-' : ' ';
    if (!enhanced.empty()) out.append(enhanced).append(1, ' ');
    if (!lines.empty()) append_text(out, lines[i], kLineSizeMax - 2 - prefix_size);
    out += "\r\n";
  }
}

std::string Reply::text() const {
  std::string out;
  append_code(out, code);
  if (!enhanced.empty()) out.append(1, ' ').append(enhanced);
  for (const auto& line : lines) {
    out += ' ';
    append_text(out, line, kLineSizeMax);
  }
  return out;
}

}  // namespace bulkhead::smtp
