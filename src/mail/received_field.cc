#include "src/mail/received_field.h"

#include <array>

namespace bulkhead::mail {

namespace {

constexpr std::size_t kHeloSizeMax = 255;

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// Parentheses, quotes, semicolons and the like would end or forge a clause of the field.
void append_name(std::string& out, std::string_view name) {
  if (name.empty()) out += "unknown";
  for (const char c : name.substr(0, kHeloSizeMax)) {
    out += is_alphanumeric(c) || std::string_view{".-_:[]"}.find(c) != std::string_view::npos ? c : '?';
  }
}

void append_literal(std::string& out, const IpAddress& ip) {
  out.append(ip.family() == Family::kIpv6 ? "[IPv6:" : "[").append(ip.text()).append(1, ']');
}

void append_printable(std::string& out, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += byte < 0x20 || byte == 0x7F ? '?' : c;
  }
}

}  // namespace

std::string_view with_protocol(Carriage carriage) {
  constexpr std::array<std::string_view, 4> kPlain{"ESMTP", "ESMTPA", "ESMTPS", "ESMTPSA"};
  constexpr std::array<std::string_view, 4> kUtf8{"UTF8SMTP", "UTF8SMTPA", "UTF8SMTPS", "UTF8SMTPSA"};
  if (!carriage.is_extended) return "SMTP";
  const std::size_t index = (carriage.is_tls ? 2U : 0U) + (carriage.is_authenticated ? 1U : 0U);
  return carriage.is_smtputf8 ? kUtf8[index] : kPlain[index];
}

std::string received_field(const Trail& trail) {
  std::string out;
  out.reserve(400);
  out += "Received: from ";
  append_name(out, trail.helo);
  out += " (";
  append_literal(out, trail.client);
  out += ")\r\n\tby ";
  append_name(out, trail.node);
  out += " (";
  append_literal(out, trail.arrival);
  out += ")\r\n\twith ";
  append_name(out, trail.protocol);
  if (!trail.tls.empty()) {
    out += " (";
    append_printable(out, trail.tls);
    out += ')';
  }
  out.append(" id ").append(trail.id.text());
  if (!trail.recipient.empty()) {
    out += "\r\n\tfor <";
    append_printable(out, trail.recipient);
    out += '>';
  }
  return out.append(";\r\n\t").append(to_rfc5322(trail.at)).append("\r\n");
}

}  // namespace bulkhead::mail
