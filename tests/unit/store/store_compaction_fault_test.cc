// Compaction on disks that fill up and fail: mail is taken as if there were none, and nothing is lost.

#include <gtest/gtest.h>

#include "src/store/record.h"
#include "tests/unit/store/compaction_books.h"
#include "tests/unit/store/crash_world.h"

namespace bulkhead::store {
namespace {

constexpr std::size_t kBody = 3000;

class CompactionFault : public ::testing::Test {
 protected:
  void SetUp() override {
    world_.compaction = {std::chrono::nanoseconds{0}, 1 << 20};
    open();
    for (int i = 0; i < 110; ++i) put(i);  // five segments and a little
    for (int i = 0; i < 105; ++i) {
      if (i % 10 != 0) world_.remove_and_wait(*store_, "k" + std::to_string(i));
    }
  }
  void open() {
    store_.reset();
    auto opened = world_.open_store();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }
  void put(int i) {
    const std::string key = "k" + std::to_string(i);
    world_.put_and_wait(*store_, key, kBody);
    ASSERT_TRUE(world_.expected[key].is_promised);
  }
  std::uint64_t reclaim() {
    [[maybe_unused]] const auto reclaimed = store_->reclaim();
    return store_->usage().segments_compacted;
  }
  void rest() { world_.clock.advance(std::chrono::minutes{1}); }
  // The disk has `free` bytes left.
  void leave(std::uint64_t free) {
    world_.disk.set_capacity(1ULL << 30);
    world_.disk.set_capacity((1ULL << 30) - *world_.disk.free_space("/data") + free);
    world_.clock.advance(std::chrono::seconds{1});
  }

  World world_;
  std::unique_ptr<Store> store_;
};

constexpr std::uint64_t kFreeMin = 256 << 10;  // of the world

TEST_F(CompactionFault, NewMailIsNotRefusedForWantOfTheRoomThatCopiesTake) {
  const std::uint64_t first = store_->usage().live_bytes / 6;  // no less than what lives in the first segment
  leave(kFreeMin + record_size(kBody));
  EXPECT_EQ(reclaim(), 0U);
  ASSERT_TRUE(store_->accepts_new().has_value());
  leave(kFreeMin + first);
  EXPECT_GE(reclaim(), 1U);
  EXPECT_TRUE(store_->accepts_new().has_value());
  world_.check(*store_);
}

TEST_F(CompactionFault, AFullDiskIsEmptiedByCompaction) {
  leave(kFreeMin / 2);
  ASSERT_FALSE(store_->accepts_new().has_value());
  EXPECT_EQ(reclaim(), 5U);
  world_.clock.advance(std::chrono::seconds{1});
  world_.check(*store_);
  read_books(*store_);
}

TEST_F(CompactionFault, AtTheLastBlocksItLeavesThemToDeletions) {
  leave(kFreeMin / 4 - 1);
  EXPECT_EQ(reclaim(), 0U);
  world_.remove_and_wait(*store_, "k0");
  EXPECT_TRUE(world_.expected["k0"].is_removal_promised);
  world_.check(*store_);
}

TEST_F(CompactionFault, AFailedWriteOfACopyIsTriedAgainAfterARest) {
  world_.log.expect("compaction rests for a minute");
  world_.disk.fail_write(1, "/data/blobs/");
  EXPECT_EQ(reclaim(), 0U);
  EXPECT_EQ(reclaim(), 0U);
  put(200);
  world_.check(*store_);
  rest();
  EXPECT_EQ(reclaim(), 5U);
  world_.check(*store_);
  read_books(*store_);
}

TEST_F(CompactionFault, AFailedSyncOfACopyEndsCompactionButNotMail) {
  world_.log.expect("compaction stops until a restart");
  world_.disk.fail_sync(1, ".log");
  EXPECT_EQ(reclaim(), 0U);
  rest();
  EXPECT_EQ(reclaim(), 0U);
  put(200);
  world_.check(*store_);
  open();
  EXPECT_EQ(reclaim(), 5U);
  world_.check(*store_);
}

// Whether the commit that moves the bodies is on the disk is known after the restart alone.
TEST_F(CompactionFault, AFailedCommitOfTheMoveLosesNothing) {
  world_.log.expect("nothing is acknowledged any more");
  world_.log.expect("orderly end");
  for (const Loss loss : {Loss::kUnsynced, Loss::kNothing}) {
    world_.disk.fail_sync(1, "/data/kv/");
    EXPECT_EQ(reclaim(), 0U);
    EXPECT_EQ(reclaim(), 0U);
    store_.reset();
    world_.disk.restart(loss, 1);
    open();
    world_.check(*store_);
    read_books(*store_);
  }
  reclaim();
  EXPECT_LE(read_books(*store_).segments.size(), 2U);
  world_.check(*store_);
}

TEST_F(CompactionFault, AMoveThatFindsNoRoomForItsRowsIsHandedOverAgain) {
  world_.compaction.bytes_per_round = 1;
  open();
  for (int i = 0; i < 23; ++i) ASSERT_EQ(reclaim(), 0U);  // 21 bodies looked at, 2 copied
  const auto write = [&](std::size_t size) {
    Transaction metadata;
    metadata.batch.put(Family::kMeta, "k", std::string(size, 'v'));
    return commit(*store_, std::move(metadata));
  };
  leave(0);
  for (const std::size_t size : {100'000, 10'000, 1'000, 100, 1}) {
    for (int i = 0; i < 1'000 && write(size); ++i) {
    }
  }
  ASSERT_EQ(write(1).error().code, ErrorCode::kFull);
  EXPECT_EQ(reclaim(), 0U);
  world_.check(*store_);
  leave(1 << 20);
  EXPECT_EQ(reclaim(), 0U) << "it rests for a minute";
  rest();
  EXPECT_EQ(reclaim(), 1U);
  world_.check(*store_);
  EXPECT_EQ(read_books(*store_).moved, 2U);
}

}  // namespace
}  // namespace bulkhead::store
