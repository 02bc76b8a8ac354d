#include "src/smtpd/session.h"

#include <gtest/gtest.h>

#include "tests/unit/smtpd/world.h"

namespace bulkhead::smtpd {
namespace {

TEST(Session, AnswersPipelinedCommandsWithOneWriteAndOneRead) {
  World world;
  Connection connection{world};
  connection.open();
  connection.say("EHLO client.example\r\n");
  const auto writes = connection.stream.writes();
  const auto reads = connection.stream.reads();
  connection.say("MAIL FROM:<a@remote.example>\r\nRCPT TO:<ben@beta.example>\r\nDATA\r\n");
  EXPECT_EQ(connection.stream.writes(), writes + 1);
  EXPECT_EQ(connection.stream.reads(), reads + 1);
}

TEST(Session, ReadsAMessageOfFourKibibytesAtOnce) {
  World world;
  Connection connection{world};
  connection.open();
  connection.say("HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<ben@beta.example>\r\nDATA\r\n");
  const auto reads = connection.stream.reads();
  std::string body;
  while (body.size() < 4096) body += "0123456789012345678901234567890123456789012345678901234567890123456789\r\n";
  EXPECT_TRUE(connection.say(body + ".\r\n").starts_with("250 "));
  EXPECT_EQ(connection.stream.reads(), reads + 1);
}

TEST(Session, WaitsAsLongAsTheStandardSays) {
  World world;
  Connection connection{world};
  connection.open();
  EXPECT_EQ(connection.stream.last_timeout(), std::chrono::minutes{5});
}

TEST(Session, SlowsDownWhoErrs) {
  World world;
  Connection connection{world};
  connection.open();
  for (std::uint32_t i = 0; i < world.settings.errors_free; ++i) connection.say("FOO\r\n");
  EXPECT_TRUE(world.pacer.pauses.empty());
  connection.say("FOO\r\n");
  connection.say("FOO\r\n");
  EXPECT_EQ(world.pacer.pauses,
            (std::vector<std::chrono::milliseconds>{std::chrono::seconds{1}, std::chrono::seconds{2}}));
}

TEST(Session, SaysWhatWasRightBeforeItMakesAnErrorWait) {
  World world;
  world.settings.errors_free = 0;
  Connection connection{world};
  connection.open();
  connection.say("");
  const auto writes = connection.stream.writes();
  const auto said = connection.say("HELO c\r\nMAIL FROM:<>\r\nFOO\r\nRSET\r\n");
  EXPECT_EQ(connection.stream.writes(), writes + 2) << "before the wait, and at the end";
  EXPECT_EQ(world.pacer.pauses.size(), 1U);
  EXPECT_LT(said.find("500 "), said.rfind("250 ")) << said;
}

TEST(Session, EndsWhenTooManyCommandsMoveNoMail) {
  World world;
  world.settings.idle_commands_max = 3;
  for (const char* command : {"NOOP\r\n", "RSET\r\n", "EHLO c\r\n"}) {
    Connection connection{world};
    connection.open();
    connection.say("");  // takes the greeting
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(connection.say(command).starts_with("250")) << command;
    EXPECT_NE(connection.say(command).find("421 4.7.0 Too many commands"), std::string::npos) << command;
    EXPECT_TRUE(connection.stream.is_closed());
  }
}

TEST(Session, AMessageAllowsForMoreCommandsWithoutOne) {
  World world;
  world.settings.idle_commands_max = 3;
  Connection connection{world};
  connection.open();
  connection.say("EHLO c\r\nNOOP\r\n");
  connection.say("MAIL FROM:<>\r\nRCPT TO:<ben@beta.example>\r\nDATA\r\n");
  EXPECT_TRUE(connection.say("x\r\n.\r\n").starts_with("250 "));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(connection.say("RSET\r\n").starts_with("250"));
}

TEST(Session, TinyChunksDoNotHoldASession) {
  World world;
  world.settings.idle_commands_max = 3;
  Connection connection{world};
  connection.open();
  connection.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ben@beta.example>\r\n");
  connection.say("BDAT 1\r\nx");
  connection.say("BDAT 1\r\nx");
  EXPECT_NE(connection.say("BDAT 1\r\nx").find("421 4.7.0"), std::string::npos);
}

TEST(Session, CountsItselfWhileItIsOpen) {
  World world;
  {
    Connection connection{world, ListenerKind::kSubmission};
    connection.open();
    EXPECT_EQ(world.census.open(ListenerKind::kSubmission), 1U);
    connection.say("QUIT\r\n");
    EXPECT_TRUE(connection.stream.is_closed());
  }
  EXPECT_EQ(world.census.open(), 0U);
}

TEST(Session, GivesUpWhenNothingCanBeWritten) {
  World world;
  Connection connection{world};
  connection.stream.fail_writes(ErrorCode::kClosed);
  connection.open();
  EXPECT_TRUE(connection.is_done);
}

TEST(Session, BoundsTheRefusalsInTheTrace) {
  World world;
  world.settings.errors_max = 1000;
  Connection connection{world};
  connection.open();
  connection.say("HELO c\r\nMAIL FROM:<>\r\n");
  for (int i = 0; i < 60; ++i) connection.say("RCPT TO:<x@remote.example>\r\n");
  const auto events = world.trace.events(trace::EventKind::kRejected);
  EXPECT_EQ(events.size(), 50U);
  EXPECT_EQ(events.front().recipients, std::vector<std::string>{"x@remote.example"});
  EXPECT_TRUE(events.front().reply.starts_with("550 5.7.1 "));
}

TEST(Session, ARefusalAfterTheMessageNamesItsSenderAndRecipients) {
  World world;
  world.intake.accept_status = fail(ErrorCode::kIo, "the disk is full");
  world.log.expect("was not accepted");
  Connection connection{world};
  connection.open();
  connection.say("HELO c\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<sales@beta.example>\r\nDATA\r\n");
  connection.say("Subject: s\r\n\r\nb\r\n.\r\n");
  const auto events = world.trace.events(trace::EventKind::kRejected);
  ASSERT_EQ(events.size(), 1U);
  EXPECT_EQ(events[0].sender, "a@remote.example");
  EXPECT_EQ(events[0].recipients, std::vector<std::string>{"sales@beta.example"});
}

TEST(Session, RecordsTheReceivedEventWithTheMessage) {
  World world;
  Connection connection{world};
  connection.open();
  connection.say("HELO c\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<sales@beta.example>\r\nDATA\r\n");
  connection.say("Subject: s\r\nMessage-ID: <1@x>\r\n\r\nb\r\n.\r\n");
  ASSERT_EQ(world.intake.accepted.size(), 1U);
  const auto& accepted = world.intake.accepted.front();
  ASSERT_EQ(accepted.events.size(), 1U);
  const auto& event = accepted.events.front();
  EXPECT_EQ(event.kind, trace::EventKind::kReceived);
  EXPECT_EQ(event.id, accepted.message.id);
  EXPECT_EQ(event.tenant, accepted.message.tenant);
  EXPECT_EQ(event.recipients, std::vector<std::string>{"sales@beta.example"});
  EXPECT_EQ(event.message_id, "<1@x>");
  EXPECT_EQ(event.size, accepted.body.size());
  EXPECT_EQ(event.arrival->ip, IpAddress::parse("192.0.2.20"));
}

TEST(Census, RefusesTheSessionBeyondTheLimit) {
  Settings settings;
  settings.sessions_per_client_max = 2;
  settings.sessions_max = 3;
  Census census{settings};
  const auto one = *IpAddress::parse("2001:db8::1");
  const auto neighbour = *IpAddress::parse("2001:db8::2");  // the same /64: the same client
  const auto other = *IpAddress::parse("192.0.2.1");
  using Admission = Census::Admission;
  EXPECT_EQ(census.enter(one, ListenerKind::kSmtp), Admission::kAdmitted);
  EXPECT_EQ(census.enter(neighbour, ListenerKind::kSmtp), Admission::kAdmitted);
  EXPECT_EQ(census.enter(one, ListenerKind::kSmtp), Admission::kClientFull);
  EXPECT_EQ(census.enter(other, ListenerKind::kSmtp), Admission::kAdmitted);
  EXPECT_EQ(census.enter(other, ListenerKind::kSmtp), Admission::kServerFull);
  census.leave(one, ListenerKind::kSmtp);
  EXPECT_EQ(census.enter(neighbour, ListenerKind::kSmtp), Admission::kAdmitted);
}

class SignInGuardTest : public testing::Test {
 protected:
  void fail(const char* name, int times) {
    for (int i = 0; i < times; ++i) guard_.count_failure(client_, name);
  }
  const IpAddress client_ = *IpAddress::parse("192.0.2.1");
  Settings settings_;
  testlib::ManualClock clock_;
  SignInGuard guard_{settings_, clock_};
};

TEST_F(SignInGuardTest, DelaysMoreWithEachFailureAndForgets) {
  EXPECT_EQ(guard_.count_failure(client_, "a@x"), std::chrono::seconds{1});
  EXPECT_EQ(guard_.count_failure(client_, "a@x"), std::chrono::seconds{2});
  fail("a@x", 17);
  EXPECT_FALSE(guard_.is_blocked(client_, "a@x"));
  EXPECT_EQ(guard_.count_failure(client_, "A@x"), std::chrono::seconds{8});
  EXPECT_TRUE(guard_.is_blocked(client_, "a@x"));
  EXPECT_TRUE(guard_.is_blocked(client_, "b@x")) << "a client that sprays is stopped under all names";
  EXPECT_FALSE(guard_.is_blocked(*IpAddress::parse("192.0.2.2"), "a@x"));
  clock_.advance(std::chrono::minutes{10});
  EXPECT_FALSE(guard_.is_blocked(client_, "a@x"));
}

TEST_F(SignInGuardTest, AnAccountOfOnesOwnBuysNoGuessesAtOthers) {
  for (int i = 0; i < 4; ++i) {
    fail("victim@x", 5);
    guard_.succeeded(client_, "me@x");
  }
  EXPECT_TRUE(guard_.is_blocked(client_, "victim@x"));
  EXPECT_TRUE(guard_.is_blocked(client_, "other@x"));
}

TEST_F(SignInGuardTest, AGuesserLocksOutNobodyWhoSignsInFromThere) {
  guard_.succeeded(client_, "neighbour@x");
  fail("victim@x", 100);
  EXPECT_FALSE(guard_.is_blocked(client_, "neighbour@x"));
  clock_.advance(std::chrono::hours{24});
  fail("victim@x", 100);
  EXPECT_TRUE(guard_.is_blocked(client_, "neighbour@x"));
}

TEST_F(SignInGuardTest, ACorrectPasswordForgivesItsOwnFailures) {
  fail("a@x", 19);
  guard_.succeeded(client_, "a@x");
  fail("a@x", 19);
  EXPECT_FALSE(guard_.is_blocked(client_, "a@x"));
}

TEST(SignInGuard, StaysBoundedUnderManyClients) {
  Settings settings;
  settings.sign_in_failures_per_client_max = 1;
  testlib::ManualClock clock;
  SignInGuard guard{settings, clock, 2};
  for (const char* ip : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) {
    guard.count_failure(*IpAddress::parse(ip), "a@x");
    guard.succeeded(*IpAddress::parse(ip), "b@x");
    clock.advance(std::chrono::seconds{1});
  }
  EXPECT_FALSE(guard.is_blocked(*IpAddress::parse("192.0.2.1"), "a@x"));
  EXPECT_TRUE(guard.is_blocked(*IpAddress::parse("192.0.2.3"), "a@x"));
}

// The tenant that the only event of this kind belongs to, and its detail: "beta: wrong password".
std::string ownership(const World& world, trace::EventKind kind) {
  const auto events = world.trace.events(kind);
  if (events.size() != 1) return std::to_string(events.size()) + " events";
  const auto* tenant = world.directory.snapshot()->tenant(events[0].tenant);
  return (tenant == nullptr ? "nobody" : tenant->name) + ": " + events[0].detail;
}

std::string rejection_of(const std::string& recipient, const std::string& arrival) {
  World world;
  Connection connection{world, ListenerKind::kSmtp, arrival};
  connection.open();
  connection.say("HELO c\r\nMAIL FROM:<>\r\nRCPT TO:<" + recipient + ">\r\n");
  return ownership(world, trace::EventKind::kRejected);
}

TEST(Session, ARefusedRecipientIsInTheTraceOfWhomItWasFor) {
  EXPECT_EQ(rejection_of("nobody@beta.example", "192.0.2.20"), "beta: ");
  EXPECT_EQ(rejection_of("nobody@acme.example", "192.0.2.10"), "acme: ");
  EXPECT_EQ(rejection_of("ben@beta.example", "192.0.2.10"), "acme: ");
  EXPECT_EQ(rejection_of("x@remote.example", "192.0.2.10"), "acme: ");
  EXPECT_EQ(rejection_of("x@remote.example", "192.0.2.20"), "nobody: ");
}

std::string failed_sign_in_of(const std::string& user, const std::string& password, bool is_away = false) {
  World world;
  world.directory.is_away = is_away;
  Connection connection{world, ListenerKind::kSubmissions};
  connection.stream.pretend_tls();
  connection.open();
  connection.say("EHLO c\r\n");
  const auto reply = connection.say("AUTH PLAIN " + Connection::plain(user, password) + "\r\n");
  EXPECT_EQ(reply, is_away ? "454 4.7.0 Signing in is not possible now: try again later\r\n"
                           : "535 5.7.8 User name or password is wrong\r\n");
  return ownership(world, trace::EventKind::kLoginFailed);
}

TEST(Session, AFailedSignInIsInTheTraceOfItsTenantWithTheReason) {
  EXPECT_EQ(failed_sign_in_of("ben@beta.example", "wrong"), "beta: wrong password");
  EXPECT_EQ(failed_sign_in_of("nobody@beta.example", "wrong"), "beta: unknown user");
  EXPECT_EQ(failed_sign_in_of("x@remote.example", "wrong"), "nobody: unknown user");
  EXPECT_EQ(failed_sign_in_of("no address", "wrong"), "nobody: unknown user");
  EXPECT_EQ(failed_sign_in_of("dora@delta.example", "secret-of-dora"), "delta: tenant suspended");
  EXPECT_EQ(failed_sign_in_of("anna@acme.example", "secret-of-anna"), "acme: not served on this address");
  EXPECT_EQ(failed_sign_in_of("ben@beta.example", "secret-of-ben", true), "beta: unavailable");
}

TEST(Session, GivesALineOneDeadlineHoweverItComes) {
  World world;
  Connection connection{world};
  connection.open();
  connection.stream.take_written();
  world.clock.advance(std::chrono::minutes{4});
  connection.say("NO");
  EXPECT_EQ(connection.stream.last_timeout(), std::chrono::minutes{1});
  world.clock.advance(std::chrono::seconds{59});
  connection.say("O");
  EXPECT_EQ(connection.stream.last_timeout(), std::chrono::seconds{1});
  EXPECT_TRUE(connection.say("P\r\n").starts_with("250"));
  EXPECT_EQ(connection.stream.last_timeout(), std::chrono::minutes{5});
}

TEST(Pace, CutsWhoSendsTooLittleInAWindow) {
  Settings settings;
  settings.data_bytes_per_minute_min = 100;
  settings.data_window = std::chrono::minutes{2};
  const SteadyTime begin{};
  for (const std::uint64_t bytes : {199U, 200U, 201U}) {
    Pace pace;
    pace.begin(begin);
    EXPECT_TRUE(pace.count(0, begin + settings.data_window - std::chrono::milliseconds{1}, settings));
    EXPECT_EQ(pace.count(bytes, begin + settings.data_window, settings), bytes >= 200) << bytes;
  }
}

TEST(Pace, JudgesEachWindowByItself) {
  Settings settings;
  const SteadyTime begin{};
  Pace pace;
  pace.begin(begin);
  EXPECT_TRUE(pace.count(1U << 20U, begin + settings.data_window, settings));
  EXPECT_FALSE(pace.count(10, begin + 2 * settings.data_window, settings));
}

TEST(Session, CutsAMessageThatComesTooSlowly) {
  World world;
  Connection connection{world};
  connection.open();
  connection.say("EHLO client.example\r\n");
  EXPECT_TRUE(connection.say("MAIL FROM:<a@remote.example>\r\n").starts_with("250"));
  EXPECT_TRUE(connection.say("RCPT TO:<ben@beta.example>\r\n").starts_with("250"));
  EXPECT_TRUE(connection.say("DATA\r\n").starts_with("354"));
  EXPECT_EQ(connection.say("x"), "");
  world.clock.advance(std::chrono::minutes{4});
  EXPECT_EQ(connection.say("x"), "");
  world.clock.advance(std::chrono::minutes{4});
  EXPECT_TRUE(connection.say("x").starts_with("421 4.4.2"));
  EXPECT_TRUE(connection.is_done);
  EXPECT_TRUE(world.intake.accepted.empty());
}

TEST(Session, CountsRepliesAndHowItEnded) {
  World world;
  {
    Connection connection{world};
    connection.open();
    connection.say("NONSENSE\r\n");
    connection.say("QUIT\r\n");
  }
  auto& counters = world.census.counters();
  EXPECT_EQ(counters.replies[2], 2U);
  EXPECT_EQ(counters.replies[5], 1U);
  EXPECT_EQ(counters.sessions_ended[0][0], 1U);
}

TEST(Session, EndsWhenNoRecipientCanBeTakenNow) {
  World world;
  world.settings.put_offs_max = 3;
  Connection connection{world};
  connection.open();
  connection.say("EHLO c\r\nMAIL FROM:<>\r\n");
  for (int i = 0; i < 2; ++i) EXPECT_TRUE(connection.say("RCPT TO:<dora@delta.example>\r\n").starts_with("450"));
  EXPECT_FALSE(connection.stream.is_closed());
  EXPECT_NE(connection.say("RCPT TO:<dora@delta.example>\r\n").find("421 4.7.0 Too many recipients"),
            std::string::npos);
  EXPECT_TRUE(connection.stream.is_closed());
}

TEST(Session, AnAcceptedRecipientIsWorthManyThatAreNot) {
  World world;
  world.settings.put_offs_max = 3;
  Connection connection{world};
  connection.open();
  connection.say("EHLO c\r\nMAIL FROM:<>\r\nRCPT TO:<ben@beta.example>\r\n");
  for (int i = 0; i < 299; ++i) EXPECT_TRUE(connection.say("RCPT TO:<gus@gamma.example>\r\n").starts_with("452")) << i;
  EXPECT_TRUE(connection.say("RCPT TO:<ben@beta.example>\r\n").starts_with("250"));
  EXPECT_TRUE(connection.say("RCPT TO:<gus@gamma.example>\r\n").starts_with("452"));
}

class FeedbackSession : public ::testing::Test {
 protected:
  FeedbackSession() {
    world_.directory.rows.tenants[1].feedback_address = "fbl@beta.example";
    world_.directory.publish();
    connection_.open();
    connection_.say("EHLO c\r\n");
  }
  std::string mail_from(const std::string& more) { return connection_.say("MAIL FROM:<>" + more + "\r\n"); }
  std::string to(const std::string& address) { return connection_.say("RCPT TO:<" + address + ">\r\n"); }

