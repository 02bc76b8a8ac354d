#include "src/mail/dsn.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/mail/quoted_printable.h"
#include "src/mail/xtext.h"

namespace bulkhead::mail {
namespace {

constexpr std::size_t kDiagnosticMax = 1024;
constexpr std::size_t kFoldAt = 72;
constexpr std::size_t kLineMax = 990;  // RFC 5322 §2.1.1 allows 998

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// One line of printable ASCII: runs of white space become one space, other bytes \xNN.
std::string printable(std::string_view text, std::size_t size_max = kDiagnosticMax) {
  std::string out;
  for (const char c : text) {
    if (out.size() >= size_max) {
      out += "...";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      if (!out.empty() && out.back() != ' ') out += ' ';
    } else if (byte < 0x20 || byte >= 0x7F) {
      out += fmt::format("\\x{:02X}", byte);
    } else {
      out += c;
    }
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// "Name: value" folded at spaces, or hard when there is none, with `indent` before continuation lines.
std::string folded(std::string_view line, std::string_view indent = " ") {
  std::string out;
  std::size_t width = kFoldAt;
  while (line.size() > width) {
    auto at = line.rfind(' ', width);
    const bool has_space = at != std::string_view::npos && at > width / 3;
    if (!has_space) at = width;
    out.append(line.substr(0, at)).append("\r\n").append(indent);
    line.remove_prefix(has_space ? at + 1 : at);
    width = kFoldAt - indent.size();
  }
  return out.append(line).append("\r\n");
}

bool is_enhanced(std::string_view text) {
  int dots = 0;
  std::size_t digits = 0;
  for (const char c : text) {
    if (c == '.' && digits > 0) {
      ++dots;
      digits = 0;
    } else if (c >= '0' && c <= '9' && digits < 3) {
      ++digits;
    } else {
      return false;
    }
  }
  return dots == 2 && digits > 0 && (text[0] == '2' || text[0] == '4' || text[0] == '5') && text[1] == '.';
}

std::string status_of(const DsnRecipient& recipient) {
  if (is_enhanced(recipient.enhanced)) return recipient.enhanced;
  switch (recipient.action) {
    case DsnAction::kDelivered:
    case DsnAction::kRelayed:
      return "2.0.0";
    case DsnAction::kDelayed:
      return "4.0.0";
    case DsnAction::kFailed:
      break;
  }
  return recipient.code >= 400 && recipient.code < 500 ? "4.0.0" : "5.0.0";
}

std::string_view action_of(DsnAction action) {
  switch (action) {
    case DsnAction::kFailed:
      return "failed";
    case DsnAction::kDelayed:
      return "delayed";
    case DsnAction::kDelivered:
      return "delivered";
    case DsnAction::kRelayed:
      return "relayed";
  }
  return "failed";
}

std::string_view subject_of(DsnKind kind) {
  switch (kind) {
    case DsnKind::kFailure:
      return "Your message could not be delivered";
    case DsnKind::kDelay:
      return "Your message is delayed";
    case DsnKind::kSuccess:
      return "Your message was delivered";
  }
  return "";
}

std::string_view introduction_of(DsnKind kind) {
  switch (kind) {
    case DsnKind::kFailure:
      return "Your message could not be delivered to the recipients below, and will not\r\n"
             "be tried again. What the next server said, or what happened, stands beneath\r\n"
             "each of them.\r\n";
    case DsnKind::kDelay:
      return "Your message has not been delivered yet to the recipients below. You need\r\n"
             "not do anything: delivery goes on being tried until the time given.\r\n";
    case DsnKind::kSuccess:
      return "You asked to be told: your message reached the recipients below. \"Relayed\"\r\n"
             "means that the next server took it but does not report further.\r\n";
  }
  return "";
}

// An address for people; bytes that are neither printable ASCII nor wanted UTF-8 cannot occur in a parsed address.
std::string shown_address(const Address& address, bool is_utf8) {
  return is_utf8 ? address.text() : printable(address.text());
}

std::string human_part(const DsnRequest& request, bool is_utf8) {
  std::string out{"This is the mail system at host "};
  out.append(printable(request.node_name, 255)).append(".\r\n\r\n").append(introduction_of(request.kind));
  for (const auto& recipient : request.recipients) {
    out.append("\r\n<").append(shown_address(recipient.recipient.address, is_utf8)).append(">\r\n");
    std::string said{recipient.action == DsnAction::kRelayed ? "relayed: " : ""};
    if (recipient.is_from_remote && !recipient.remote_mta.empty()) {
      said += "host " + printable(recipient.remote_mta, 255) + " said: ";
    }
    if (recipient.code != 0) said += std::to_string(recipient.code) + ' ';
    if (!recipient.enhanced.empty()) said += printable(recipient.enhanced, 16) + ' ';
    said += printable(recipient.text);
    out.append(folded("    " + said, "    "));
    if (recipient.retry_until) {
      out.append("    It will be tried until ").append(to_rfc5322(*recipient.retry_until)).append(".\r\n");
    }
  }
  return out;
}

// The address as a typed name: "rfc822;user@example", "utf-8;…" where the address needs it (RFC 6533 §3).
std::string typed_address(const Address& address, bool is_utf8) {
  const std::string text = address.text();
  return is_utf8 && !is_ascii(text) ? "utf-8; " + text : "rfc822; " + printable(text);
}

std::string recipient_fields(const DsnRecipient& recipient, bool is_utf8) {
  std::string out{"\r\n"};
  const std::string& orcpt = recipient.recipient.orcpt;
  if (const auto semicolon = orcpt.find(';'); semicolon != std::string::npos) {
    // The address type is an atom; the address itself is xtext again (RFC 3464 §2.3.1).
    out += folded("Original-Recipient: " + printable(orcpt.substr(0, semicolon), 64) + ";" +
                  encode_xtext(std::string_view{orcpt}.substr(semicolon + 1, 500)));
  }
  out += "Final-Recipient: " + typed_address(recipient.recipient.address, is_utf8) + "\r\n";
  out.append("Action: ").append(action_of(recipient.action)).append("\r\n");
  out += "Status: " + status_of(recipient) + "\r\n";
  if (!recipient.remote_mta.empty()) out += "Remote-MTA: dns; " + printable(recipient.remote_mta, 255) + "\r\n";
  if (recipient.code != 0 && recipient.is_from_remote) {
    const std::string enhanced = recipient.enhanced.empty() ? "" : printable(recipient.enhanced, 16) + ' ';
    out += folded(fmt::format("Diagnostic-Code: smtp; {} {}{}", recipient.code, enhanced, printable(recipient.text)));
  } else if (recipient.action == DsnAction::kFailed || recipient.action == DsnAction::kDelayed) {
    out += folded("Diagnostic-Code: X-Bulkhead; " + printable(recipient.text));
  }
  if (recipient.last_attempt) out += "Last-Attempt-Date: " + to_rfc5322(*recipient.last_attempt) + "\r\n";
  if (recipient.retry_until) out += "Will-Retry-Until: " + to_rfc5322(*recipient.retry_until) + "\r\n";
  return out;
}

std::string status_part(const DsnRequest& request, bool is_utf8) {
  std::string out;
  if (!request.to.envid.empty()) {
    out += folded("Original-Envelope-Id: " + encode_xtext(std::string_view{request.to.envid}.substr(0, 100)));
  }
  out += "Reporting-MTA: dns; " + printable(request.node_name, 255) + "\r\n";
  out += "Arrival-Date: " + to_rfc5322(request.arrived_at) + "\r\n";
  for (const auto& recipient : request.recipients) out += recipient_fields(recipient, is_utf8);
  return out;
}

// Any bytes as lines that end with CRLF and are not too long; NUL is dropped.
std::string with_crlf(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size() + bytes.size() / 32);
  std::size_t line = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == '\0') continue;
    const bool is_end = c == '\r' || c == '\n';
    if (c == '\r' && i + 1 < bytes.size() && bytes[i + 1] == '\n') ++i;
    if (is_end || line >= kLineMax) {
      out += "\r\n";
      line = 0;
      // A line that was too long goes on as a continuation.
      if (!is_end) out += ' ', ++line;
    }
    if (!is_end) out += c, ++line;
  }
  if (line > 0) out += "\r\n";
  return out;
}

std::string part(std::string_view boundary, std::string_view type, std::string_view encoding,
                 std::string_view content) {
  return fmt::format("--{}\r\nContent-Type: {}\r\nContent-Transfer-Encoding: {}\r\n\r\n{}\r\n", boundary, type,
                     encoding, content);
}

// A part that travels everywhere: 8-bit text is encoded, as the receiving server may not offer 8BITMIME, and a report
// that it refuses is lost. RFC 6522 §4 and RFC 6533 §4 and §5 allow that for these types.
std::string part_of_7bit(std::string_view boundary, std::string_view type, const std::string& content) {
  if (is_ascii(content)) return part(boundary, type, "7bit", content);
  return part(boundary, type, "quoted-printable", encode_quoted_printable(content));
}

// RET=FULL asks for all of it (RFC 3461 §4.3). But message/rfc822 must not be encoded (RFC 2046 §5.2.1), and a server
// that does not offer 8BITMIME would refuse the report: one without the body is better than none.
bool returns_whole(const DsnRequest& request) {
  return request.is_whole_original && (request.is_for_mailboxes || is_ascii(request.original));
}

std::string returned_original(const DsnRequest& request) {
  const bool is_cut = request.is_whole_original && !returns_whole(request);
  return with_crlf(is_cut ? header_section(request.original) : std::string_view{request.original});
}

std::string original_part(std::string_view boundary, std::string_view type, const std::string& original,
                          bool is_whole) {
  if (!is_whole) return part_of_7bit(boundary, type, original);
  return part(boundary, type, is_ascii(original) ? "7bit" : "8bit", original);
}

// Whether the report's own header and envelope have UTF-8.
bool is_to_utf8(const DsnRequest& request) {
  return request.to.address && !is_ascii(request.to.address->text());
}

bool names_utf8(const DsnRequest& request) {
  return is_to_utf8(request) ||
         std::any_of(request.recipients.begin(), request.recipients.end(),
                     [](const auto& recipient) { return !is_ascii(recipient.recipient.address.text()); });
}

std::string_view original_type(bool is_whole, bool is_utf8) {
  if (is_whole) return is_utf8 ? "message/global" : "message/rfc822";
  return is_utf8 ? "message/global-headers" : "text/rfc822-headers";
}

std::string report_header(const DsnRequest& request, const DsnText& dsn, std::string_view boundary) {
  const std::string node = printable(request.node_name, 255);
  std::string out = "From: Mail Delivery System <MAILER-DAEMON@" + node + ">\r\n";
  out += "To: <" + (request.to.address ? shown_address(*request.to.address, dsn.is_smtputf8) : "") + ">\r\n";
  out += "Subject: " + dsn.subject + "\r\nDate: " + to_rfc5322(request.now) + "\r\n";
  out += "Message-ID: " + dsn.message_id + "\r\n";
  out += "Auto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n";
  out += fmt::format("Content-Type: multipart/report; report-type=delivery-status;\r\n boundary=\"{}\"\r\n", boundary);
  if (dsn.is_8bit) out += "Content-Transfer-Encoding: 8bit\r\n";
  return out + "\r\n";
}

}  // namespace

