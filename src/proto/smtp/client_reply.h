// Reads the replies of a remote server that may be hostile, broken or slow. Bytes in, replies out.
//
// Accepted: one or more lines "ddd-text" … "ddd text", ended by CRLF or by a bare LF: some servers send the latter, and
// in this direction nothing can be smuggled by it. Refused as kProtocol: anything that does not begin with a code of
// 200 to 599, lines of one reply with different codes (RFC 5321 §4.2.1: nobody knows what such a server means, so that
// the mail waits), and what exceeds the bounds below. The session is of no further use then.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/proto/smtp/reply.h"

namespace bulkhead::smtp {

class ReplyReader {
 public:
  static constexpr std::size_t kLineOctetsMax = 2000;  // of RFC 5321 §4.5.3.1.5's 512, as some exceed these
  static constexpr std::size_t kLineKept = 512;        // what is kept of a line's text
  static constexpr std::size_t kTextKept = 8192;       // what is kept of all lines together
  static constexpr std::size_t kLinesMax = 1000;
  static constexpr std::size_t kOctetsMax = 64 * 1024;  // of a whole reply

  // Takes bytes from the front of `bytes` up to the end of one reply. Nothing: more bytes are needed, and all of
  // `bytes` was taken. After an error the reader must not be used again.
  Result<std::optional<Reply>> read(std::string_view& bytes);

 private:
  Status count(std::size_t octets);
  Result<bool> add_line(std::string_view line);  // whether it was the last one
  void keep_text(std::string_view text);

  std::string partial_;  // the front of a line whose end has not come yet, as much as is kept
  std::size_t line_octets_ = 0;
  std::size_t reply_octets_ = 0;
  std::size_t lines_ = 0;
  std::size_t kept_ = 0;
  Reply reply_;
};

// The enhanced status code (RFC 3463) at the front of `text`, if there is one of the class of `code`; "" otherwise.
std::string_view enhanced_code_of(int code, std::string_view text);

}  // namespace bulkhead::smtp
