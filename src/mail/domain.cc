// The canonical form of domain names and address literals.
#include <algorithm>
#include <memory>

#include <idn2.h>

#include "src/mail/address.h"
#include "src/mail/utf8.h"

namespace bulkhead::mail {

namespace {

// No presentation form of a name that fits into 255 octets of A-labels is longer than this in UTF-8.
constexpr std::size_t kPresentationSizeMax = 1024;
constexpr std::size_t kDomainSizeMax = 255;  // RFC 5321 §4.5.3.1.2
constexpr std::size_t kLabelSizeMax = 63;    // RFC 1035 §2.3.4

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Letters, digits, hyphens, and the underscore: host names must not have one, but mail domains with it exist.
bool is_label_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLabelSizeMax && label.front() != '-' && label.back() != '-' &&
         std::all_of(label.begin(), label.end(), is_label_char);
}

// `name` is in lower case and without a trailing dot.
bool is_domain_name(std::string_view name) {
  if (name.empty() || name.size() > kDomainSizeMax) return false;
  std::string_view label;
  for (std::string_view rest = name;;) {
    const auto dot = rest.find('.');
    label = rest.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) break;
    rest.remove_prefix(dot + 1);
  }
  // A last label of digits alone is an IP address without its brackets, never a name (RFC 3696 §2).
  return !std::all_of(label.begin(), label.end(), is_digit);
}

Result<std::string> canonical_literal(std::string_view text) {
  const auto refused = [] {
    return fail(ErrorCode::kInvalid, "the address literal is malformed",
                "Write [192.0.2.1] or [IPv6:2001:db8::1] (RFC 5321 section 4.1.3).");
  };
  if (text.size() < 2 || text.back() != ']') return refused();
  auto inner = text.substr(1, text.size() - 2);
  constexpr std::string_view kTag = "ipv6:";
  const bool is_tagged = inner.size() > kTag.size() && std::equal(kTag.begin(), kTag.end(), inner.begin(),
                                                                  [](char a, char b) { return a == lower(b); });
  if (is_tagged) inner.remove_prefix(kTag.size());
  // IpAddress::parse stops at a NUL; and an untagged literal is IPv4.
  const std::string_view allowed = is_tagged ? "0123456789abcdefABCDEF:." : "0123456789.";
  if (inner.find_first_not_of(allowed) != std::string_view::npos) return refused();
  const auto ip = IpAddress::parse(inner);
  if (!ip || (is_tagged && inner.find(':') == std::string_view::npos)) return refused();
  return (ip->family() == Family::kIpv6 ? "[IPv6:" : "[") + ip->text() + "]";
}

Result<std::string> to_a_labels(std::string_view text) {
  if (!is_printable_utf8(text)) return fail(ErrorCode::kInvalid, "the domain name is not valid UTF-8");
  std::uint8_t* converted = nullptr;
  const std::string terminated{text};
  const int status = ::idn2_lookup_u8(reinterpret_cast<const std::uint8_t*>(terminated.c_str()), &converted,
                                      IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
  const std::unique_ptr<std::uint8_t, decltype(&::idn2_free)> owner{converted, &::idn2_free};
  if (status != IDN2_OK) {
    return fail(ErrorCode::kInvalid,
                std::string{"the domain name is not valid under IDNA 2008: "} + ::idn2_strerror(status));
  }
  return std::string{reinterpret_cast<const char*>(converted)};
}

}  // namespace

Result<std::string> canonical_domain(std::string_view text) {
  if (text.empty()) return fail(ErrorCode::kInvalid, "the domain is empty");
  if (text.size() > kPresentationSizeMax) return fail(ErrorCode::kInvalid, "the domain is longer than 255 octets");
  if (text.front() == '[') return canonical_literal(text);
  std::string name{text};
  std::transform(name.begin(), name.end(), name.begin(), lower);
  // A-labels of a peer are checked too: "xn--" followed by no valid Punycode names nothing.
  if (!is_ascii(name) || name.find("xn--") != std::string::npos) {
    auto converted = to_a_labels(name);
    if (!converted) return converted;
    name = std::move(*converted);
  }
  if (name.ends_with('.')) name.pop_back();
  if (!is_domain_name(name)) {
    return fail(ErrorCode::kInvalid, "the domain is not a valid domain name",
                "Use labels of letters, digits and hyphens, at most 63 octets each and 255 together.");
  }
  return name;
}

}  // namespace bulkhead::mail
