#include <gtest/gtest.h>

#include "netpolicy/spf_evaluation.h"
#include "tests/testlib/fake_resolver.h"

namespace bulkhead::netpolicy {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

class SpfTest : public ::testing::Test {
 protected:
  SpfResult check(const char* address = "192.0.2.1") {
    SpfEvaluation evaluation{dns_, ip(address)};
    return testlib::run_now(evaluation.run("example.com"));
  }
  SpfResult check_record(const std::string& record, const char* address = "192.0.2.1") {
    dns_.txt_records["example.com"] = {"other=text", record};
    return check(address);
  }
  testlib::FakeResolver dns_;
};

TEST_F(SpfTest, MatchesNetworksOfBothFamilies) {
  EXPECT_EQ(check_record("v=spf1 ip4:192.0.2.0/24 -all"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 ip4:192.0.3.0/24 -all"), SpfResult::kFail);
  EXPECT_EQ(check_record("v=spf1 ip6:2001:db8::/32 ~all", "2001:db8::1"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 ip6:2001:db8::/32 ~all"), SpfResult::kSoftFail);
}

TEST_F(SpfTest, EndsWithNeutralWithoutAll) {
  EXPECT_EQ(check_record("v=spf1"), SpfResult::kNeutral);
  EXPECT_EQ(check_record("v=spf1 ?all"), SpfResult::kNeutral);
  EXPECT_EQ(check_record("V=SPF1 ALL"), SpfResult::kPass);
}

TEST_F(SpfTest, KnowsNoRecordFromTwo) {
  EXPECT_EQ(check(), SpfResult::kNone);
  EXPECT_EQ(check_record("v=spf10 +all"), SpfResult::kNone);
  dns_.txt_records["example.com"] = {"v=spf1 -all", "v=spf1 +all"};
  EXPECT_EQ(check(), SpfResult::kPermError);
}

TEST_F(SpfTest, MatchesHostsAndMailServersWithPrefixes) {
  dns_.host_addresses["example.com"] = {ip("192.0.2.9"), ip("2001:db8::9")};
  dns_.host_addresses["mx.example.com"] = {ip("192.0.2.1")};
  dns_.mx_records["example.com"] = {{10, "mx.example.com"}};
  EXPECT_EQ(check_record("v=spf1 a -all"), SpfResult::kFail);
  EXPECT_EQ(check_record("v=spf1 a/24 -all"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 a/24//64 -all", "2001:db8::1"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 a//64 -all", "2001:db8:1::1"), SpfResult::kFail);
  EXPECT_EQ(check_record("v=spf1 a:mx.example.com -all"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 mx -all"), SpfResult::kPass);
}

TEST_F(SpfTest, FollowsIncludeAndRedirect) {
  dns_.txt_records["_spf.example.net"] = {"v=spf1 ip4:192.0.2.1 -all"};
  EXPECT_EQ(check_record("v=spf1 include:_spf.example.net -all"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 include:_spf.example.net ~all", "192.0.2.2"), SpfResult::kSoftFail);
  EXPECT_EQ(check_record("v=spf1 redirect=_spf.example.net"), SpfResult::kPass);
  EXPECT_EQ(check_record("v=spf1 include:missing.example.net +all"), SpfResult::kPermError);
  EXPECT_EQ(check_record("v=spf1 redirect=missing.example.net"), SpfResult::kPermError);
}

TEST_F(SpfTest, AllowsTenLookupsAndNoMore) {
  std::string nine = "v=spf1";
  for (int i = 0; i < 9; ++i) {
    const auto host = "h" + std::to_string(i) + ".example.com";
    dns_.host_addresses[host] = {ip("198.51.100.1")};
    nine += " a:" + host;
  }
  dns_.host_addresses["last.example.com"] = {ip("192.0.2.1")};
  EXPECT_EQ(check_record(nine + " a:last.example.com"), SpfResult::kPass);
  EXPECT_EQ(check_record(nine + " a:h0.example.com a:last.example.com"), SpfResult::kPermError);
}

TEST_F(SpfTest, AllowsTwoVoidLookupsAndNoMore) {
  EXPECT_EQ(check_record("v=spf1 a:x.example a:y.example -all"), SpfResult::kFail);
  EXPECT_EQ(check_record("v=spf1 a:x.example a:y.example a:z.example -all"), SpfResult::kPermError);
}

TEST_F(SpfTest, EndsARecordThatIncludesItself) {
  EXPECT_EQ(check_record("v=spf1 include:example.com -all"), SpfResult::kPermError);
  EXPECT_LE(dns_.lookups, 12);
}

TEST_F(SpfTest, TellsTemporaryFailuresFromDefiniteAnswers) {
  dns_.failures["example.com"] = Error{ErrorCode::kTimeout, "no answer", {}};
  EXPECT_EQ(check(), SpfResult::kTempError);
}

TEST_F(SpfTest, SaysWhenWhatItDoesNotEvaluateMightDecide) {
  EXPECT_EQ(check_record("v=spf1 exists:%{i}.example.net -all"), SpfResult::kUndecided);
  EXPECT_EQ(check_record("v=spf1 ptr -all"), SpfResult::kUndecided);
  EXPECT_EQ(check_record("v=spf1 ptr ip4:192.0.2.1 -all"), SpfResult::kPass);
}

TEST_F(SpfTest, RefusesMalformedTerms) {
  for (const auto* term : {"ip4:", "ip4:2001:db8::1", "ip6:192.0.2.1", "ip4:1.2.3", "ip4:192.0.2.0/33", "a:", "a/33",
                           "a//129", "a/x", "include", "include:", "exists", "all:x", "unknown", "+", "-ip4"}) {
    EXPECT_EQ(check_record(std::string{"v=spf1 "} + term + " +all"), SpfResult::kPermError) << term;
  }
}

TEST_F(SpfTest, IgnoresUnknownModifiers) {
  EXPECT_EQ(check_record("v=spf1 exp=explain.example.com foo=bar  +all"), SpfResult::kPass);
}

}  // namespace
}  // namespace bulkhead::netpolicy
