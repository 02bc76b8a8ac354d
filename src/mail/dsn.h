// Builds delivery status notifications: multipart/report texts of RFC 3461–3464 and RFC 6522, RFC 6533 for UTF-8.
//
// Pure: values in, the text of a whole message with CRLF line ends out. What comes from outside (a remote server's
// reply, the original's header) is escaped, folded and bounded here; nothing of it can begin a field or a part.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/mail/envelope.h"

namespace bulkhead::mail {

enum class DsnKind : std::uint8_t { kFailure, kDelay, kSuccess };
enum class DsnAction : std::uint8_t { kFailed, kDelayed, kDelivered, kRelayed };

struct DsnRecipient {
  Recipient recipient;  // the address as it was tried, with its ORCPT
  DsnAction action = DsnAction::kFailed;
  int code = 0;                 // of the last reply; 0: there was none
  std::string enhanced;         // "5.1.1"; "" or malformed: derived from action and code
  std::string text;             // of the last reply, or our own words; untrusted
  bool is_from_remote = false;  // the text is a remote server's, otherwise our own
  std::string remote_mta;       // host name, "" when none answered
  std::optional<UtcTime> last_attempt;
  std::optional<UtcTime> retry_until;  // delayed: when we give up
};

struct DsnRequest {
  DsnKind kind = DsnKind::kFailure;
  std::string node_name;  // Reporting-MTA, and the host of From and Message-ID
  Sender to;              // of the original: address (must be there), ENVID, RET
  UtcTime arrived_at;     // when the original arrived
  UtcTime now;
  std::string unique;  // letters and digits, unguessable: boundary and Message-ID
  std::vector<DsnRecipient> recipients;
  std::string original;            // header section of the original, or all of it; any bytes
  bool is_whole_original = false;  // `original` has the body too
  // It goes only to mailboxes here, so that 8-bit text may stay as it is. Otherwise it is made to pass every server,
  // and of a whole original with 8-bit text only the header goes back.
  bool is_for_mailboxes = false;
};

struct DsnText {
  std::string text;  // the message, CRLF only
  std::string subject;
  std::string message_id;    // with angle brackets
  bool is_smtputf8 = false;  // needs SMTPUTF8 to travel: it goes to such an address
  bool is_8bit = false;      // needs 8BITMIME: it returns a whole original that has 8-bit text
};

DsnText build_dsn(const DsnRequest& request);

// Whether a report of this kind is wanted for a recipient (RFC 3461 §4.1). Without NOTIFY: failure and delay.
bool wants_dsn(const Notify& notify, DsnKind kind);

// The header section of a message, with its last line end; all of it when there is no empty line.
std::string_view header_section(std::string_view message);

}  // namespace bulkhead::mail
