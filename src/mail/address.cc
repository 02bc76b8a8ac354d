#include "src/mail/address.h"

#include <algorithm>

#include "src/mail/utf8.h"

namespace bulkhead::mail {

namespace {

constexpr std::size_t kLocalSizeMax = 64;   // RFC 5321 §4.5.3.1.1
constexpr std::size_t kTextSizeMax = 1200;  // a quoted local part and a domain in UTF-8, generously

// atext of RFC 5322 §3.2.3, with UTF8-non-ascii of RFC 6531 §3.3.
bool is_atext(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x80 || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9')) return true;
  return c != '\0' && std::string_view{"!#$%&'*+-/=?^_`{|}~"}.find(c) != std::string_view::npos;
}

bool is_dot_string(std::string_view text) {
  if (text.empty() || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c == '.' || is_atext(c); });
}

struct LocalPart {
  std::string characters;
  std::size_t consumed = 0;  // octets of the text, quotes included
};

// Quoted-string of RFC 5321 §4.1.2; `text` begins with the quotation mark.
Result<LocalPart> parse_quoted(std::string_view text) {
  LocalPart part;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      part.consumed = i + 1;
      return part;
    }
    if (text[i] == '\\' && ++i == text.size()) break;
    part.characters += text[i];
  }
  return fail(ErrorCode::kInvalid, "the quoted local part has no closing quotation mark");
}

Result<LocalPart> parse_local(std::string_view text) {
  if (text.empty()) return fail(ErrorCode::kInvalid, "the address is empty");
  if (text.front() == '@') {
    return fail(ErrorCode::kInvalid, "the address has no local part", "Source routes are not accepted.");
  }
  if (text.front() == '"') return parse_quoted(text);
  const auto at = text.find('@');
  if (at == std::string_view::npos) return fail(ErrorCode::kInvalid, "the address has no domain");
  LocalPart part{std::string{text.substr(0, at)}, at};
  if (!is_dot_string(part.characters)) {
    return fail(ErrorCode::kInvalid, "the local part has characters or dots that need quoting");
  }
  return part;
}

}  // namespace

std::string Address::text() const {
  std::string out;
  out.reserve(local.size() + domain.size() + 3);
  if (is_dot_string(local)) {
    out = local;
  } else {
    out += '"';
    for (const char c : local) {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
    out += '"';
  }
  out += '@';
  out += domain;
  return out;
}

bool Address::needs_smtputf8() const {
  return !is_ascii(local);
}

std::optional<IpAddress> Address::literal() const {
  std::string_view inner = domain;
  if (!inner.starts_with('[') || !inner.ends_with(']')) return std::nullopt;
  inner = inner.substr(1, inner.size() - 2);
  if (inner.starts_with("IPv6:")) inner.remove_prefix(5);
  return IpAddress::parse(inner);
}

Result<Address> Address::parse(std::string_view text) {
  if (text.size() > kTextSizeMax) return fail(ErrorCode::kInvalid, "the address is too long");
  auto local = parse_local(text);
  if (!local) return fail(std::move(local.error()));
  if (local->characters.empty()) return fail(ErrorCode::kInvalid, "the local part is empty");
  if (local->characters.size() > kLocalSizeMax) {
    return fail(ErrorCode::kInvalid, "the local part is longer than 64 octets");
  }
  if (!is_printable_utf8(local->characters)) {
    return fail(ErrorCode::kInvalid, "the local part has control characters or is not valid UTF-8");
  }
  auto rest = text.substr(local->consumed);
  if (!rest.starts_with('@')) return fail(ErrorCode::kInvalid, "the address has no domain");
  rest.remove_prefix(1);
  if (rest.find('@') != std::string_view::npos) return fail(ErrorCode::kInvalid, "the address has more than one '@'");
  auto domain = canonical_domain(rest);
  if (!domain) return fail(std::move(domain.error()));
  return Address{std::move(local->characters), std::move(*domain)};
}

}  // namespace bulkhead::mail
