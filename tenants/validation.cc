#include "tenants/validation.h"

#include <algorithm>

#include <fmt/format.h>

#include "tenants/password.h"

namespace bulkhead::tenants {

namespace {

tl::unexpected<Error> invalid(std::string message) {
  return fail(ErrorCode::kInvalid, std::move(message));
}

bool is_lower_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
}

bool is_tenant_name(std::string_view name) {
  return !name.empty() && name.size() <= 63 && is_lower_or_digit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) { return is_lower_or_digit(c) || c == '-'; });
}

bool is_address(const mail::Address& address) {
  const auto parsed = mail::Address::parse(address.text());
  return parsed && *parsed == address;
}

Status check_address_text(std::string_view field, const std::string& text) {
  if (text.empty()) return {};
  if (const auto parsed = mail::Address::parse(text); !parsed) {
    return invalid(
        fmt::format("{} must be a mail address such as name@example.com, or empty: {}", field, parsed.error().message));
  }
  return {};
}

// The certificate itself is parsed where it is used; here only its size and its outer form count.
Status check_pem(const std::string& certificate, const std::string& key) {
  if (certificate.empty() != key.empty()) {
    return invalid("certificate and key go together: give both, or none");
  }
  if (certificate.size() > kPemSizeMax || key.size() > kPemSizeMax) {
    return invalid(fmt::format("certificate and key may have at most {} bytes each", kPemSizeMax));
  }
  const auto is_pem = [](const std::string& text) {
    return text.find("-----BEGIN ") != std::string::npos && text.find('\0') == std::string::npos;
  };
  if (!certificate.empty() && (!is_pem(certificate) || !is_pem(key))) {
    return invalid("certificate and key must be PEM texts, beginning with -----BEGIN");
  }
  return {};
}

Status check_host_name(std::string_view field, const std::string& name) {
  const auto canonical = mail::canonical_domain(name);
  if (canonical && *canonical == name && !name.starts_with('[')) return {};
  return invalid(fmt::format("{} must be a host name in lower case such as mail.example.com", field));
}

Status check_networks(const std::vector<IpNetwork>& networks) {
  if (networks.size() > kClientNetworksMax) {
    return invalid(fmt::format("client networks: at most {} are allowed", kClientNetworksMax));
  }
  for (const auto& network : networks) {
    // A client of these networks needs no password, so one that holds half the internet is an open relay.
    const int least = network.address.family() == Family::kIpv4 ? 8 : 16;
    if (network.prefix < least) {
      return invalid(
          fmt::format("client network {} is too wide: the prefix must be at least /{}", network.text(), least));
    }
    if (IpNetwork::parse(network.text()) != network) {
      return invalid(fmt::format("client network {} has bits set after its prefix", network.text()));
    }
  }
  return {};
}

Status check_pattern(std::string_view pattern) {
  if (pattern == "*") return {};
  const auto name = pattern.starts_with("*.") ? pattern.substr(2) : pattern;
  const auto canonical = mail::canonical_domain(name);
  if (canonical && *canonical == name && (name.size() == pattern.size() || !name.starts_with('['))) return {};
  return invalid("pattern must be a domain in lower case, *.domain for all below it, or * for all");
}

}  // namespace

Status validate(const Tenant& tenant) {
  if (!is_tenant_name(tenant.name)) {
    return invalid("tenant name must have 1 to 63 characters of a-z, 0-9 and '-', beginning with a letter or digit");
  }
  if (tenant.message_size_max < kMessageSizeLeast || tenant.message_size_max > kMessageSizeMost) {
    return invalid(
        fmt::format("message_size_max must be between {} and {} bytes", kMessageSizeLeast, kMessageSizeMost));
  }
  if (tenant.recipients_max < kRecipientsLeast || tenant.recipients_max > kRecipientsMost) {
    return invalid(fmt::format("recipients_max must be between {} and {}", kRecipientsLeast, kRecipientsMost));
  }
  if (auto checked = check_pem(tenant.certificate_pem, tenant.key_pem); !checked) return checked;
  if (auto checked = check_address_text("feedback_address", tenant.feedback_address); !checked) return checked;
  return check_address_text("postmaster", tenant.postmaster);
}

