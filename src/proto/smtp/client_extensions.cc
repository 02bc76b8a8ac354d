#include "src/proto/smtp/client_extensions.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "src/mail/xtext.h"
#include "src/proto/smtp/path.h"

namespace bulkhead::smtp {

namespace {

std::string_view next_word(std::string_view& text) {
  const std::size_t start = std::min(text.find_first_not_of(' '), text.size());
  text.remove_prefix(start);
  const std::size_t size = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, size);
  text.remove_prefix(size);
  return word;
}

template <class Number>
Number number_of(std::string_view digits) {
  Number value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return error == std::errc{} && end == digits.data() + digits.size() ? value : Number{0};
}

std::string upper(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

void parse_limits(std::string_view values, ClientExtensions& offered) {
  for (auto word = next_word(values); !word.empty(); word = next_word(values)) {
    const std::string limit = upper(word);
    const std::string_view view = limit;
    if (view.starts_with("RCPTMAX=")) offered.rcpt_max = number_of<std::uint32_t>(view.substr(8));
    if (view.starts_with("MAILMAX=")) offered.mail_max = number_of<std::uint32_t>(view.substr(8));
  }
}

void parse_line(std::string_view line, ClientExtensions& offered) {
  const std::string keyword = upper(next_word(line));
  if (keyword == "PIPELINING") offered.has_pipelining = true;
  if (keyword == "8BITMIME") offered.has_8bitmime = true;
  if (keyword == "SMTPUTF8") offered.has_smtputf8 = true;
  if (keyword == "CHUNKING") offered.has_chunking = true;
  if (keyword == "DSN") offered.has_dsn = true;
  if (keyword == "STARTTLS") offered.has_starttls = true;
  if (keyword == "LIMITS") parse_limits(line, offered);
  if (keyword == "SIZE") {
    offered.has_size = true;
    offered.size_max = number_of<std::uint64_t>(next_word(line));
  }
}

// Whether an address can stand in a path without ending it or its line. Addresses come from Address::text(), which
// quotes; this is the last guard against a smuggled command.
bool is_safe_in_path(std::string_view address) {
  bool is_quoted = false;
  for (std::size_t i = 0; i < address.size(); ++i) {
    const char c = address[i];
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
    if (is_quoted && c == '\\') {
      ++i;
      if (i == address.size() || static_cast<unsigned char>(address[i]) < 0x20 || address[i] == 0x7f) return false;
    } else if (c == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && (c == '<' || c == '>' || c == ' ')) {
      return false;
    }
  }
  return !is_quoted;
}

void append_path(std::string& out, std::string_view address) {
  out += '<';
  out += is_safe_in_path(address) ? address : std::string_view{"?"};
  out += '>';
}

void append_notify(std::string& out, const mail::Notify& notify) {
  if (!notify.is_given) return;
  out += " NOTIFY=";
  if (notify.never) {
    out += "NEVER";
    return;
  }
  const std::size_t start = out.size();
  const auto add = [&out, start](bool is_set, std::string_view word) {
    if (!is_set) return;
    if (out.size() > start) out += ',';
    out += word;
  };
  add(notify.success, "SUCCESS");
  add(notify.failure, "FAILURE");
  add(notify.delay, "DELAY");
  if (out.size() == start) out += "NEVER";
}

}  // namespace

ClientExtensions parse_extensions(const Reply& ehlo_reply) {
  ClientExtensions offered;
  for (std::size_t i = 1; i < ehlo_reply.lines.size(); ++i) parse_line(ehlo_reply.lines[i], offered);
  return offered;
}

void append_mail_command(std::string& out, const ClientMail& mail, const ClientExtensions& offered) {
  out += "MAIL FROM:";
  append_path(out, mail.sender);
  if (offered.has_size && mail.size > 0) out.append(" SIZE=").append(std::to_string(mail.size));
  if (offered.has_8bitmime && mail.is_8bit) out += " BODY=8BITMIME";
  if (offered.has_smtputf8 && mail.needs_smtputf8) out += " SMTPUTF8";
  if (offered.has_dsn) {
    if (mail.ret == mail::Ret::kFull) out += " RET=FULL";
    if (mail.ret == mail::Ret::kHeaders) out += " RET=HDRS";
    if (!mail.envid.empty()) out.append(" ENVID=").append(mail::encode_xtext(mail.envid));
  }
  out += "\r\n";
}

void append_rcpt_command(std::string& out, const ClientRecipient& recipient, const ClientExtensions& offered) {
  out += "RCPT TO:";
  append_path(out, recipient.address);
  if (offered.has_dsn) {
    append_notify(out, recipient.notify);
    // The type before the first ';' is an atom and stays as it is (RFC 3461 §4.2).
    const std::size_t type_end = recipient.orcpt.find(';');
    if (type_end != std::string::npos) {
      const auto type = std::string_view{recipient.orcpt}.substr(0, type_end);
      const auto address = std::string_view{recipient.orcpt}.substr(type_end + 1);
      out.append(" ORCPT=").append(mail::encode_xtext(type)).append(";");
      out += equals_ignoring_case(type, "utf-8") ? mail::encode_utf8_address(address) : mail::encode_xtext(address);
    }
  }
  out += "\r\n";
}

}  // namespace bulkhead::smtp