DsnText build_dsn(const DsnRequest& request) {
  DsnText dsn;
  dsn.subject = subject_of(request.kind);
  dsn.message_id = "<" + request.unique + ".dsn@" + printable(request.node_name, 255) + ">";
  dsn.is_smtputf8 = is_to_utf8(request);
  const bool is_utf8 = names_utf8(request);
  const std::string boundary = "=_report_" + request.unique;
  const std::string human = human_part(request, is_utf8);
  const std::string status = status_part(request, is_utf8);
  const bool is_whole = returns_whole(request);
  const std::string original = returned_original(request);
  // RFC 6533 §4: the "global" parts are for originals that used SMTPUTF8; 8-bit bytes alone need only 8bit.
  const bool is_global = is_utf8 || request.to.is_smtputf8;
  dsn.is_8bit = is_whole && !is_ascii(original);
  dsn.text = report_header(request, dsn, boundary);
  dsn.text += "This is a report in MIME format.\r\n\r\n";
  dsn.text += part_of_7bit(boundary, "text/plain; charset=utf-8", human);
  dsn.text += part_of_7bit(boundary, is_utf8 ? "message/global-delivery-status" : "message/delivery-status", status);
  if (!original.empty()) {
    const auto type = original_type(is_whole, is_global && !is_ascii(original));
    dsn.text += original_part(boundary, type, original, is_whole);
  }
  dsn.text += "--" + boundary + "--\r\n";
  return dsn;
}

bool wants_dsn(const Notify& notify, DsnKind kind) {
  if (notify.never) return false;
  switch (kind) {
    case DsnKind::kFailure:
      return !notify.is_given || notify.failure;
    case DsnKind::kDelay:
      return !notify.is_given || notify.delay;
    case DsnKind::kSuccess:
      return notify.is_given && notify.success;
  }
  return false;
}

std::string_view header_section(std::string_view message) {
  if (message.substr(0, 2) == "\r\n" || message.substr(0, 1) == "\n") return {};
  const auto crlf = message.find("\r\n\r\n");
  const auto lf = message.find("\n\n");
  if (crlf == std::string_view::npos && lf == std::string_view::npos) return message;
  return crlf < lf ? message.substr(0, crlf + 2) : message.substr(0, lf + 1);
}

}  // namespace bulkhead::mail
