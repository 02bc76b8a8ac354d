#include "netpolicy/limits/bucket_storage.h"

#include <gtest/gtest.h>

#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"

namespace bulkhead::netpolicy {
namespace {

class BucketStorageTest : public ::testing::Test {
 protected:
  // The buckets of one life of the program.
  struct Life {
    explicit Life(BucketStorageTest& test) : limiter(test.clock_), storage(limiter, test.store_, test.log_) {}
    void take(const char* key, std::uint64_t amount) {
      const auto rate = tenants::Rate::parse("10/1h").value();
      const Ticks now = limiter.timeline().now();
      EXPECT_TRUE(limiter.table().find(key, rate, now)->reserve(Meter{rate}, amount, now));
    }
    std::uint64_t used(const char* key) {
      const auto bucket = limiter.table().peek(key);
      return bucket ? bucket->used(Meter{tenants::Rate::parse("10/1h").value()}, limiter.timeline().now()) : 0;
    }
    Limiter limiter;
    BucketStorage storage;
  };

  testlib::ManualClock clock_;
  testlib::FakeStore store_;
  testlib::RecordingLog log_;
};

TEST_F(BucketStorageTest, WhatIsUsedIsStillUsedAfterARestart) {
  Life before{*this};
  before.take("a", 7);
  before.take("b", 2);
  before.storage.save();
  clock_.advance(std::chrono::minutes{12});
  Life after{*this};
  ASSERT_TRUE(after.storage.load());
  EXPECT_EQ(after.used("a"), 5U);
  EXPECT_EQ(after.used("b"), 0U);
}

TEST_F(BucketStorageTest, TheEndStoresTheRest) {
  Life before{*this};
  before.storage.save();
  before.take("a", 7);
  ASSERT_TRUE(before.storage.save_and_wait());
  Life after{*this};
  ASSERT_TRUE(after.storage.load());
  EXPECT_EQ(after.used("a"), 7U);
}

TEST_F(BucketStorageTest, AClockThatWasSetBackFreesAndStretchesNothing) {
  Life before{*this};
  before.take("a", 7);
  before.storage.save();
  clock_.step(std::chrono::hours{-24});
  Life after{*this};
  ASSERT_TRUE(after.storage.load());
  EXPECT_EQ(after.used("a"), 7U);
  clock_.advance(std::chrono::minutes{6});
  EXPECT_EQ(after.used("a"), 6U);
}

TEST_F(BucketStorageTest, ForgetsWhatHasComeBack) {
  Life life{*this};
  life.take("a", 7);
  life.storage.save();
  clock_.advance(std::chrono::hours{1});
  for (int i = 0; i < 8; ++i) life.storage.save();
  std::size_t buckets = 0;
  for (const auto& [key, value] : store_.fake_kv().contents(store::Family::kMeta))
    buckets += key.starts_with("limit/b");
  EXPECT_EQ(buckets, 0U);
}

TEST_F(BucketStorageTest, AStoreThatFailsIsSaidOnceAndLosesNothing) {
  Life before{*this};
  log_.expect("cannot be stored");
  store_.fail_commits(Error{ErrorCode::kFull, "the disk is full", {}}, 2);
  before.take("a", 7);
  before.storage.save();
  before.storage.save();
  EXPECT_EQ(before.storage.failures(), 2U);
  EXPECT_EQ(before.used("a"), 7U);
  before.storage.save();
  Life after{*this};
  ASSERT_TRUE(after.storage.load());
  EXPECT_EQ(after.used("a"), 7U);
}

TEST_F(BucketStorageTest, RowsThatCannotBeReadArePassedOver) {
  Life before{*this};
  before.take("a", 7);
  before.storage.save();
  store::Batch batch;
  batch.put(store::Family::kMeta, "limit/bb", "garbage");
  store_.fake_kv().apply(batch, {});
  log_.expect("could not be read");
  Life after{*this};
  ASSERT_TRUE(after.storage.load());
  EXPECT_EQ(after.used("a"), 7U);
}

}  // namespace
}  // namespace bulkhead::netpolicy
