#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

RetryPolicy no_retry_before_the_expiry() {
  RetryPolicy retry;
  retry.intervals = {hours{24 * 30}};
  retry.warn_after = seconds{0};
  return retry;
}

Outcome deferred(const Job& job) {
  return all(job, Fate::kDeferred, 451, "later");
}

class Restart : public testing::Test {
 protected:
  // A message that has been tried once, and a server that has stopped.
  Restart() {
    QueueWorld world{store_, deferred, no_retry_before_the_expiry()};
    EXPECT_TRUE(world.accept("a@from.test", {"b@to.test"}));
    EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  }
  testlib::FakeStore store_;
};

TEST_F(Restart, WhatExpiredMeanwhileIsTriedOnceMore) {
  for (const auto away : {hours{24 * 6}, hours{24 * 365 * 12}}) {
    std::atomic<int> tried{0};
    QueueWorld world{store_,
                     [&](const Job& job) {
                       ++tried;
                       return deferred(job);
                     },
                     no_retry_before_the_expiry(),
                     2,
                     {.clock_ahead = away}};
    EXPECT_TRUE(world.eventually([&] { return tried == 1 && world.counts().scheduled == 1; }));
    EXPECT_EQ(world.trace.count("kind=8 "), 0U) << "expired";
  }
  QueueWorld world{store_,
                   [](const Job& job) { return delivered(job); },
                   no_retry_before_the_expiry(),
                   2,
                   {.clock_ahead = hours{24 * 365 * 24}}};
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(world.trace.count("kind=8 "), 0U);
  EXPECT_EQ(world.trace.count("kind=6 "), 1U) << "delivered";
}

TEST_F(Restart, WhatIsDeferredThenExpires) {
  std::atomic<int> reports{0};
  QueueWorld world{store_,
                   [&](const Job& job) {
                     if (job.domain == "to.test") return deferred(job);
                     ++reports;
                     return delivered(job);
                   },
                   no_retry_before_the_expiry(),
                   2,
                   {.clock_ahead = hours{24 * 6}}};
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  world.clock.advance(minutes{61});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(world.trace.count("kind=8 "), 1U);
}

TEST_F(Restart, WhatHasTimeLeftWaitsForItsAttempt) {
  std::atomic<int> tried{0};
  QueueWorld world{store_,
                   [&](const Job& job) {
                     ++tried;
                     return deferred(job);
                   },
                   no_retry_before_the_expiry(),
                   2,
                   {.clock_ahead = hours{24}}};
  EXPECT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().scheduled == 1; }));
  EXPECT_EQ(tried, 0);
}

}  // namespace
}  // namespace bulkhead::queue
