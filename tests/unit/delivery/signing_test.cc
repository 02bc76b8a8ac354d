#include <gtest/gtest.h>

#include "src/delivery/message_signer.h"
#include "src/delivery/outgoing_body.h"
#include "tests/unit/delivery/smtp_sink.h"
#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using queue::Fate;

// Signs with the length and the last byte but two of what it read, in pieces, of messages of one sender.
class LengthSigner final : public MessageSigner {
 public:
  bool is_wanted(const queue::Message& message) const override {
    return !message.recipients.empty() && message.recipients[0].recipient.address.domain == "r.example";
  }
  Result<std::string> sign(const queue::Message& message, const BodyPieces& body) const override {
    thread = std::this_thread::get_id();
    if (is_broken) return fail(ErrorCode::kUnavailable, "the key cannot be read");
    std::string read;
    for (std::uint64_t at = 0; at < message.body.length; at += 1000) {
      const auto piece = body(at, std::min<std::uint64_t>(1000, message.body.length - at));
      if (!piece) return fail(piece.error());
      read += *piece;
    }
    return "X-Signature: l=" + std::to_string(read.size()) + "; b=" + read.at(read.size() - 3) + "\r\n";
  }
  bool is_broken = false;
  mutable std::thread::id thread;
};

class Signing : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(Signing, GoesInFrontOfBodiesOfAnySize) {
  const LengthSigner signer;
  SmtpSink sink{{.extensions = GetParam()}};
  World world;
  world.signer = &signer;
  world.route_all_to(sink.port());
  const std::string small = ".Subject: x\r\n\r\nhi\r\n";
  const std::string large = "Subject: x\r\n\r\n" + std::string(OutgoingBody::kSmallMax, 'x') + "y\r\n.z\r\n";
  world.post({"a@r.example"}, small);
  world.post({"a@r.example"}, large);
  world.post({"a@other.example"}, small);
  world.work(3);
  ASSERT_EQ(sink.messages().size(), 3U);
  EXPECT_EQ(sink.messages()[0].body, "X-Signature: l=" + std::to_string(small.size()) + "; b=i\r\n" + small);
  EXPECT_TRUE(sink.messages()[1].body == "X-Signature: l=" + std::to_string(large.size()) + "; b=z\r\n" + large);
  EXPECT_EQ(sink.messages()[2].body, small);
  EXPECT_NE(signer.thread, std::this_thread::get_id());
}

INSTANTIATE_TEST_SUITE_P(, Signing,
                         testing::Values(std::vector<std::string>{}, std::vector<std::string>{"PIPELINING", "SIZE"},
                                         std::vector<std::string>{"PIPELINING", "CHUNKING"}));

TEST(SigningStep, CountsForTheSizeThatIsDeclared) {
  const LengthSigner signer;
  SmtpSink sink{{.extensions = {"PIPELINING", "SIZE 100"}}};
  World world;
  world.signer = &signer;
  world.route_all_to(sink.port());
  const auto fits = world.post({"a@r.example"}, std::string(74, 'x') + "\r\n");  // and 24 of the field
  const auto grows = world.post({"a@r.example"}, std::string(77, 'x') + "\r\n");
  world.work(2);
  EXPECT_EQ(world.queue.outcome_of(fits).recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(world.queue.outcome_of(grows).recipients[0].answer.enhanced, "5.3.4");
  ASSERT_EQ(sink.messages().size(), 1U);
  EXPECT_NE(sink.messages()[0].sender.find("SIZE=100"), std::string::npos) << sink.messages()[0].sender;
}

TEST(SigningStep, LetsNothingLeaveUnsigned) {
  LengthSigner signer;
  signer.is_broken = true;
  SmtpSink sink{{}};
  World world;
  world.signer = &signer;
  world.route_all_to(sink.port());
  const auto job = world.post({"a@r.example"});
  world.work(1);
  const auto outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDeferred);
  EXPECT_EQ(outcome.recipients[0].answer.enhanced, "4.7.5");
  EXPECT_TRUE(sink.messages().empty());
}

}  // namespace
}  // namespace bulkhead::delivery
