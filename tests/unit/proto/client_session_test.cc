#include "src/proto/smtp/client_session.h"

#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

constexpr const char* kGreeting = "220 mx.example ESMTP\r\n";
constexpr const char* kPipelining = "250-mx.example\r\n250-PIPELINING\r\n250-SIZE 100000\r\n250 8BITMIME\r\n";
constexpr const char* kChunking = "250-mx.example\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
constexpr const char* kPlain = "250 mx.example\r\n";

ClientMail mail_to(std::vector<std::string> recipients) {
  ClientMail mail;
  mail.sender = "a@sender.example";
  for (auto& address : recipients) mail.recipients.push_back({std::move(address), {}, {}});
  return mail;
}

// Plays the remote: passes its bytes in pieces of `piece` octets and collects what the client writes meanwhile.
struct Play {
  explicit Play(ClientTls tls = ClientTls::kNever, std::size_t piece_octets = 1000000)
      : session({"client.example", tls}), piece(piece_octets) {}

  std::string hear(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto part = bytes.substr(0, piece);
      bytes.remove_prefix(part.size());
      session.receive(part);
      if (session.phase() != ClientPhase::kHandshake) written += session.take_output();
    }
    return std::exchange(written, {});
  }
  void open(const char* ehlo_reply) {
    hear(kGreeting);
    hear(ehlo_reply);
    ASSERT_EQ(session.phase(), ClientPhase::kReady);
  }

  ClientSession session;
  std::size_t piece;
  std::string written;
};

TEST(ClientSession, CarriesAPipelinedMessageWhereverTheRepliesAreSplit) {
  for (std::size_t piece = 1; piece < 60; ++piece) {
    Play play{ClientTls::kNever, piece};
    EXPECT_EQ(play.hear(kGreeting), "EHLO client.example\r\n");
    EXPECT_EQ(play.hear(kPipelining), "");
    auto mail = mail_to({"x@r.example", "y@r.example"});
    mail.size = 77;
    play.session.begin(mail);
    EXPECT_EQ(play.session.take_output(),
              "MAIL FROM:<a@sender.example> SIZE=77\r\nRCPT TO:<x@r.example>\r\nRCPT TO:<y@r.example>\r\nDATA\r\n");
    EXPECT_EQ(play.hear("250 ok\r\n250 ok\r\n550 5.1.1 no y\r\n354 go\r\n"), "");
    ASSERT_EQ(play.session.phase(), ClientPhase::kBody);
    play.session.end_body();
    EXPECT_EQ(play.session.take_output(), ".\r\n");
    play.hear("250-2.0.0 taken\r\n250 2.0.0 as 123\r\n");
    const auto result = play.session.take_result();
    ASSERT_TRUE(result);
    EXPECT_FALSE(result->refused[0]);
    EXPECT_EQ(result->refused[1]->enhanced, "5.1.1");
    EXPECT_EQ(result->final->code, 250);
    EXPECT_EQ(play.session.phase(), ClientPhase::kReady);
    play.session.quit();
    EXPECT_EQ(play.session.take_output(), "QUIT\r\n");
    play.hear("221 bye\r\n");
    EXPECT_EQ(play.session.ending().kind, ClientEnding::Kind::kQuit);
  }
}

TEST(ClientSession, SendsTheNextEnvelopeBehindTheFinalDot) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  play.session.end_body();
  play.session.begin(mail_to({"z@r.example"}));
  EXPECT_EQ(play.session.take_output(), ".\r\nMAIL FROM:<a@sender.example>\r\nRCPT TO:<z@r.example>\r\nDATA\r\n");
  play.hear("451 4.3.0 later\r\n250 ok\r\n250 ok\r\n354 go\r\n");
  EXPECT_EQ(play.session.take_result()->final->code, 451);
  EXPECT_FALSE(play.session.take_result());
  ASSERT_EQ(play.session.phase(), ClientPhase::kBody);
  play.session.end_body();
  play.session.take_output();
  play.hear("250 ok\r\n");
  EXPECT_EQ(play.session.take_result()->final->code, 250);
}

