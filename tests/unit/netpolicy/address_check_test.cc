#include "netpolicy/address_check.h"

#include <gtest/gtest.h>

#include "tests/testlib/fake_resolver.h"

namespace bulkhead::netpolicy {
namespace {

using Severity = Finding::Severity;

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class AddressCheck : public ::testing::Test {
 protected:
  AddressCheck() {
    dns_.host_addresses["mail.acme.example"] = {ip("192.0.2.1")};
    dns_.ptr_records["192.0.2.1"] = {"mail.acme.example"};
    dns_.txt_records["acme.example"] = {"v=spf1 ip4:192.0.2.1 -all"};
  }
  std::vector<Finding> check(bool is_present = true, const char* address = "192.0.2.1") {
    AddressCheckSubject subject{ip(address), "mail.acme.example", {"acme.example"}, left_out_};
    return compare(testlib::run_now(gather_facts(dns_, subject, is_present)));
  }
  static std::string severities(const std::vector<Finding>& findings) {
    std::string text;
    for (const auto& finding : findings) {
      text += finding.severity == Severity::kOk ? "o" : finding.severity == Severity::kWarning ? "w" : "f";
    }
    return text;
  }
  testlib::FakeResolver dns_;
  std::size_t left_out_ = 0;
};

TEST_F(AddressCheck, FindsNothingWrongWhenAllAgrees) {
  const auto findings = check();
  EXPECT_EQ(severities(findings), "oooo");
  for (const auto& finding : findings) EXPECT_EQ(finding.advice, "") << finding.what;
}

TEST_F(AddressCheck, TellsThatTheAddressIsMissing) {
  EXPECT_EQ(severities(check(false)), "fooo");
  EXPECT_NE(check(false)[0].what.find("192.0.2.1 is not present"), std::string::npos);
}

TEST_F(AddressCheck, TellsThatTheHeloNameLeadsElsewhere) {
  dns_.host_addresses["mail.acme.example"] = {ip("192.0.2.2")};
  EXPECT_EQ(severities(check()), "ofoo");
  dns_.host_addresses.clear();
  EXPECT_EQ(severities(check()), "ofoo");
  EXPECT_NE(check()[1].advice.find("mail.acme.example A 192.0.2.1"), std::string::npos);
}

TEST_F(AddressCheck, TellsThatThePtrIsMissingOrAnother) {
  dns_.ptr_records["192.0.2.1"] = {"host-1.isp.example"};
  EXPECT_EQ(severities(check()), "oofo") << "it does not lead back";
  EXPECT_NE(check()[2].what.find("host-1.isp.example"), std::string::npos);
  dns_.host_addresses["host-1.isp.example"] = {ip("192.0.2.1")};
  EXPECT_EQ(severities(check()), "oowo");
  dns_.ptr_records.clear();
  EXPECT_EQ(severities(check()), "oofo");
}

TEST_F(AddressCheck, TellsWhichDomainsDoNotLetTheAddressSend) {
  dns_.txt_records["acme.example"] = {"v=spf1 -all"};
  EXPECT_EQ(severities(check()), "ooof");
  EXPECT_NE(check()[3].advice.find("ip4:192.0.2.1"), std::string::npos);
  dns_.txt_records.clear();
  EXPECT_EQ(severities(check()), "ooow");
}

TEST_F(AddressCheck, AFailedLookupIsAWarningNotAVerdict) {
  dns_.failures["mail.acme.example"] = Error{ErrorCode::kTimeout, "no answer", {}};
  dns_.failures["192.0.2.1"] = Error{ErrorCode::kUnavailable, "no server", {}};
  dns_.failures["acme.example"] = Error{ErrorCode::kTimeout, "no answer", {}};
  EXPECT_EQ(severities(check()), "owww");
}

TEST_F(AddressCheck, AsksNoDnsForLoopbackAddresses) {
  EXPECT_EQ(severities(check(true, "127.0.0.2")), "oo");
  EXPECT_EQ(dns_.lookups, 0);
}

TEST_F(AddressCheck, SaysHowManyDomainsWereLeftOut) {
  left_out_ = 7;
  EXPECT_EQ(severities(check()), "oooow");
}

TEST(AddressCheckSubject, NamesTheDomainsThatSendFromTheAddress) {
  const auto acme = TenantId::from_bytes(std::string(16, 'a'));
  const auto poor = TenantId::from_bytes(std::string(16, 'b'));
  tenants::DirectorySnapshotRows rows;
  rows.tenants.resize(2);
  rows.tenants[0].id = acme;
  rows.tenants[1].id = poor;
  rows.addresses = {{{}, ip("192.0.2.1"), acme, "mail.acme.example", false, {}},
                    {{}, ip("192.0.2.9"), std::nullopt, "", false, {}}};
  tenants::Domain domain;
  domain.tenant = acme;
  domain.name = "acme.example";
  rows.domains.push_back(domain);
  domain.tenant = poor;
  for (int i = 0; i < 101; ++i) {
    domain.name = "p" + std::to_string(i) + ".example";
    rows.domains.push_back(domain);
  }
  const tenants::Snapshot snapshot{rows, {}};
  const auto own = subject_of(snapshot, rows.addresses[0], "node.example");
  EXPECT_EQ(own.domains, std::vector<std::string>{"acme.example"});
  EXPECT_EQ(own.helo, "mail.acme.example");
  const auto shared = subject_of(snapshot, rows.addresses[1], "node.example");
  EXPECT_EQ(shared.domains.size(), 100U);
  EXPECT_EQ(shared.domains_left_out, 1U);
  EXPECT_EQ(shared.helo, "node.example");
}

class ReadinessTest : public AddressCheck {
 protected:
  using State = Readiness::State;
  Readiness address(const char* text = "192.0.2.1") {
    AddressCheckSubject subject{ip(text), "mail.acme.example", {}, 0};
    return readiness_of(testlib::run_now(gather_facts(dns_, subject, false)));
  }
  Readiness domain() {
    return readiness_of(testlib::run_now(gather_facts(dns_, std::string{"acme.example"}, {ip("192.0.2.1")})));
  }
};

TEST_F(ReadinessTest, AnAddressIsReadyWhenItsNamesLeadToIt) {
  EXPECT_EQ(address().state, State::kReady);
  dns_.ptr_records["192.0.2.1"] = {"host-1.isp.example"};
  EXPECT_EQ(address().state, State::kUnready) << "the PTR does not lead back";
  dns_.host_addresses["host-1.isp.example"] = {ip("192.0.2.1")};
  EXPECT_EQ(address().state, State::kReady) << "another name than HELO's will do";
  dns_.host_addresses["mail.acme.example"] = {ip("192.0.2.2")};
  EXPECT_EQ(address().state, State::kUnready) << "HELO leads elsewhere";
  EXPECT_NE(address().why.find("mail.acme.example does not resolve to 192.0.2.1"), std::string::npos);
}

TEST_F(ReadinessTest, WithoutPtrItIsUnreadyAndALookupThatFailsSaysNothing) {
  dns_.failures["192.0.2.1"] = Error{ErrorCode::kTimeout, "no answer", {}};
  EXPECT_EQ(address().state, State::kUnknown);
  dns_.failures.clear();
  dns_.failures["mail.acme.example"] = Error{ErrorCode::kTimeout, "no answer", {}};
  EXPECT_EQ(address().state, State::kUnknown);
  dns_.failures.clear();
  dns_.ptr_records.clear();
  EXPECT_EQ(address().state, State::kUnready);
}

TEST_F(ReadinessTest, ALoopbackAddressIsReadyWithoutDns) {
  EXPECT_EQ(address("127.0.0.2").state, State::kReady);
  EXPECT_EQ(dns_.lookups, 0);
}

TEST_F(ReadinessTest, ADomainNeedsMxAndSpf) {
  EXPECT_EQ(domain().state, State::kUnready);
  EXPECT_NE(domain().why.find("no MX record"), std::string::npos);
  dns_.mx_records["acme.example"] = {{10, "mail.acme.example"}};
  EXPECT_EQ(domain().state, State::kReady);
  dns_.txt_records["acme.example"] = {"v=spf1 -all"};
  EXPECT_EQ(domain().state, State::kUnready);
  EXPECT_NE(domain().why.find("192.0.2.1"), std::string::npos);
  dns_.failures["acme.example"] = Error{ErrorCode::kUnavailable, "no server", {}};
  EXPECT_EQ(domain().state, State::kUnknown);
}

}  // namespace
}  // namespace bulkhead::netpolicy
