#include "tenants/validation.h"

#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

Tenant tenant_called(std::string name) {
  Tenant tenant;
  tenant.name = std::move(name);
  return tenant;
}

TEST(ValidateTenant, AllowsNamesOfOneToSixtyThreeCharacters) {
  for (const auto& name : {std::string{"a"}, std::string{"0-x"}, std::string(63, 'a')}) {
    EXPECT_TRUE(validate(tenant_called(name))) << name;
  }
  for (const auto& name : {std::string{}, std::string(64, 'a'), std::string{"-a"}, std::string{"Acme"},
                           std::string{"a b"}, std::string{"a_b"}, std::string{"a\n"}, std::string{"a\0b", 3},
                           std::string{"zoë"}, std::string{"../x"}, std::string{"'; --"}}) {
    EXPECT_TRUE(fails_with(validate(tenant_called(name)), ErrorCode::kInvalid, "tenant name")) << name;
  }
}

TEST(ValidateTenant, BoundsSizesAndRecipients) {
  auto tenant = tenant_called("acme");
  const auto size = [&](std::uint64_t bytes) {
    tenant.message_size_max = bytes;
    return validate(tenant);
  };
  EXPECT_TRUE(fails_with(size(kMessageSizeLeast - 1), ErrorCode::kInvalid, "message_size_max"));
  EXPECT_TRUE(size(kMessageSizeLeast));
  EXPECT_TRUE(fails_with(size(kMessageSizeMost + 1), ErrorCode::kInvalid, "message_size_max"));
  EXPECT_TRUE(size(kMessageSizeMost));
  const auto recipients = [&](std::uint32_t count) {
    tenant.recipients_max = count;
    return validate(tenant);
  };
  EXPECT_TRUE(fails_with(recipients(kRecipientsLeast - 1), ErrorCode::kInvalid, "recipients_max"));
  EXPECT_TRUE(fails_with(recipients(kRecipientsMost + 1), ErrorCode::kInvalid, "recipients_max"));
  EXPECT_TRUE(recipients(kRecipientsLeast));
  EXPECT_TRUE(recipients(kRecipientsMost));
}

TEST(ValidateTenant, WantsCertificateAndKeyTogether) {
  auto tenant = tenant_called("acme");
  tenant.certificate_pem = "-----BEGIN CERTIFICATE-----";
  EXPECT_TRUE(fails_with(validate(tenant), ErrorCode::kInvalid, "go together"));
  tenant.key_pem = "garbage";
  EXPECT_TRUE(fails_with(validate(tenant), ErrorCode::kInvalid, "PEM"));
  tenant.key_pem = "-----BEGIN PRIVATE KEY-----";
  EXPECT_TRUE(validate(tenant));
  tenant.key_pem += std::string(kPemSizeMax, 'x');
  EXPECT_TRUE(fails_with(validate(tenant), ErrorCode::kInvalid, "at most"));
}

TEST(ValidateTenant, WantsAnAddressForThePostmaster) {
  auto tenant = tenant_called("acme");
  tenant.postmaster = "no address";
  EXPECT_TRUE(fails_with(validate(tenant), ErrorCode::kInvalid, "postmaster"));
}

TEST(ValidateDomain, WantsCanonicalNamesOnly) {
  Domain domain;
  for (const auto* name : {"example.com", "xn--bcher-kva.example"}) {
    domain.name = name;
    EXPECT_TRUE(validate(domain)) << name;
  }
  for (const auto* name : {"", "Example.com", "example.com.", "bücher.example", "[192.0.2.1]", "a b.example", ".", "*",
                           "ex\nample.com", "-a.example"}) {
    domain.name = name;
    EXPECT_TRUE(fails_with(validate(domain), ErrorCode::kInvalid, "domain")) << name;
  }
}

TEST(ValidateAddress, RefusesTheWildcardAndFalseHeloNames) {
  SourceAddress address;
  EXPECT_TRUE(fails_with(validate(address), ErrorCode::kInvalid, "wildcard"));
  for (const auto* text : {"0.1.2.3", "224.0.0.1", "255.255.255.255", "ff02::1", "fe80::1"}) {
    address.ip = *IpAddress::parse(text);
    EXPECT_TRUE(fails_with(validate(address), ErrorCode::kInvalid, "mail can leave from")) << text;
  }
  address.ip = IpAddress::parse("192.0.2.1").value();
  EXPECT_TRUE(validate(address));
  for (const auto* helo : {"Mail.example", "a b", "[192.0.2.1]", "x\r\nMAIL FROM:<>"}) {
    address.helo = helo;
    EXPECT_TRUE(fails_with(validate(address), ErrorCode::kInvalid, "helo")) << helo;
  }
}

