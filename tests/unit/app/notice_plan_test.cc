#include "src/app/notice_plan.h"

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

Audience tenant(char c) {
  return TenantId::from_bytes(std::string(16, c));
}
Notice notice(const std::string& about) {
  return {about, "account " + about + " is quarantined", "words of " + about};
}

struct NoticePlanTest : ::testing::Test {
  std::vector<DueNotices> at(seconds time) { return plan.take_due(SteadyTime{} + time); }
  void add(char audience, const std::string& about, seconds time) {
    plan.add(tenant(audience), notice(about), SteadyTime{} + time);
  }
  NoticePlan plan;
};

TEST_F(NoticePlanTest, SendsTheFirstAfterThreeSecondsWithWhatCameMeanwhile) {
  add('a', "1", seconds{100});
  add('a', "2", seconds{102});
  add('b', "3", seconds{102});
  EXPECT_THAT(at(seconds{102}), IsEmpty());
  const auto due = at(seconds{103});
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_EQ(due[0].audience, tenant('a'));
  EXPECT_THAT(due[0].notices, SizeIs(2));
  EXPECT_THAT(at(seconds{105}), SizeIs(1));
  EXPECT_THAT(at(seconds{106}), IsEmpty());
}

TEST_F(NoticePlanTest, SumsAStormUpInEverRarerMails) {
  std::vector<int> sent;
  for (int second = 0; second < 3600; ++second) {
    add('a', std::to_string(second), seconds{second});
    if (!at(seconds{second}).empty()) sent.push_back(second);
  }
  EXPECT_THAT(sent, ::testing::ElementsAre(3, 63, 183, 423, 903, 1803, 2703));
}

TEST_F(NoticePlanTest, AQuarantineDoesNotWaitOutTheGap) {
  add('a', "throttled", seconds{100});
  EXPECT_THAT(at(seconds{103}), SizeIs(1));
  Notice urgent = notice("quarantined");
  urgent.is_urgent = true;
  add('a', "another", seconds{104});
  plan.add(tenant('a'), urgent, SteadyTime{} + seconds{105});
  EXPECT_THAT(at(seconds{117}), IsEmpty());
  const auto due = at(seconds{118});
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_THAT(due[0].notices, SizeIs(2)) << "with what waited";
}

TEST_F(NoticePlanTest, QuarantinesByTheDozenAreSummedUpToo) {
  std::vector<int> sent;
  for (int second = 0; second < 3600; ++second) {
    Notice urgent = notice(std::to_string(second));
    urgent.is_urgent = true;
    plan.add(tenant('a'), urgent, SteadyTime{} + seconds{second});
    if (!at(seconds{second}).empty()) sent.push_back(second);
  }
  EXPECT_LE(sent.size(), 40U);
  EXPECT_EQ(sent.front(), 3);
}

TEST_F(NoticePlanTest, IsAsQuickAsAtFirstAfterAQuietHour) {
  for (int second = 0; second < 600; ++second) {
    add('a', "x", seconds{second});
    at(seconds{second});
  }
  at(seconds{2000});
  add('a', "y", seconds{6000});
  EXPECT_THAT(at(seconds{6003}), SizeIs(1));
  add('a', "z", seconds{6004});
  EXPECT_THAT(at(seconds{6062}), IsEmpty());
  EXPECT_THAT(at(seconds{6063}), SizeIs(1));
}

TEST_F(NoticePlanTest, KeepsTheNewestOfACaseAndCountsWhatIsTooMuch) {
  for (std::size_t i = 0; i < NoticePlan::kNoticesMax; ++i) add('a', std::to_string(i), seconds{1});
  plan.add(tenant('a'), {"7", "account 7 is free again", ""}, SteadyTime{} + seconds{2});
  auto due = at(seconds{4});
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_THAT(due[0].notices, SizeIs(NoticePlan::kNoticesMax));
  EXPECT_EQ(due[0].notices[7].subject, "account 7 is free again");
  EXPECT_EQ(due[0].left_out, 0U);
  add('a', "late", seconds{5});
  plan.put_back(std::move(due[0]), SteadyTime{} + seconds{5});
  EXPECT_THAT(at(seconds{64}), IsEmpty());
  const auto again = at(seconds{65});
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_THAT(again[0].notices, SizeIs(NoticePlan::kNoticesMax));
  EXPECT_EQ(again[0].left_out, 1U);
}

