#include "src/app/restriction_publisher.h"

#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::app {
namespace {

using reputation::Key;
using reputation::Restriction;
using std::chrono::milliseconds;

class RestrictionPublisherTest : public ::testing::Test {
 protected:
  static IpAddress client(std::size_t n) {
    return IpAddress::v4(
        {10, static_cast<std::uint8_t>(n >> 16), static_cast<std::uint8_t>(n >> 8), static_cast<std::uint8_t>(n)});
  }
  void restrict_client(std::size_t n) { publisher.put(Key::client(client(n)), Restriction{.until = clock.now()}); }
  bool is_restricted(std::size_t n) const { return board.current()->of_client(client(n)) != nullptr; }

  testlib::ManualClock clock;
  reputation::RestrictionBoard board;
  RestrictionPublisher publisher{board, clock};
};

TEST_F(RestrictionPublisherTest, PublishesSendersAtOnceAndTheFirstClientToo) {
  restrict_client(1);
  EXPECT_EQ(publisher.publish(), std::nullopt);
  EXPECT_TRUE(is_restricted(1));
  restrict_client(2);
  const Key domain = Key::domain("acme.example");
  publisher.put(domain, Restriction{.until = clock.now()});
  EXPECT_EQ(publisher.publish(), milliseconds{100});
  EXPECT_NE(board.current()->of(domain), nullptr);
  EXPECT_TRUE(is_restricted(1));
  EXPECT_FALSE(is_restricted(2)) << "its turn has not come";
  clock.advance(milliseconds{99});
  EXPECT_EQ(publisher.publish(), milliseconds{1});
  clock.advance(milliseconds{1});
  EXPECT_EQ(publisher.publish(), std::nullopt);
  EXPECT_TRUE(is_restricted(2));
  publisher.take_off(Key::client(client(1)));
  clock.advance(milliseconds{100});
  publisher.publish();
  EXPECT_FALSE(is_restricted(1));
}

TEST_F(RestrictionPublisherTest, CopiesManyClientsTheMoreRarely) {
  constexpr std::size_t kClients = 50'000;
  int copies = 0;
  std::size_t told = 0;
  for (std::size_t n = 1; n <= kClients; ++n) {
    restrict_client(n);
    const bool is_waiting = publisher.publish().has_value();
    if (!is_waiting) told = n, ++copies;
    clock.advance(milliseconds{1});
  }
  EXPECT_LE(copies, 300) << "in fifty seconds, not one for each";
  EXPECT_GE(told, kClients - 500) << "half a second behind at most";
  clock.advance(milliseconds{500});
  EXPECT_EQ(publisher.publish(), std::nullopt);
  EXPECT_TRUE(is_restricted(kClients));
}

}  // namespace
}  // namespace bulkhead::app