class ValidateAccount : public ::testing::Test {
 protected:
  ValidateAccount() { account_.address = at("jo@acme.example"); }
  Status with_network(const char* text) {
    account_.client_networks = {IpNetwork::parse(text).value()};
    return validate(account_);
  }
  Account account_;
};

TEST_F(ValidateAccount, BoundsTheLocalPart) {
  account_.address.local = std::string(64, 'x');
  EXPECT_TRUE(validate(account_));
  for (const auto& local : {std::string{}, std::string(65, 'x'), std::string{"a\nb"}, std::string{"a\0b", 3}}) {
    account_.address.local = local;
    EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "account address"));
  }
  account_.address.local = "jo+tag";
  EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "'+'"));
}

TEST_F(ValidateAccount, RefusesNetworksThatWouldBeAnOpenRelay) {
  EXPECT_TRUE(with_network("10.0.0.0/8"));
  EXPECT_TRUE(fails_with(with_network("10.0.0.0/7"), ErrorCode::kInvalid, "too wide"));
  EXPECT_TRUE(fails_with(with_network("0.0.0.0/0"), ErrorCode::kInvalid, "too wide"));
  EXPECT_TRUE(with_network("2001:db8::/16"));
  EXPECT_TRUE(fails_with(with_network("::/15"), ErrorCode::kInvalid, "too wide"));
  account_.client_networks = {IpNetwork{IpAddress::parse("10.0.0.1").value(), 8}};
  EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "after its prefix"));
  account_.client_networks.assign(kClientNetworksMax, IpNetwork::parse("192.0.2.1").value());
  EXPECT_TRUE(validate(account_));
  account_.client_networks.push_back(IpNetwork::parse("192.0.2.1").value());
  EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "at most 100"));
}

TEST_F(ValidateAccount, WantsAPasswordHashInItsOwnForm) {
  for (const auto* hash : {"secret", "$2y$10$abcdefghijklmnopqrstuv", "$argon2id$v=19$m=1,t=1,p=1$x$y"}) {
    account_.password_hash = hash;
    EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "password hash")) << hash;
  }
}

TEST_F(ValidateAccount, RefusesControlCharactersInTheFullName) {
  account_.full_name = "Jo\r\nBcc: everyone@acme.example";
  EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "full name"));
  account_.full_name = std::string(kFullNameSizeMax, 'x');
  EXPECT_TRUE(validate(account_));
  account_.full_name += 'x';
  EXPECT_TRUE(fails_with(validate(account_), ErrorCode::kInvalid, "full name"));
}

TEST(ValidateAlias, BoundsItsTargets) {
  Alias alias;
  alias.from = at("a@acme.example");
  EXPECT_TRUE(fails_with(validate(alias), ErrorCode::kInvalid, "1 to 1000"));
  alias.to.assign(kAliasTargetsMax, at("b@acme.example"));
  EXPECT_TRUE(validate(alias));
  alias.to.push_back(at("b@acme.example"));
  EXPECT_TRUE(fails_with(validate(alias), ErrorCode::kInvalid, "1 to 1000"));
  alias.to = {at("A@acme.example")};
  EXPECT_TRUE(fails_with(validate(alias), ErrorCode::kInvalid, "itself"));
  alias.to = {mail::Address{"a\r\nb", "acme.example"}};
  EXPECT_TRUE(fails_with(validate(alias), ErrorCode::kInvalid, "target"));
}

TEST(ValidateRoute, KnowsPatternsHostsAndPorts) {
  Route route;
  route.host = "relay.example";
  for (const auto* pattern : {"*", "*.example.com", "example.com", "[192.0.2.1]"}) {
    route.pattern = pattern;
    EXPECT_TRUE(validate(route)) << pattern;
  }
  for (const auto* pattern : {"", "**", "*example.com", "*.", "a.*.example", "Example.com", "*.[192.0.2.1]"}) {
    route.pattern = pattern;
    EXPECT_TRUE(fails_with(validate(route), ErrorCode::kInvalid, "pattern")) << pattern;
  }
  route.pattern = "*";
  for (const auto* host : {"192.0.2.1", "2001:db8::1"}) {
    route.host = host;
    EXPECT_TRUE(validate(route)) << host;
  }
  for (const auto* host : {"", "[192.0.2.1]", "a b", "Relay.example"}) {
    route.host = host;
    EXPECT_TRUE(fails_with(validate(route), ErrorCode::kInvalid, "host")) << host;
  }
  route.host = "192.0.2.1";
  route.port = 0;
  EXPECT_TRUE(fails_with(validate(route), ErrorCode::kInvalid, "port"));
}

}  // namespace
}  // namespace bulkhead::tenants