  World world_;
  Connection connection_{world_};
};

TEST_F(FeedbackSession, AReportLargerThanIsReadIsRefused) {
  mail_from(" SIZE=524288");
  EXPECT_TRUE(to("fbl@beta.example").starts_with("250"));
  connection_.say("RSET\r\n");
  mail_from(" SIZE=524289");
  EXPECT_TRUE(to("fbl@beta.example").starts_with("552 5.3.4"));
  EXPECT_TRUE(to("ben@beta.example").starts_with("250")) << "only the report is so small";
  connection_.say("RSET\r\n");
  mail_from("");
  EXPECT_TRUE(to("fbl@beta.example").starts_with("250"));
  connection_.say("DATA\r\n");
  std::string body;
  while (body.size() <= 524288) body += std::string(998, 'x') + "\r\n";
  EXPECT_TRUE(connection_.say(body + ".\r\n").starts_with("552 5.3.4"));
  EXPECT_TRUE(world_.intake.accepted.empty());
}

TEST_F(FeedbackSession, AReportIsTakenThoughTheMailboxOfItsAddressIsFull) {
  auto& mailbox = world_.directory.add_account("fbl@beta.example");
  mailbox.quota_bytes = 100;
  world_.intake.mailbox_bytes[mailbox.id] = 100;
  world_.directory.publish();
  mail_from(" SIZE=5000");
  EXPECT_TRUE(to("fbl@beta.example").starts_with("250"));
}

}  // namespace
}  // namespace bulkhead::smtpd