TEST(ClientSession, SendsEnvelopeAndBodyTogetherWithChunking) {
  Play play;
  play.open(kChunking);
  EXPECT_TRUE(play.session.takes_body_at_once(ClientSession::kAtOnceMax));
  EXPECT_FALSE(play.session.takes_body_at_once(ClientSession::kAtOnceMax + 1));
  play.session.begin_with_body(mail_to({"x@r.example"}), 42);
  EXPECT_EQ(play.session.take_output(), "MAIL FROM:<a@sender.example>\r\nRCPT TO:<x@r.example>\r\nBDAT 42 LAST\r\n");
  play.hear("250 ok\r\n250 ok\r\n250 taken\r\n");
  EXPECT_EQ(play.session.take_result()->final->code, 250);
}

TEST(ClientSession, ResetsAfterAChunkThatWasRefused) {
  Play play;
  play.open(kChunking);
  play.session.begin_with_body(mail_to({"x@r.example"}), 42);
  play.session.take_output();
  play.hear("250 ok\r\n550 no\r\n503 no recipients\r\n");
  const auto result = play.session.take_result();
  EXPECT_EQ(result->refused[0]->code, 550);
  EXPECT_FALSE(result->final);
  play.session.begin_with_body(mail_to({"y@r.example"}), 42);
  EXPECT_TRUE(play.session.take_output().starts_with("RSET\r\nMAIL FROM:"));
  play.hear("250 reset\r\n250 ok\r\n250 ok\r\n250 taken\r\n");
  EXPECT_EQ(play.session.take_result()->final->code, 250);
}

TEST(ClientSession, GoesInLockstepWithAServerThatDoesNotPipeline) {
  Play play{ClientTls::kNever, 1};
  play.open(kPlain);
  play.session.begin(mail_to({"x@r.example", "y@r.example"}));
  EXPECT_EQ(play.session.take_output(), "MAIL FROM:<a@sender.example>\r\n");
  EXPECT_EQ(play.hear("250 ok\r\n"), "RCPT TO:<x@r.example>\r\n");
  EXPECT_EQ(play.hear("450 later\r\n"), "RCPT TO:<y@r.example>\r\n");
  EXPECT_EQ(play.hear("250 ok\r\n"), "DATA\r\n");
  play.hear("354 go\r\n");
  play.session.end_body();
  EXPECT_EQ(play.session.take_output(), ".\r\n");
  play.hear("250 ok\r\n");
  const auto result = play.session.take_result();
  EXPECT_EQ(result->refused[0]->code, 450);
  EXPECT_EQ(result->final->code, 250);
}

TEST(ClientSession, SendsNoDataInLockstepWhenAllRecipientsAreRefused) {
  Play play;
  play.open(kPlain);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n");
  EXPECT_EQ(play.hear("550 no\r\n"), "");
  EXPECT_EQ(play.session.take_result()->refused[0]->code, 550);
  play.session.begin(mail_to({"y@r.example"}));
  EXPECT_EQ(play.session.take_output(), "RSET\r\nMAIL FROM:<a@sender.example>\r\n");
}

TEST(ClientSession, EndsAnAcceptedDataWithoutRecipientsByAnEmptyMessage) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  EXPECT_EQ(play.hear("250 ok\r\n550 no\r\n354 go\r\n"), ".\r\n");
  EXPECT_FALSE(play.session.take_result());
  play.hear("250 taken, to nobody\r\n");
  const auto result = play.session.take_result();
  ASSERT_TRUE(result);
  EXPECT_EQ(result->refused[0]->code, 550);
  EXPECT_FALSE(result->final);
  EXPECT_FALSE(result->is_body_sent);
  EXPECT_EQ(play.session.phase(), ClientPhase::kReady);
}

TEST(ClientSession, ReportsARefusedSenderForAllRecipients) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example", "y@r.example"}));
  play.session.take_output();
  play.hear("550 5.7.1 not you\r\n503 no mail\r\n503 no mail\r\n503 no rcpt\r\n");
  const auto result = play.session.take_result();
  EXPECT_FALSE(result->refused[0] || result->refused[1]);
  EXPECT_EQ(result->final->enhanced, "5.7.1");
  EXPECT_EQ(result->final_stage, ClientStage::kMail);
  play.session.begin(mail_to({"x@r.example"}));
  EXPECT_TRUE(play.session.take_output().starts_with("MAIL"));
}

