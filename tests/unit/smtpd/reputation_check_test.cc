// What restricted clients and accounts hear, and what the loop of reputation is told.
#include "src/smtpd/reputation_check.h"

#include <gtest/gtest.h>

#include "tests/unit/smtpd/world.h"

namespace bulkhead::smtpd {
namespace {

using reputation::Key;
using reputation::Report;
using reputation::Restriction;
using reputation::RestrictionMap;
using reputation::State;

class RecordingReports final : public reputation::Reports {
 public:
  void add(Report report) override { all.push_back(std::move(report)); }
  std::vector<Report> all;
};

class ReputationCheck : public ::testing::Test {
 protected:
  ReputationCheck() {
    world_.services.reports = &reports_;
    world_.services.restrictions = &board_;
  }
  void restrict(const Key& key, State state, bool locks = false) {
    auto map = std::make_shared<RestrictionMap>();
    (*map)[key] =
        Restriction{.state = state, .until = world_.clock.now(), .case_id = "01JCASE", .locks_sign_in = locks};
    const bool is_client = key.kind == reputation::KeyKind::kClient;
    board_.replace(
        std::make_shared<const reputation::Restrictions>(is_client ? nullptr : map, is_client ? map : nullptr));
  }
  const tenants::Account& anna() { return *world_.directory.find_account("anna@acme.example"); }
  const tenants::Account& printer() { return *world_.directory.find_account("printer@gamma.example"); }
  static Key client(const char* ip) { return Key::client(*IpAddress::parse(ip)); }

  World world_;
  RecordingReports reports_;
  reputation::RestrictionBoard board_;
};

TEST_F(ReputationCheck, AQuarantinedClientIsTurnedAway) {
  restrict(client("198.51.100.7"), State::kQuarantined);
  Connection from_server{world_};
  from_server.open();
  const auto told = from_server.stream.take_written();
  EXPECT_EQ(told.substr(0, 9), "421 4.7.1") << told;
  EXPECT_NE(told.find("case 01JCASE"), std::string::npos) << told;
  EXPECT_TRUE(from_server.is_done);
  Connection from_person{world_, ListenerKind::kSubmission};
  from_person.open();
  EXPECT_EQ(from_person.stream.take_written().substr(0, 9), "554 5.7.1");
  Connection other{world_, ListenerKind::kSmtp, "192.0.2.20", "198.51.100.8"};
  other.open();
  EXPECT_EQ(other.stream.take_written().substr(0, 4), "220 ");
}

TEST_F(ReputationCheck, AThrottledClientIsServedAndWaitsWhenItSignsIn) {
  EXPECT_EQ(sign_in_delay(world_.services, *IpAddress::parse("198.51.100.7")).count(), 0);
  restrict(client("198.51.100.7"), State::kThrottled);
  Connection connection{world_};
  connection.open();
  EXPECT_EQ(connection.stream.take_written().substr(0, 4), "220 ");
  EXPECT_EQ(sign_in_delay(world_.services, *IpAddress::parse("198.51.100.7")), std::chrono::seconds{5});
}

TEST_F(ReputationCheck, AQuarantinedAccountIsToldAtMailWhatToDo) {
  restrict(Key::account(printer().id), State::kQuarantined);
  Connection connection{world_, ListenerKind::kSmtp, "192.0.2.20", "198.51.100.99"};
  connection.open();
  connection.say("EHLO c\r\n");
  const auto told = connection.say("MAIL FROM:<printer@gamma.example>\r\n");
  EXPECT_EQ(told.substr(0, 9), "550 5.7.1") << told;
  EXPECT_NE(told.find("contact your provider, case 01JCASE"), std::string::npos) << told;
}

TEST_F(ReputationCheck, AMessageThatIsUnderWayWhenTheAccountIsQuarantinedIsRefusedAtItsEnd) {
  Connection connection{world_, ListenerKind::kSmtp, "192.0.2.20", "198.51.100.99"};
  connection.open();
  connection.say("EHLO c\r\nMAIL FROM:<printer@gamma.example>\r\nRCPT TO:<a@remote.example>\r\nDATA\r\n");
  restrict(Key::account(printer().id), State::kQuarantined);
  const auto told = connection.say("Subject: x\r\n\r\nx\r\n.\r\n");
  EXPECT_EQ(told.substr(0, 9), "550 5.7.1") << told;
  EXPECT_TRUE(world_.intake.accepted.empty());
}

TEST_F(ReputationCheck, AThrottledAccountIsNotRefused) {
  restrict(Key::account(anna().id), State::kThrottled);
  EXPECT_FALSE(check_account(world_.services, anna()));
  EXPECT_FALSE(check_sign_in(world_.services, anna()));
}

TEST_F(ReputationCheck, AQuarantinedTenantSpeaksForAllItsAccountsAndNoOther) {
  restrict(Key::tenant(anna().tenant), State::kQuarantined);
  EXPECT_TRUE(check_account(world_.services, anna()));
  EXPECT_FALSE(check_account(world_.services, printer()));
  EXPECT_FALSE(check_sign_in(world_.services, anna())) << "only where the password is to be locked";
  restrict(Key::tenant(anna().tenant), State::kQuarantined, true);
  EXPECT_EQ(check_sign_in(world_.services, anna())->code, 535);
}

TEST_F(ReputationCheck, ASessionIsEndedWithAFarewellThatSaysWhy) {
  Connection connection{world_};
  connection.open();
  connection.stream.take_written();
  connection.session.dismiss(smtp::Reply(421, "4.7.0", "Sending from your account is stopped"));
  EXPECT_EQ(connection.say("").substr(0, 9), "421 4.7.0");
}

TEST_F(ReputationCheck, TellsOfSubmissionsWithTheirRecipientsAndOfMailFromOutsideByItsClientAlone) {
  Connection connection{world_, ListenerKind::kSmtp, "192.0.2.20", "198.51.100.99"};
  connection.open();
  connection.say(
      "EHLO c\r\nMAIL FROM:<printer@gamma.example>\r\nRCPT TO:<a@remote.example>\r\nRCPT TO:<b@remote.example>\r\n");
  connection.say("DATA\r\n");
  connection.say("Subject: x\r\n\r\nx\r\n.\r\n");
  ASSERT_EQ(reports_.all.size(), 1U);
  EXPECT_EQ(reports_.all[0].sender.account, printer().id);
  EXPECT_EQ(reports_.all[0].sender.domain, "gamma.example");
  EXPECT_EQ(std::get<reputation::SubmissionReport>(reports_.all[0].event).recipients.size(), 2U);
  Connection outside{world_};
  outside.open();
  outside.say("EHLO c\r\nMAIL FROM:<x@remote.example>\r\nRCPT TO:<nobody@acme.example>\r\n");
  ASSERT_EQ(reports_.all.size(), 2U);
  EXPECT_TRUE(reports_.all[1].sender.account.is_nil());
  EXPECT_TRUE(reports_.all[1].sender.tenant.is_nil());
  EXPECT_EQ(reports_.all[1].sender.client.text(), "198.51.100.7");
  EXPECT_EQ(std::get<reputation::UnknownRecipientReport>(reports_.all[1].event).recipient, "nobody@acme.example");
}

}  // namespace
}  // namespace bulkhead::smtpd
