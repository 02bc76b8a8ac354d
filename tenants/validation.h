// What each field of the directory may hold. The sentences say which field is wrong and what is allowed; whether
// names are free and whether things exist is the directory's matter.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "tenants/directory.h"

namespace bulkhead::tenants {

inline constexpr std::size_t kPemSizeMax = 65536;
inline constexpr std::size_t kFullNameSizeMax = 255;
inline constexpr std::size_t kClientNetworksMax = 100;
inline constexpr std::size_t kAliasTargetsMax = 1000;
inline constexpr std::size_t kTokenNameSizeMax = 100;
inline constexpr std::uint64_t kMessageSizeLeast = 65536;  // RFC 5321 §4.5.3.1.7
inline constexpr std::uint64_t kMessageSizeMost = 1ULL << 31;
inline constexpr std::uint32_t kRecipientsLeast = 100;  // RFC 5321 §4.5.3.1.8
inline constexpr std::uint32_t kRecipientsMost = 10000;
inline constexpr std::uint64_t kQuotaMost = 1ULL << 50;
inline constexpr std::size_t kSiteSizeMax = 512;
inline constexpr std::uint32_t kConnectionsMost = 10000;
inline constexpr std::uint32_t kMessagesPerConnectionMost = 1000000;
inline constexpr std::uint32_t kNewDaysMost = 366;
inline constexpr std::size_t kWarmUpDaysMax = 366;

Status validate(const Tenant& tenant);
Status validate(const Domain& domain);
Status validate(const SourceAddress& address);
Status validate(const Account& account);
Status validate(const Alias& alias);
Status validate(const Route& route);
Status validate(const Token& token);
Status validate(const Limit& limit);
Status validate(const WarmUpTable& table);

// ASCII letters in lower case, all else as it is: how local parts of our domains are compared and stored.
std::string lower_case(std::string_view text);
// The same address as this directory keeps it.
mail::Address normalised(mail::Address address);

}  // namespace bulkhead::tenants
