#include <gtest/gtest.h>

#include "src/delivery/outgoing_body.h"
#include "tests/unit/delivery/smtp_sink.h"
#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using queue::Fate;
using queue::Outcome;

TEST(RemoteDelivery, LeavesFromTheTenantsAddressWithItsName) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"bob@r.example"}, "Subject: x\r\n\r\n.dot\r\n..\r\n.\r\nend\r\n");
  world.work(1);
  const Outcome outcome = world.queue.outcome_of(job);
  ASSERT_EQ(outcome.recipients.size(), 1U);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(outcome.source->text(), "127.0.0.77");
  EXPECT_EQ(outcome.remote, "127.0.0.1[127.0.0.1]:" + std::to_string(sink.port()));
  EXPECT_EQ(sink.clients(), std::vector<std::string>{"127.0.0.77"});
  EXPECT_EQ(sink.lines()[0], "EHLO acme.example");
  ASSERT_EQ(sink.messages().size(), 1U);
  EXPECT_EQ(sink.messages()[0].body, "Subject: x\r\n\r\n.dot\r\n..\r\n.\r\nend\r\n");
}

class ManyMessages : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(ManyMessages, ShareOneConnectionAndArriveInOrder) {
  SmtpSink sink{{.extensions = GetParam()}};
  World world;
  world.route_all_to(sink.port());
  for (int i = 0; i < 20; ++i) world.post({"bob@r.example"}, "Subject: " + std::to_string(i) + "\r\n\r\nhi\r\n");
  world.work(20);
  EXPECT_EQ(sink.clients().size(), 1U);
  ASSERT_EQ(sink.messages().size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(sink.messages()[i].body, "Subject: " + std::to_string(i) + "\r\n\r\nhi\r\n");
  }
  for (const auto& [key, outcome] : world.queue.outcomes()) EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered);
}

INSTANTIATE_TEST_SUITE_P(, ManyMessages,
                         testing::Values(std::vector<std::string>{}, std::vector<std::string>{"PIPELINING"},
                                         std::vector<std::string>{"PIPELINING", "CHUNKING"}));

TEST(RemoteDelivery, KeepsTheConnectionForTheLanesNextWorker) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  world.post({"bob@r.example"});
  world.work(1);
  world.post({"bob@r.example"});
  world.work(2);
  EXPECT_EQ(sink.clients().size(), 1U);
  EXPECT_EQ(sink.messages().size(), 2U);
}

TEST(RemoteDelivery, ConnectsAnewWhenTheSourceHasChanged) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  world.post({"bob@r.example"});
  world.work(1);
  world.directory.rows.addresses.clear();
  world.add_source("127.0.0.78", "other.example");
  world.directory.publish();
  world.post({"bob@r.example"});
  world.work(2);
  EXPECT_EQ(sink.clients(), (std::vector<std::string>{"127.0.0.77", "127.0.0.78"}));
}

TEST(RemoteDelivery, OpensNoConnectionWithoutASource) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  world.host_addresses.set({});
  const auto job = world.post({"bob@r.example"});
  world.work(1);
  const Outcome outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.kind, Outcome::Kind::kHeld);
  EXPECT_NE(outcome.reason.find("127.0.0.77"), std::string::npos) << outcome.reason;
  EXPECT_TRUE(sink.clients().empty());
  EXPECT_EQ(world.resolver.lookups, 0U);
}

TEST(RemoteDelivery, HoldsTheMailOfASuspendedTenantUntilItIsResumed) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  world.directory.rows.tenants[0].suspension = tenants::Suspension::kSuspended;
  world.directory.publish();
  const auto held = world.post({"bob@r.example"});
  world.work(1);
  const Outcome outcome = world.queue.outcome_of(held);
  EXPECT_EQ(outcome.kind, Outcome::Kind::kHeld);
  EXPECT_EQ(outcome.hold_code, "tenant-suspended");
  EXPECT_NE(outcome.reason.find("bulkhead tenant resume acme"), std::string::npos) << outcome.reason;
  EXPECT_TRUE(outcome.recipients.empty());
  EXPECT_TRUE(sink.clients().empty());
  world.directory.rows.tenants[0].suspension = tenants::Suspension::kActive;
  world.directory.publish();
  const auto sent = world.post({"bob@r.example"});
  world.work(2);
  EXPECT_EQ(world.queue.outcome_of(sent).recipients.at(0).fate, Fate::kDelivered);
}