TEST(ClientSession, ResetsWhenDataIsRefused) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n250 ok\r\n451 4.3.0 busy\r\n");
  const auto result = play.session.take_result();
  EXPECT_EQ(result->final->code, 451);
  EXPECT_EQ(result->final_stage, ClientStage::kData);
  play.session.begin(mail_to({"x@r.example"}));
  EXPECT_TRUE(play.session.take_output().starts_with("RSET\r\nMAIL"));
}

TEST(ClientSession, FallsBackToHelo) {
  Play play;
  EXPECT_EQ(play.hear(kGreeting), "EHLO client.example\r\n");
  EXPECT_EQ(play.hear("502 what\r\n"), "HELO client.example\r\n");
  play.hear("250-PIPELINING\r\n250 PIPELINING\r\n");
  EXPECT_EQ(play.session.phase(), ClientPhase::kReady);
  EXPECT_FALSE(play.session.extensions().has_pipelining);
}

TEST(ClientSession, EndsWhenGreetingOrHelloAreRefused) {
  Play greeting;
  greeting.hear("554 go away\r\n");
  EXPECT_EQ(greeting.session.ending().kind, ClientEnding::Kind::kRefused);
  EXPECT_EQ(greeting.session.ending().stage, ClientStage::kGreeting);
  EXPECT_EQ(greeting.session.ending().reply.code, 554);
  Play hello;
  hello.hear(kGreeting);
  hello.hear("450 busy\r\n");
  EXPECT_EQ(hello.session.ending().stage, ClientStage::kHello);
  Play helo;
  helo.hear(kGreeting);
  helo.hear("500 what\r\n");
  helo.hear("550 no\r\n");
  EXPECT_EQ(helo.session.ending().reply.code, 550);
}

TEST(ClientSession, StartsTlsAndForgetsWhatWasLearntInClear) {
  Play play{ClientTls::kIfOffered};
  play.hear(kGreeting);
  EXPECT_EQ(play.hear("250-mx\r\n250-PIPELINING\r\n250 STARTTLS\r\n"), "STARTTLS\r\n");
  play.hear("220 go\r\n");
  ASSERT_EQ(play.session.phase(), ClientPhase::kHandshake);
  play.session.tls_started();
  EXPECT_FALSE(play.session.extensions().has_pipelining);
  EXPECT_EQ(play.session.take_output(), "EHLO client.example\r\n");
  EXPECT_EQ(play.hear("250-mx\r\n250 STARTTLS\r\n"), "");
  EXPECT_EQ(play.session.phase(), ClientPhase::kReady);
  EXPECT_TRUE(play.session.has_tls());
}