Status validate(const Domain& domain) {
  if (auto checked = check_host_name("domain", domain.name); !checked) {
    return invalid("domain must be a name in lower case, A-labels for non-ASCII, such as example.com");
  }
  if (auto checked = check_pem(domain.certificate_pem, domain.key_pem); !checked) return checked;
  return check_address_text("catch_all", domain.catch_all);
}

Status validate(const SourceAddress& address) {
  if (address.ip.is_unspecified()) return invalid("address must be an IP of this host, not the wildcard");
  // Multicast, reserved and broadcast, and link-local ones, which need an interface.
  for (const auto* text : {"0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "ff00::/8", "fe80::/10"}) {
    const auto network = IpNetwork::parse(text);
    if (network && network->contains(address.ip)) {
      return invalid("address must be one that mail can leave from: " + std::string{text} + " has none");
    }
  }
  if (address.helo.empty()) return {};
  return check_host_name("helo", address.helo);
}

Status validate(const Account& account) {
  if (!is_address(account.address) || account.address.literal()) {
    return invalid("account address must be local@domain, the local part at most 64 bytes");
  }
  if (account.address.local.find('+') != std::string::npos) {
    return invalid("account address must not contain '+': what follows it is a tag that the user chooses");
  }
  if (account.full_name.size() > kFullNameSizeMax ||
      std::any_of(account.full_name.begin(), account.full_name.end(), is_control)) {
    return invalid(fmt::format("full name may have at most {} bytes and no control characters", kFullNameSizeMax));
  }
  if (account.quota_bytes > kQuotaMost) {
    return invalid(fmt::format("quota may be at most {} bytes, 0 for unlimited", kQuotaMost));
  }
  if (!account.password_hash.empty() && !is_acceptable_hash(account.password_hash)) {
    return invalid(
        "password hash must be argon2id in PHC form ($argon2id$v=19$m=…,t=…,p=…$salt$hash), at most "
        "m=262144, t=10, p=4; empty for no sign-in");
  }
  return check_networks(account.client_networks);
}

Status validate(const Alias& alias) {
  if (!is_address(alias.from) || alias.from.literal()) return invalid("alias must be an address of a domain of ours");
  if (alias.to.empty() || alias.to.size() > kAliasTargetsMax) {
    return invalid(fmt::format("alias must lead to 1 to {} addresses", kAliasTargetsMax));
  }
  for (const auto& target : alias.to) {
    if (!is_address(target)) return invalid("each target of an alias must be a mail address");
    if (normalised(target) == normalised(alias.from)) return invalid("alias must not lead to itself");
  }
  return {};
}

Status validate(const Route& route) {
  if (auto checked = check_pattern(route.pattern); !checked) return checked;
  if (route.port == 0) return invalid("port must be between 1 and 65535");
  if (IpAddress::parse(route.host)) return {};
  if (auto checked = check_host_name("host", route.host); !checked) {
    return invalid("host must be a host name in lower case or an IP address without brackets");
  }
  return {};
}

Status validate(const Token& token) {
  if (token.name.empty() || token.name.size() > kTokenNameSizeMax ||
      std::any_of(token.name.begin(), token.name.end(), is_control)) {
    return invalid(fmt::format("token name must have 1 to {} bytes without control characters", kTokenNameSizeMax));
  }
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (token.hash.size() != 64 || !std::all_of(token.hash.begin(), token.hash.end(), is_hex)) {
    return invalid("token hash must be a SHA-256 in lower-case hex");
  }
  return {};
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  }
  return lower;
}

mail::Address normalised(mail::Address address) {
  address.local = lower_case(address.local);
  return address;
}

}  // namespace bulkhead::tenants