TEST(RemoteDelivery, KnowsWhenRoutesLeadElsewhere) {
  World world;
  world.route_all_to(2525);
  world.make_courier();
  const auto by_route = world.lane("route:127.0.0.1:2525");
  const auto by_mx = world.lane("mx.r.example");
  EXPECT_FALSE(world.courier->leads_elsewhere(by_route, "r.example"));
  EXPECT_FALSE(world.courier->is_abandoned(by_route));
  EXPECT_TRUE(world.courier->leads_elsewhere(by_mx, "r.example"));
  EXPECT_FALSE(world.courier->is_abandoned(by_mx));
  world.directory.rows.routes.clear();
  world.directory.publish();
  EXPECT_TRUE(world.courier->leads_elsewhere(by_route, "r.example"));
  EXPECT_TRUE(world.courier->is_abandoned(by_route));
  EXPECT_FALSE(world.courier->leads_elsewhere(by_mx, "r.example"));
  EXPECT_EQ(site_of_mx("r.example", {{10, "route:127.0.0.1"}}), "r.example") << "the DNS cannot pose as a route";
}

TEST(RemoteDelivery, HoldsWhenTheAddressVanishesBetweenDecisionAndConnecting) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  // The inventory believes in an address that this host does not have.
  world.directory.rows.addresses.clear();
  world.add_source("192.0.2.99", "gone.example");
  world.directory.publish();
  netpolicy::HostAddresses present;
  present.present.insert(*IpAddress::parse("192.0.2.99"));
  world.host_addresses.set(present);
  const auto job = world.post({"bob@r.example"});
  world.work(1);
  EXPECT_EQ(world.queue.outcome_of(job).kind, Outcome::Kind::kHeld);
  EXPECT_TRUE(sink.clients().empty());
}

TEST(RemoteDelivery, ReportsEachRecipientsFate) {
  SmtpSink::Options options;
  options.extensions = {"PIPELINING", "DSN"};
  options.answer = [](const std::string& line, std::size_t) -> std::string {
    if (line.find("<no@") != std::string::npos) return "550 5.1.1 no such user\r\n";
    if (line.find("<later@") != std::string::npos) return "450 4.2.1 greylisted\r\n";
    return {};
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"yes@r.example", "no@r.example", "later@r.example"});
  world.work(1);
  const auto recipients = world.queue.outcome_of(job).recipients;
  ASSERT_EQ(recipients.size(), 3U);
  EXPECT_EQ(recipients[0].fate, Fate::kDelivered);
  EXPECT_TRUE(recipients[0].is_dsn_relayed);
  EXPECT_EQ(recipients[1].fate, Fate::kFailed);
  EXPECT_EQ(recipients[1].answer.enhanced, "5.1.1");
  EXPECT_EQ(recipients[2].fate, Fate::kDeferred);
}

TEST(RemoteDelivery, DeliversNothingWhenAllRecipientsAreRefusedAndDataIsAccepted) {
  SmtpSink::Options options;
  options.extensions = {"PIPELINING"};
  options.answer = [](const std::string& line, std::size_t) -> std::string {
    if (line == "DATA") return "354 go on, to nobody\r\n";
    return line.starts_with("RCPT") ? "550 no\r\n" : "";
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  const auto first = world.post({"a@r.example"});
  const auto second = world.post({"b@r.example"});
  world.work(2);
  EXPECT_EQ(world.queue.outcome_of(first).recipients[0].fate, Fate::kFailed);
  EXPECT_EQ(world.queue.outcome_of(second).recipients[0].fate, Fate::kFailed);
  EXPECT_TRUE(sink.messages().empty());
}

TEST(RemoteDelivery, SendsTheRestOfTooManyRecipientsInAnotherTransaction) {
  SmtpSink::Options options;
  options.extensions = {"PIPELINING"};
  auto taken = std::make_shared<int>(0);
  options.answer = [taken](const std::string& line, std::size_t) -> std::string {
    if (line.starts_with("MAIL")) *taken = 0;
    if (line.starts_with("RCPT") && ++*taken > 2) return "452 4.5.3 too many recipients\r\n";
    return {};
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"a@r.example", "b@r.example", "c@r.example", "d@r.example", "e@r.example"});
  world.work(1);
  const auto recipients = world.queue.outcome_of(job).recipients;
  ASSERT_EQ(recipients.size(), 5U);
  for (const auto& recipient : recipients) EXPECT_EQ(recipient.fate, Fate::kDelivered);
  ASSERT_EQ(sink.messages().size(), 3U);
  EXPECT_EQ(sink.messages()[2].recipients.size(), 1U);
}