TEST(ClientSession, EndsOnTextInClearBehindTheAnswerToStartTls) {
  Play play{ClientTls::kIfOffered};
  play.hear(kGreeting);
  play.hear("250-mx\r\n250 STARTTLS\r\n");
  play.hear("220 go\r\n250 injected\r\n");
  EXPECT_EQ(play.session.phase(), ClientPhase::kEnded);
  EXPECT_EQ(play.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
}

TEST(ClientSession, GoesOnInClearOnlyWhereTlsIsNotRequired) {
  Play optional{ClientTls::kIfOffered};
  optional.hear(kGreeting);
  optional.hear("250-mx\r\n250 STARTTLS\r\n");
  optional.hear("454 not now\r\n");
  EXPECT_EQ(optional.session.phase(), ClientPhase::kReady);
  Play required{ClientTls::kRequired};
  required.hear(kGreeting);
  required.hear("250-mx\r\n250 STARTTLS\r\n");
  required.hear("454 not now\r\n");
  EXPECT_EQ(required.session.ending().stage, ClientStage::kStartTls);
  Play missing{ClientTls::kRequired};
  missing.hear(kGreeting);
  missing.hear(kPlain);
  EXPECT_EQ(missing.session.ending().kind, ClientEnding::Kind::kTlsMissing);
}

TEST(ClientSession, EndsOnRepliesThatComeBeforeTheirCommands) {
  Play greeting;
  greeting.hear("220 mx\r\n250 already\r\n");
  EXPECT_EQ(greeting.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
  Play idle;
  idle.open(kPipelining);
  idle.hear("250 unasked\r\n");
  EXPECT_EQ(idle.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
  Play unwritten;
  unwritten.open(kPipelining);
  unwritten.session.begin(mail_to({"x@r.example"}));
  unwritten.session.receive("250 ok\r\n");
  EXPECT_EQ(unwritten.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
  const auto result = unwritten.session.take_result();
  EXPECT_FALSE(result->final || result->has_any_reply);
}

TEST(ClientSession, TakesAnEarlyRefusalOfTheBodyAsItsAnswer) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  play.hear("552 5.3.4 enough\r\n");
  EXPECT_EQ(play.session.phase(), ClientPhase::kEnded);
  EXPECT_EQ(play.session.take_result()->final->enhanced, "5.3.4");
  Play positive;
  positive.open(kPipelining);
  positive.session.begin(mail_to({"x@r.example"}));
  positive.session.take_output();
  positive.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  positive.hear("250 taken before it was sent\r\n");
  EXPECT_EQ(positive.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
  EXPECT_FALSE(positive.session.take_result()->final);
}

TEST(ClientSession, NeverTakesAnotherPositiveReplyForTheGoAheadOfData) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n250 ok\r\n250 done\r\n");
  EXPECT_EQ(play.session.ending().kind, ClientEnding::Kind::kProtocolBroken);
  EXPECT_FALSE(play.session.take_result()->final);
}

// The stages of two pipelined messages, the bytes that the remote sends at each, and what is known when it stops there.
TEST(ClientSession, SurvivesAShutdownAtEachStage) {
  const std::vector<std::string> replies{kGreeting,      kPipelining,  "250 mail\r\n",
                                         "250 rcpt\r\n", "354 go\r\n", "250 end\r\n"};
  for (std::size_t stage = 0; stage < replies.size(); ++stage) {
    for (const bool is_closed : {false, true}) {
      Play play;
      for (std::size_t i = 0; i < stage; ++i) {
        play.hear(replies[i]);
        if (i == 1) play.session.begin(mail_to({"x@r.example"}));
        if (i == 4) play.session.end_body();
        play.session.take_output();
      }
      if (is_closed) {
        play.session.connection_lost("it closed the connection");
      } else {
        play.hear("421 4.3.2 closing\r\n");
      }
      EXPECT_EQ(play.session.phase(), ClientPhase::kEnded);
      EXPECT_EQ(play.session.take_output(), "");
      const auto result = play.session.take_result();
      EXPECT_EQ(result.has_value(), stage >= 2);
      if (!result) continue;
      EXPECT_EQ(result->final.has_value(), !is_closed) << "stage " << stage;
      EXPECT_EQ(result->is_body_sent, stage == 5);
      EXPECT_EQ(result->has_any_reply, stage > 2 || !is_closed);
    }
  }
}

TEST(ClientSession, TellsThatAPipelinedTransactionNeverStarted) {
  Play play;
  play.open(kPipelining);
  play.session.begin(mail_to({"x@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n250 ok\r\n354 go\r\n");
  play.session.end_body();
  play.session.begin(mail_to({"z@r.example"}));
  play.session.take_output();
  play.hear("250 ok\r\n");
  play.session.connection_lost("gone");
  EXPECT_EQ(play.session.take_result()->final->code, 250);
  const auto second = play.session.take_result();
  ASSERT_TRUE(second);
  EXPECT_FALSE(second->has_any_reply || second->is_body_sent || second->final);
  play.session.begin(mail_to({"w@r.example"}));
  EXPECT_FALSE(play.session.take_result()->has_any_reply);
}

}  // namespace
}  // namespace bulkhead::smtp
