// Whose reputation it is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/id.h"
#include "src/base/ip_address.h"

namespace bulkhead::reputation {

// The values are stored: append only.
enum class KeyKind : std::uint8_t { kAccount, kTenant, kDomain, kAddress, kAddressSite, kClient, kSite };
inline constexpr int kKeyKinds = 7;

std::string_view to_string(KeyKind kind);  // "account", "tenant", "domain", "address", "address-site", "client", "site"

struct Key {
  KeyKind kind = KeyKind::kAccount;
  std::array<std::uint8_t, 17> bytes{};  // an id, or family and address
  std::string name;                      // a domain or a site, at most 253 octets

  static Key account(AccountId id);
  static Key tenant(TenantId id);
  static Key domain(std::string_view name);
  static Key address(const IpAddress& ip);
  static Key address_site(const IpAddress& ip, std::string_view site);
  static Key client(const IpAddress& ip);
  static Key site(std::string_view name);

  AccountId account_id() const;  // of an account's key
  TenantId tenant_id() const;    // of a tenant's key
  IpAddress ip() const;          // of an address's, address-site's or client's key

  // "account 01J…", "192.0.2.7 at google.com".
  std::string text() const;
  // What is stored, and back; nothing for bytes that encoded() did not make.
  std::string encoded() const;
  static std::optional<Key> decode(std::string_view encoded);

  auto operator<=>(const Key&) const = default;
};

struct KeyHash {
  std::size_t operator()(const Key& key) const noexcept;
};

}  // namespace bulkhead::reputation
