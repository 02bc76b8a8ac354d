// The body on its way out: only CRLF ends a line, and a line that begins with a dot gets another one.
//
// Stored bodies have CRLF line ends only, as the server refuses others; a stray CR or LF that is there all the same
// becomes CRLF, so that no receiver can read an end of data into it (RFC 5321 §2.3.8, §4.1.1.4).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace bulkhead::smtp {

enum class BodyFraming : std::uint8_t {
  kDots,   // after DATA: dots are stuffed; the session writes the final dot
  kChunk,  // after BDAT: as it is
};

// Whether the encoder would leave a whole body as it is, so that it can be sent without a copy. An empty one is not.
bool is_wire_ready(std::string_view body, BodyFraming framing);

// Encodes a body that comes in pieces, split anywhere.
class BodyEncoder {
 public:
  explicit BodyEncoder(BodyFraming framing) : framing_(framing) {}
  void encode(std::string_view piece, std::string& out);
  void finish(std::string& out);  // ends the last line if it is open

 private:
  void end_line(std::string& out);

  BodyFraming framing_;
  bool is_at_line_start_ = true;
  bool is_after_cr_ = false;  // a CR was taken whose LF has not come yet; nothing was written for it
};

}  // namespace bulkhead::smtp