TEST_F(NoticePlanTest, SumsNoCaseUpForNews) {
  const auto add_case = [this](int n, bool is_case) {
    Notice one = notice((is_case ? "case " : "news ") + std::to_string(n));
    one.is_case = is_case;
    plan.add(tenant('a'), one, SteadyTime{} + seconds{100});
  };
  add_case(0, true);
  for (int n = 0; n < 60; ++n) add_case(n, false);
  for (int n = 1; n < 49; ++n) add_case(n, true);
  for (int n = 60; n < 70; ++n) add_case(n, false);
  auto due = at(seconds{103});
  ASSERT_THAT(due, SizeIs(1));
  EXPECT_THAT(due[0].notices, SizeIs(NoticePlan::kNoticesMax));
  EXPECT_EQ(std::ranges::count(due[0].notices, true, &Notice::is_case), 49);
  EXPECT_EQ(due[0].left_out, 69U);
}

TEST_F(NoticePlanTest, RemembersABoundedNumberOfAudiences) {
  for (std::size_t i = 0; i <= NoticePlan::kAudiencesMax; ++i) {
    std::string bytes(16, 'x');
    bytes[0] = static_cast<char>(i >> 8U);
    bytes[1] = static_cast<char>(i);
    plan.add(TenantId::from_bytes(bytes), notice("1"), SteadyTime{});
  }
  EXPECT_EQ(plan.size(), NoticePlan::kAudiencesMax);
  at(seconds{10});
  add('z', "1", seconds{4000});
  EXPECT_EQ(plan.size(), 1U);
}

NoticeMail mail_of(const DueNotices& due) {
  return compose({"mx1.isp.example", "ops@isp.example", "U1", UtcTime{}}, due);
}

TEST(NoticeMail, SaysWhatItIsAboutAndThatNobodyShallAnswer) {
  const auto mail = mail_of({{}, {notice("info@acme.example")}, 0});
  EXPECT_EQ(mail.subject, "[mx1.isp.example] account info@acme.example is quarantined");
  EXPECT_THAT(mail.text, HasSubstr("To: <ops@isp.example>\r\nSubject: [mx1.isp.example] account"));
  EXPECT_THAT(mail.text, HasSubstr("Auto-Submitted: auto-generated\r\n"));
  EXPECT_THAT(mail.text, HasSubstr("\r\n\r\nwords of info@acme.example\r\n"));
  EXPECT_FALSE(mail.is_8bit);
}

TEST(NoticeMail, LetsNothingFromOutsideBecomeAField) {
  const auto mail = mail_of({{}, {{"1", "client\r\nBcc: x\xc3\xa4", "line\r\n.\r\nReply-To: y\x1b \xc3\xa4"}}, 0});
  EXPECT_THAT(mail.text, HasSubstr("Subject: [mx1.isp.example] client??Bcc: x??\r\n"));
  EXPECT_THAT(mail.text, Not(HasSubstr("\r\nBcc")));
  EXPECT_THAT(mail.text, Not(HasSubstr("\x1b")));
  EXPECT_TRUE(mail.is_8bit);
}

TEST(NoticeMail, SumsUp) {
  DueNotices due{{}, {notice("a"), notice("b")}, 5};
  const auto mail = mail_of(due);
  EXPECT_EQ(mail.subject, "[mx1.isp.example] 7 news, the first: account a is quarantined");
  EXPECT_THAT(mail.text, HasSubstr("words of a\r\n\r\n--\r\n\r\nwords of b\r\n"));
  EXPECT_THAT(mail.text, HasSubstr("And 5 more"));
}

TEST(NoticeMail, HasNoLongLines) {
  std::string words;
  for (int i = 0; i < 300; ++i) words += "some words ";
  const auto mail = mail_of({{}, {{"1", "s", words}}, 0});
  for (std::size_t at = 0; at < mail.text.size();) {
    const auto end = mail.text.find("\r\n", at);
    EXPECT_LE(end - at, 100U);
    at = end + 2;
  }
}

}  // namespace
}  // namespace bulkhead::app
