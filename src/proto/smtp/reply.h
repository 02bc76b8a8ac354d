// An SMTP reply as a value (RFC 5321 §4.2, RFC 2034). The server makes and serialises them; the client parses them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::smtp {

struct Reply {
  int code = 0;                    // 220 … 599
  std::string enhanced;            // "2.1.5" (RFC 3463), "" when there is none
  std::vector<std::string> lines;  // texts without code and line ends; none means one empty line

  Reply() = default;
  Reply(int reply_code, std::string_view enhanced_code, std::string_view text)
      : code(reply_code), enhanced(enhanced_code), lines{std::string{text}} {}

  bool is_positive() const { return code >= 200 && code < 300; }
  bool is_intermediate() const { return code >= 300 && code < 400; }
  bool is_temporary() const { return code >= 400 && code < 500; }
  bool is_permanent() const { return code >= 500; }

  // Appends the wire form. Control characters become '?', so that no text that came from a peer can forge a line;
  // a line is cut where the 512 octets of RFC 5321 §4.5.3.1.5 end.
  void append_to(std::string& out) const;
  // "550 5.1.1 no such user", lines joined by spaces: for the trace and the log.
  std::string text() const;
};

}  // namespace bulkhead::smtp
