#include "src/proto/smtp/client_reply.h"

#include <algorithm>
#include <utility>

namespace bulkhead::smtp {

namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The reply code at the front of a line, 0 when there is none. RFC 5321 §4.2.1; 1yz is not used in SMTP.
int code_of(std::string_view line) {
  if (line.size() < 3 || line[0] < '2' || line[0] > '5' || !is_digit(line[1]) || !is_digit(line[2])) return 0;
  return (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
}

// The number of digits (1 to 3) at the front of `text`, 0 when there are none or too many.
std::size_t digits_of(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && is_digit(text[n])) ++n;
  return n <= 3 ? n : 0;
}

}  // namespace

std::string_view enhanced_code_of(int code, std::string_view text) {
  if (text.size() < 5 || text[0] != static_cast<char>('0' + code / 100) || text[0] == '3' || text[1] != '.') return {};
  const std::size_t subject = digits_of(text.substr(2));
  if (subject == 0 || 2 + subject >= text.size() || text[2 + subject] != '.') return {};
  const std::size_t detail = digits_of(text.substr(3 + subject));
  if (detail == 0) return {};
  const std::size_t size = 3 + subject + detail;
  if (size < text.size() && text[size] != ' ') return {};
  return text.substr(0, size);
}

Result<std::optional<Reply>> ReplyReader::read(std::string_view& bytes) {
  while (!bytes.empty()) {
    const std::size_t end = bytes.find('\n');
    const bool is_complete = end != std::string_view::npos;
    const std::string_view piece = bytes.substr(0, end);
    bytes.remove_prefix(is_complete ? end + 1 : bytes.size());
    if (auto counted = count(piece.size()); !counted) return fail(std::move(counted.error()));
    std::string_view line = piece;
    if (!is_complete || !partial_.empty()) {
      const std::size_t room = kLineKept + 4 - std::min(partial_.size(), kLineKept + 4);
      partial_.append(piece.substr(0, room));
      line = partial_;
    }
    if (!is_complete) return std::optional<Reply>{};
    auto is_last = add_line(line);
    partial_.clear();
    line_octets_ = 0;
    if (!is_last) return fail(std::move(is_last.error()));
    if (*is_last) {
      reply_octets_ = lines_ = kept_ = 0;
      return std::optional<Reply>{std::exchange(reply_, Reply{})};
    }
  }
  return std::optional<Reply>{};
}

Status ReplyReader::count(std::size_t octets) {
  line_octets_ += octets;
  reply_octets_ += octets + 1;
  if (line_octets_ > kLineOctetsMax) return fail(ErrorCode::kProtocol, "the remote server sent an endless reply line");
  if (reply_octets_ > kOctetsMax) return fail(ErrorCode::kProtocol, "the remote server sent an endless reply");
  return {};
}

Result<bool> ReplyReader::add_line(std::string_view line) {
  if (++lines_ > kLinesMax) return fail(ErrorCode::kProtocol, "the remote server sent a reply of too many lines");
  if (line.ends_with('\r')) line.remove_suffix(1);
  const int code = code_of(line);
  const bool is_bare = line.size() == 3;
  if (code == 0 || (!is_bare && line[3] != ' ' && line[3] != '-')) {
    return fail(ErrorCode::kProtocol, "the remote server sent what is no SMTP reply");
  }
  if (lines_ > 1 && code != reply_.code) {
    return fail(ErrorCode::kProtocol, "the remote server sent one reply with different codes");
  }
  reply_.code = code;
  keep_text(is_bare ? std::string_view{} : line.substr(4));
  return is_bare || line[3] == ' ';
}

void ReplyReader::keep_text(std::string_view text) {
  const std::string_view enhanced = enhanced_code_of(reply_.code, text);
  if (!enhanced.empty()) {
    reply_.enhanced = enhanced;
    text.remove_prefix(std::min(enhanced.size() + 1, text.size()));
  }
  text = text.substr(0, std::min(kLineKept, kTextKept - kept_));
  if (text.empty() && lines_ > 1) return;
  kept_ += text.size();
  reply_.lines.emplace_back(text);
}

}  // namespace bulkhead::smtp
