// What is looked up in lists: a source address or a domain.
#pragma once

#include <compare>
#include <string>

#include "src/base/ip_address.h"

namespace bulkhead::listings {

enum class SubjectKind : std::uint8_t { kAddress, kDomain };

struct Subject {
  SubjectKind kind = SubjectKind::kAddress;
  IpAddress ip;        // of an address
  std::string domain;  // of a domain: canonical

  static Subject of(const IpAddress& address) { return {SubjectKind::kAddress, address, {}}; }
  static Subject of(std::string name) { return {SubjectKind::kDomain, {}, std::move(name)}; }

  bool is_address() const { return kind == SubjectKind::kAddress; }
  std::string text() const { return is_address() ? ip.text() : domain; }
  auto operator<=>(const Subject&) const = default;
};

// Whether public lists can know it: an address that is routed globally (RFC 6890), a domain outside of the names that
// are set aside (RFC 6761, RFC 8375, RFC 9476).
bool is_public(const Subject& subject);

}  // namespace bulkhead::listings
