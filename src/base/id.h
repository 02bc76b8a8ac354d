// Strong identifiers. Each kind is a type of its own, so that a tenant's id cannot be passed for an account's.
//
// An id is a ULID: 48 bits of Unix milliseconds, then 80 random bits; its text is 26 characters of Crockford's
// base 32. Ids sort by the time of their making, as bytes and as text.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead {

class Clock;
class Random;

// The 128 bits behind every id; use the strong types below instead.
struct Ulid {
  std::array<std::uint8_t, 16> bytes{};
  auto operator<=>(const Ulid&) const = default;
};

Ulid make_ulid(const Clock& clock, Random& random);
std::string to_string(const Ulid& ulid);                // 26 characters, upper case
std::optional<Ulid> parse_ulid(std::string_view text);  // either case; nothing on any other input

template <class Tag>
class Id {
 public:
  Id() = default;
  explicit Id(const Ulid& ulid) : ulid_(ulid) {}

  static Id make(const Clock& clock, Random& random) { return Id{make_ulid(clock, random)}; }
  static std::optional<Id> parse(std::string_view text) {
    auto ulid = parse_ulid(text);
    return ulid ? std::optional<Id>{Id{*ulid}} : std::nullopt;
  }
  // The 16 bytes as they are stored in keys.
  static Id from_bytes(std::string_view bytes) {
    Id id;
    if (bytes.size() >= 16) std::memcpy(id.ulid_.bytes.data(), bytes.data(), 16);
    return id;
  }

  const Ulid& ulid() const { return ulid_; }
  std::string_view bytes() const { return {reinterpret_cast<const char*>(ulid_.bytes.data()), 16}; }
  std::string text() const { return to_string(ulid_); }
  bool is_nil() const { return ulid_ == Ulid{}; }
  auto operator<=>(const Id&) const = default;

 private:
  Ulid ulid_;
};

using TenantId = Id<struct TenantTag>;
using DomainId = Id<struct DomainTag>;
using AccountId = Id<struct AccountTag>;
using AliasId = Id<struct AliasTag>;
using AddressId = Id<struct AddressTag>;  // a source address of this node
using RouteId = Id<struct RouteTag>;
using TokenId = Id<struct TokenTag>;
using MessageId = Id<struct MessageTag>;  // of the message in this server; the header field is "Message-ID"
using SessionId = Id<struct SessionTag>;

}  // namespace bulkhead

template <class Tag>
struct std::hash<bulkhead::Id<Tag>> {
  std::size_t operator()(const bulkhead::Id<Tag>& id) const noexcept {
    std::uint64_t high;
    std::uint64_t low;
    std::memcpy(&high, id.ulid().bytes.data(), 8);
    std::memcpy(&low, id.ulid().bytes.data() + 8, 8);
    return static_cast<std::size_t>(high * 0x9E3779B97F4A7C15ULL ^ low);
  }
};