TEST(RemoteDelivery, HeedsTheLimitsThatTheServerDeclares) {
  SmtpSink sink{{.extensions = {"PIPELINING", "LIMITS RCPTMAX=2 MAILMAX=2"}}};
  World world;
  world.route_all_to(sink.port());
  world.post({"a@r.example", "b@r.example", "c@r.example"});
  world.post({"d@r.example"});
  world.work(2);
  ASSERT_EQ(sink.messages().size(), 3U);
  EXPECT_EQ(sink.messages()[0].recipients.size(), 2U);
  EXPECT_EQ(sink.messages()[2].connection, 1U);
}

TEST(RemoteDelivery, EndsAConnectionAfterSoManyMessages) {
  Settings settings;
  settings.messages_per_connection = 3;
  SmtpSink sink{{.extensions = {"PIPELINING"}}};
  World world{settings};
  world.route_all_to(sink.port());
  for (int i = 0; i < 7; ++i) world.post({"a@r.example"});
  world.work(7);
  EXPECT_EQ(sink.messages().size(), 7U);
  EXPECT_EQ(sink.clients().size(), 3U);
}

TEST(RemoteDelivery, RefusesLocallyWhatTheServerCannotTake) {
  SmtpSink sink{{.extensions = {"PIPELINING", "SIZE 100"}}};
  World world;
  world.route_all_to(sink.port());
  const auto large = world.post({"a@r.example"}, std::string(99, 'x') + "\r\n");
  const auto fits = world.post({"a@r.example"}, std::string(98, 'x') + "\r\n");
  auto utf8 = world.message("x\r\n", {"\xc3\xa4@r.example"});
  utf8->sender.is_smtputf8 = true;
  auto eight = world.message("\xc3\xa4\r\n", {"a@r.example"});
  eight->sender.body = mail::Body::k8BitMime;
  auto seven = world.message("only declared\r\n", {"a@r.example"});
  seven->sender.body = mail::Body::k8BitMime;
  for (const auto& message : {utf8, eight, seven}) world.queue.add(world.lane(), World::job_of(message));
  world.work(5);
  EXPECT_EQ(world.queue.outcome_of(large).recipients[0].answer.enhanced, "5.3.4");
  EXPECT_EQ(world.queue.outcome_of(fits).recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(world.queue.outcome_of(World::job_of(utf8)).recipients[0].answer.enhanced, "5.6.7");
  EXPECT_EQ(world.queue.outcome_of(World::job_of(eight)).recipients[0].answer.enhanced, "5.6.3");
  EXPECT_EQ(world.queue.outcome_of(World::job_of(seven)).recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(sink.messages().size(), 2U);
}

TEST(RemoteDelivery, DropsADeclarationOfSmtputf8ThatTheMessageDoesNotNeed) {
  SmtpSink sink{{.extensions = {"PIPELINING", "8BITMIME"}}};
  World world;
  world.route_all_to(sink.port());
  auto plain = world.message("Subject: x\r\n\r\nonly declared\r\n", {"a@r.example"});
  auto eight = world.message("Subject: x\r\n\r\n\xc3\xa4\r\n", {"a@r.example"});
  auto header = world.message("Subject: \xc3\xa4\r\n\r\nx\r\n", {"a@r.example"});
  auto address = world.message("Subject: x\r\n\r\nx\r\n", {"\xc3\xa4@r.example"});
  auto large = world.message("Subject: \xc3\xa4\r\n\r\n" + std::string(100'000, 'x') + "\r\n", {"a@r.example"});
  for (const auto& message : {plain, eight, header, address, large}) {
    message->sender.is_smtputf8 = true;
    world.queue.add(world.lane(), World::job_of(message));
  }
  world.work(5);
  EXPECT_EQ(world.queue.outcome_of(World::job_of(plain)).recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(world.queue.outcome_of(World::job_of(eight)).recipients[0].fate, Fate::kDelivered);
  for (const auto& refused : {header, address, large}) {
    EXPECT_EQ(world.queue.outcome_of(World::job_of(refused)).recipients[0].answer.enhanced, "5.6.7");
  }
}

TEST(RemoteDelivery, NeverSendsADamagedBody) {
  SmtpSink sink{{}};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"a@r.example"});
  world.store.damage_blob(job.message->body);
  world.work(1);
  EXPECT_EQ(world.queue.outcome_of(job).recipients[0].answer.enhanced, "5.3.0");
  EXPECT_TRUE(sink.messages().empty());
}

TEST(RemoteDelivery, StreamsALargeBodyByteForByte) {
  std::string body;
  for (int i = 0; body.size() < 3 * OutgoingBody::kPieceSize + 7; ++i) {
    body += (i % 3 == 0 ? "." : "") + std::string(static_cast<std::size_t>(i % 900), 'x') + "\r\n";
  }
  for (const auto& extensions : {std::vector<std::string>{"PIPELINING"}, {"PIPELINING", "CHUNKING"}, {}}) {
    SmtpSink sink{{.extensions = extensions}};
    World world;
    world.route_all_to(sink.port());
    world.post({"a@r.example"}, body);
    world.post({"a@r.example"});
    world.work(2);
    ASSERT_EQ(sink.messages().size(), 2U);
    EXPECT_EQ(sink.messages()[0].body == body, true);
  }
}

TEST(RemoteDelivery, DefersWhenTheOnlyHostRefusesTheGreeting) {
  SmtpSink refusing{{.greeting = "421 4.3.2 not now\r\n"}, "127.0.0.2"};
  World world;
  world.route_all_to(refusing.port());
  world.directory.rows.routes[0].host = "mx.example";
  world.directory.publish();
  world.resolver.v4.insert({"mx.example", std::vector{*IpAddress::parse("127.0.0.2")}});
  const auto job = world.post({"a@r.example"});
  world.work(1);
  const Outcome outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDeferred);
  EXPECT_EQ(outcome.recipients[0].answer.code, 421);
  EXPECT_EQ(outcome.remote_mta, "mx.example");
}

TEST(RemoteDelivery, RemembersAHostThatDoesNotAnswer) {
  std::uint16_t port = 0;
  { port = SmtpSink{{}}.port(); }  // nobody listens there any more
  World world;
  world.route_all_to(port);
  const auto first = world.post({"a@r.example"});
  const auto second = world.post({"a@r.example"});
  world.work(2);
  for (const auto& job : {first, second}) {
    const Outcome outcome = world.queue.outcome_of(job);
    EXPECT_EQ(outcome.recipients[0].fate, Fate::kDeferred);
    EXPECT_EQ(outcome.recipients[0].answer.enhanced, "4.4.1");
    EXPECT_EQ(outcome.recipients[0].answer.code, 0);
  }
}

TEST(RemoteDelivery, TriesTheOnlyHostForRealOnceItHasRested) {
  SmtpSink sink{{.is_closed = true}};
  World world;
  world.settings.probe_after = std::chrono::milliseconds{0};
  world.route_all_to(sink.port());
  const auto first = world.post({"a@r.example"});
  world.work(1);
  EXPECT_EQ(world.queue.outcome_of(first).recipients[0].fate, Fate::kDeferred);
  sink.open();
  const auto second = world.post({"a@r.example"});
  world.work(2);
  EXPECT_EQ(world.queue.outcome_of(second).recipients[0].fate, Fate::kDelivered) << "the memory does not answer for it";
}

TEST(RemoteDelivery, TriesAMessageAgainWhenAServerEndsAUsedConnection) {
  SmtpSink::Options options;
  options.extensions = {"PIPELINING"};
  auto mails = std::make_shared<int>(0);
  options.answer = [mails](const std::string& line, std::size_t connection) -> std::string {
    if (line.starts_with("MAIL") && ++*mails > 1 && connection == 0) return "421 4.7.0 enough\r\n";
    return {};
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  for (int i = 0; i < 3; ++i) world.post({"a@r.example"});
  world.work(3);
  for (const auto& [key, outcome] : world.queue.outcomes()) EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(sink.messages().size(), 3U);
  EXPECT_EQ(sink.clients().size(), 2U);
}

// Where a remote fails, what the recipient's fate is, and whether one may say that it has no message.
struct Failure {
  const char* at;
  const char* answer;  // without CRLF: the connection is closed after it
  Fate fate;
};

class Failing : public testing::TestWithParam<std::tuple<Failure, std::vector<std::string>>> {};

TEST_P(Failing, LosesNothingAndRepeatsNothing) {
  const auto& [failure, extensions] = GetParam();
  SmtpSink::Options options;
  options.extensions = extensions;
  options.answer = [&failure = failure](const std::string& line, std::size_t) -> std::string {
    const bool is_end = line == "." || line == "BDAT";
    const bool is_meant = std::string_view{failure.at} == "." ? is_end : line.starts_with(failure.at);
    return is_meant ? failure.answer : "";
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"a@r.example"});
  world.work(1);
  const Outcome outcome = world.queue.outcome_of(job);
  ASSERT_EQ(outcome.recipients.size(), 1U);
  EXPECT_EQ(outcome.recipients[0].fate, failure.fate) << outcome.recipients[0].answer.text;
  EXPECT_TRUE(sink.messages().empty());
}

INSTANTIATE_TEST_SUITE_P(
    , Failing,
    testing::Combine(
        testing::Values(
            Failure{"EHLO", "421 closing\r\n", Fate::kDeferred}, Failure{"EHLO", "x", Fate::kDeferred},
            Failure{"EHLO", "garbage\r\n", Fate::kDeferred}, Failure{"MAIL", "421 closing\r\n", Fate::kDeferred},
            Failure{"MAIL", "451 later\r\n", Fate::kDeferred}, Failure{"MAIL", "550 no\r\n", Fate::kFailed},
            Failure{"MAIL", "garbage\r\n", Fate::kDeferred}, Failure{"MAIL", "2", Fate::kDeferred},
            Failure{"RCPT", "421 closing\r\n", Fate::kDeferred}, Failure{"RCPT", "451 later\r\n", Fate::kDeferred},
            Failure{"RCPT", "552 too many\r\n", Fate::kDeferred}, Failure{"RCPT", "550 no\r\n", Fate::kFailed},
            Failure{"RCPT", "250", Fate::kDeferred}, Failure{".", "451 later\r\n", Fate::kDeferred},
            Failure{".", "554 spam\r\n", Fate::kFailed}, Failure{".", "421 closing\r\n", Fate::kDeferred},
            Failure{".", "25", Fate::kDeferred}, Failure{".", "354 more\r\n", Fate::kDeferred}),
        testing::Values(std::vector<std::string>{}, std::vector<std::string>{"PIPELINING"},
                        std::vector<std::string>{"PIPELINING", "CHUNKING"})));

TEST(RemoteDelivery, GivesAnInterruptedMessageBackUntried) {
  SmtpSink::Options options;
  std::promise<void> reached;
  options.answer = [&reached](const std::string& line, std::size_t) -> std::string {
    if (!line.starts_with("MAIL")) return {};
    reached.set_value();
    return "250-wait for it\r\n";
  };
  SmtpSink sink{options};
  World world;
  world.route_all_to(sink.port());
  const auto job = world.post({"a@r.example"});
  world.make_courier();
  world.runner.call([&] { world.courier->start_worker(world.lane()); });
  reached.get_future().get();
  world.runner.run(world.courier->stop());
  EXPECT_EQ(world.queue.outcome_of(job).kind, Outcome::Kind::kUnsent);
}

}  // namespace
}  // namespace bulkhead::delivery
