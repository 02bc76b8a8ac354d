// Finds command lines in the octets that a client sent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace bulkhead::smtp {

// RFC 5321 §4.5.3.1.4 says 512, plus what each extension adds (RFC 3461: 500 for ORCPT, RFC 4954: 500 for AUTH=, …).
inline constexpr std::size_t kCommandSizeMax = 2048;
// AUTH and the lines of its exchange (RFC 4954 §4).
inline constexpr std::size_t kAuthLineSizeMax = 12288;

struct FoundLine {
  enum class Kind : std::uint8_t {
    kIncomplete,  // more octets are needed
    kLine,
    kTooLong,  // no line end within the limit
    kBareLf,   // LF without CR before it
    kBareCr,   // CR without LF after it
    kNul,
  } kind = Kind::kIncomplete;
  std::string_view line;     // kLine: without CRLF
  std::size_t consumed = 0;  // kLine: CRLF included
};

// The first line of `input`. Only CRLF ends a line: whoever takes a bare LF or CR for an end, and relays, lets others
// smuggle messages (RFC 5321 §2.3.8, §4.1.1.4). `size_max` counts the CRLF.
FoundLine find_line(std::string_view input, std::size_t size_max);

}  // namespace bulkhead::smtp
