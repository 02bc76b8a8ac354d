#include "src/proto/smtp/client_body.h"

#include <array>
#include <cstring>

namespace bulkhead::smtp {

namespace {

// Sixteen octets at a time, each compared with the one before it.
constexpr std::size_t kBlock = 16;
using Block = std::uint8_t __attribute__((vector_size(kBlock)));

Block load(const char* from) {
  Block block;
  std::memcpy(&block, from, kBlock);
  return block;
}

bool is_any(Block block) {
  std::array<std::uint64_t, 2> halves;
  std::memcpy(halves.data(), &block, kBlock);
  return (halves[0] | halves[1]) != 0;
}

// Whether at each of the `size` octets from `at` on a CR comes before an LF, and an LF after a CR only, and, if dots
// are stuffed, none after an LF. `at` has an octet before it.
bool is_clean(const char* at, std::size_t size, bool stuffs_dots) {
  for (; size > 0; ++at, --size) {
    if ((at[-1] == '\r') != (at[0] == '\n')) return false;
    if (stuffs_dots && at[-1] == '\n' && at[0] == '.') return false;
  }
  return true;
}

// How many octets there are before the first CR or LF.
std::size_t plain_length(std::string_view piece) {
  std::size_t at = 0;
  for (; piece.size() - at >= kBlock; at += kBlock) {
    const Block here = load(piece.data() + at);
    if (is_any(reinterpret_cast<Block>((here == '\r') | (here == '\n')))) break;
  }
  while (at < piece.size() && piece[at] != '\r' && piece[at] != '\n') ++at;
  return at;
}

}  // namespace

bool is_wire_ready(std::string_view body, BodyFraming framing) {
  const bool stuffs_dots = framing == BodyFraming::kDots;
  if (!body.ends_with("\r\n") || body.front() == '\n' || (stuffs_dots && body.front() == '.')) return false;
  const char* at = body.data() + 1;
  std::size_t left = body.size() - 1;
  for (; left >= kBlock; at += kBlock, left -= kBlock) {
    const Block before = load(at - 1);
    const Block here = load(at);
    const auto broken = (before == '\r') ^ (here == '\n');
    const auto dotted = (before == '\n') & (here == '.');
    if (is_any(reinterpret_cast<Block>(broken))) return false;
    if (stuffs_dots && is_any(reinterpret_cast<Block>(dotted))) return false;
  }
  return is_clean(at, left, stuffs_dots);
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
    const std::size_t plain = plain_length(piece);
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
