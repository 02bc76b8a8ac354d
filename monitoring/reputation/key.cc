#include "monitoring/reputation/key.h"

#include <algorithm>
#include <functional>

namespace bulkhead::reputation {

namespace {

constexpr std::size_t kNameSizeMax = 253;
constexpr std::array<std::string_view, kKeyKinds> kKinds{"account",      "tenant", "domain", "address",
                                                         "address-site", "client", "site"};

Key with_bytes(KeyKind kind, std::string_view bytes) {
  Key key{.kind = kind, .bytes = {}, .name = {}};
  std::transform(bytes.begin(), bytes.end(), key.bytes.begin(), [](char c) { return static_cast<std::uint8_t>(c); });
  return key;
}

Key with_ip(KeyKind kind, const IpAddress& ip) {
  Key key = with_bytes(kind, ip.bytes());
  key.bytes.back() = static_cast<std::uint8_t>(ip.family());
  return key;
}

Key with_name(Key key, std::string_view name) {
  key.name = std::string{name.substr(0, kNameSizeMax)};
  return key;
}

}  // namespace

std::string_view to_string(KeyKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

Key Key::account(AccountId id) {
  return with_bytes(KeyKind::kAccount, id.bytes());
}
Key Key::tenant(TenantId id) {
  return with_bytes(KeyKind::kTenant, id.bytes());
}
Key Key::domain(std::string_view name) {
  return with_name(Key{.kind = KeyKind::kDomain, .bytes = {}, .name = {}}, name);
}
Key Key::address(const IpAddress& ip) {
  return with_ip(KeyKind::kAddress, ip);
}
Key Key::address_site(const IpAddress& ip, std::string_view site) {
  return with_name(with_ip(KeyKind::kAddressSite, ip), site);
}
Key Key::client(const IpAddress& ip) {
  return with_ip(KeyKind::kClient, ip);
}
Key Key::site(std::string_view name) {
  return with_name(Key{.kind = KeyKind::kSite, .bytes = {}, .name = {}}, name);
}

AccountId Key::account_id() const {
  return AccountId::from_bytes({reinterpret_cast<const char*>(bytes.data()), 16});
}
TenantId Key::tenant_id() const {
  return TenantId::from_bytes({reinterpret_cast<const char*>(bytes.data()), 16});
}

IpAddress Key::ip() const {
  if (bytes.back() == static_cast<std::uint8_t>(Family::kIpv4))
    return IpAddress::v4({bytes[0], bytes[1], bytes[2], bytes[3]});
  std::array<std::uint8_t, 16> v6{};
  std::copy_n(bytes.begin(), v6.size(), v6.begin());
  return IpAddress::v6(v6);
}

std::string Key::text() const {
  const std::string kind_name{to_string(kind)};
  switch (kind) {
    case KeyKind::kAccount:
      return kind_name + " " + account_id().text();
    case KeyKind::kTenant:
      return kind_name + " " + tenant_id().text();
    case KeyKind::kAddress:
    case KeyKind::kClient:
      return kind_name + " " + ip().text();
    case KeyKind::kAddressSite:
      return "address " + ip().text() + " at " + name;
    case KeyKind::kDomain:
    case KeyKind::kSite:
      return kind_name + " " + name;
  }
  return kind_name;
}

std::string Key::encoded() const {
  std::string out;
  out.reserve(1 + bytes.size() + name.size());
  out += static_cast<char>(kind);
  out.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  return out + name;
}

std::optional<Key> Key::decode(std::string_view encoded) {
  constexpr std::size_t kFixed = 1 + std::tuple_size_v<decltype(Key::bytes)>;
  if (encoded.size() < kFixed || encoded.size() > kFixed + kNameSizeMax) return std::nullopt;
  const auto kind = static_cast<unsigned char>(encoded.front());
  if (kind >= kKeyKinds) return std::nullopt;
  Key key = with_bytes(static_cast<KeyKind>(kind), encoded.substr(1, kFixed - 1));
  key.name = std::string{encoded.substr(kFixed)};
  return key;
}

std::size_t KeyHash::operator()(const Key& key) const noexcept {
  const std::string_view bytes{reinterpret_cast<const char*>(key.bytes.data()), key.bytes.size()};
  const std::size_t hash = std::hash<std::string_view>{}(bytes)*31 + static_cast<std::size_t>(key.kind);
  return key.name.empty() ? hash : hash ^ (std::hash<std::string_view>{}(key.name) * 0x9E3779B97F4A7C15ULL);
}

}  // namespace bulkhead::reputation
