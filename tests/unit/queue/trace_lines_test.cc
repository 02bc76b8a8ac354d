#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {
namespace {

TEST(TraceLines, NameTheSiteOfEachAttempt) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) {
                     return job.domain == "to.test" ? all(job, Fate::kFailed, 550, "no") : delivered(job);
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test", "c@fine.test", "local:d@ours.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(world.trace.count("rcpt=c@fine.test reply=250 ok detail= site=site-of-fine.test;"), 1U);
  EXPECT_EQ(world.trace.count("site=site-of-to.test;"), 1U) << "bounced";
  EXPECT_EQ(world.trace.count("rcpt=d@ours.test reply=250 ok detail= site=;"), 1U) << "stays here";
  EXPECT_EQ(world.trace.count("site=site-of-from.test;"), 1U) << "the report";
}

}  // namespace
}  // namespace bulkhead::queue
