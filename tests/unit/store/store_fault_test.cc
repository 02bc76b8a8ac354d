// Disks that fill up, fail and lie, on the simulated disk.

#include <gtest/gtest.h>

#include "src/store/local_store.h"
#include "src/store/record.h"
#include "src/store/space_watch.h"
#include "tests/testlib/crash_file_system.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/unit/store/rocks_on_files.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

using Loss = testlib::CrashFileSystem::Loss;

class StoreFault : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    store_.reset();
    Store::Options options;
    options.directory = "/data";
    options.segment_size = 64 << 10;
    options.spill_at = 4 << 10;
    options.free_space_min = 4 << 20;
    auto opened = open_local_store(options, disk_, clock_, log_, std::make_shared<RocksOnFiles>(disk_));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }
  bool put(const std::string& key, std::size_t size = 1000) {
    return commit(*store_, message(*store_, key, std::string(size, 'b'))).has_value();
  }
  bool remove(const std::string& key) {
    Transaction transaction;
    transaction.batch.remove(Family::kQueue, key);
    transaction.releases.push_back(*blob_of(*store_, key));
    return commit(*store_, std::move(transaction)).has_value();
  }
  void later() { clock_.advance(std::chrono::milliseconds{100}); }
  std::size_t blob_files() { return disk_.list("/data/blobs")->size(); }

  testlib::CrashFileSystem disk_;
  testlib::ManualClock clock_;
  testlib::RecordingLog log_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreFault, NothingIsAcknowledgedAfterAFailedSyncOfBodies) {
  ASSERT_TRUE(put("before"));
  log_.expect("nothing is acknowledged any more");
  disk_.fail_sync(1, ".log");
  const auto refused = commit(*store_, message(*store_, "lost", "x"));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  // The kernel would report success from here on; the store does not believe it.
  Transaction metadata;
  metadata.batch.put(Family::kMeta, "k", "v");
  EXPECT_EQ(commit(*store_, std::move(metadata)).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(store_->accepts_new().error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(store_->usage().is_writable);
  EXPECT_NE(store_->usage().trouble.find("failed write"), std::string::npos);
  EXPECT_EQ(body_of(*store_, *blob_of(*store_, "before")), std::string(1000, 'b'));

  disk_.restart(Loss::kUnsynced, 1);
  open();
  EXPECT_TRUE(store_->accepts_new().has_value());
  EXPECT_FALSE(blob_of(*store_, "lost").has_value());
  EXPECT_TRUE(put("after"));
}

TEST_F(StoreFault, NothingIsAcknowledgedAfterAFailedSyncOfTheMetadataLog) {
  ASSERT_TRUE(put("before"));
  log_.expect("nothing is acknowledged any more");
  Transaction metadata;
  metadata.batch.put(Family::kMeta, "k", "v");
  disk_.fail_sync(1, "/data/kv/");
  EXPECT_EQ(commit(*store_, std::move(metadata)).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(put("no"));
  disk_.restart(Loss::kUnsynced, 1);
  open();
  EXPECT_TRUE(blob_of(*store_, "before").has_value());
  EXPECT_TRUE(put("after"));
}

TEST_F(StoreFault, AFailedSyncOfTheDirectoryIsFinalToo) {
  log_.expect("nothing is acknowledged any more");
  disk_.fail_sync(1, "/data/blobs");
  EXPECT_FALSE(put("k"));
  EXPECT_EQ(store_->accepts_new().error().code, ErrorCode::kUnavailable);
}

TEST_F(StoreFault, AShortWriteFailsItsGroupAndIsWrittenOver) {
  ASSERT_TRUE(put("before"));
  disk_.fail_write(1, ".log");
  const auto refused = commit(*store_, message(*store_, "short", std::string(1000, 's')));
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
  EXPECT_FALSE(blob_of(*store_, "short").has_value());
  ASSERT_TRUE(put("after"));
  EXPECT_EQ(blob_of(*store_, "after")->offset, record_size(1000));
  open();
  EXPECT_EQ(body_of(*store_, *blob_of(*store_, "before")), std::string(1000, 'b'));
  EXPECT_EQ(body_of(*store_, *blob_of(*store_, "after")), std::string(1000, 'b'));
}

TEST_F(StoreFault, AFailedSpillFailsItsTransactionAlone) {
  auto writer = store_->new_blob();
  disk_.fail_write(1, ".blob");
  auto appended = writer->append(std::string(300 << 10, 'x'));
  EXPECT_EQ(appended.error().code, ErrorCode::kIo);
  EXPECT_EQ(writer->append("more").error().code, ErrorCode::kIo);
  Transaction bad;
  bad.blobs.push_back({std::move(writer)});
  auto bad_answer = commit_later(*store_, std::move(bad));
  auto good_answer = commit_later(*store_, message(*store_, "good", "y"));
  EXPECT_FALSE(bad_answer.get().has_value());
  EXPECT_TRUE(good_answer.get().has_value());
  // The failed one's file goes with its writer, which the committer lets go of after its answer.
  for (int i = 0; i < 100000 && blob_files() > 1; ++i) ASSERT_TRUE(store_->reclaim().has_value());
  EXPECT_EQ(blob_files(), 1U);
}

TEST_F(StoreFault, AFullDiskRefusesNewMailButDeletesOld) {
  ASSERT_TRUE(put("a"));
  ASSERT_TRUE(put("b"));
  EXPECT_TRUE(store_->accepts_new().has_value());
  disk_.set_capacity(1 << 20);
  later();
  const auto full = store_->accepts_new();
  ASSERT_FALSE(full.has_value());
  EXPECT_EQ(full.error().code, ErrorCode::kFull);
  EXPECT_FALSE(store_->usage().is_writable);
  EXPECT_EQ(commit(*store_, message(*store_, "new", "x")).error().code, ErrorCode::kFull);
  EXPECT_TRUE(remove("a"));
  EXPECT_FALSE(blob_of(*store_, "a").has_value());

  disk_.set_capacity(1ULL << 30);
  EXPECT_FALSE(store_->accepts_new().has_value()) << "asked again before 100 ms have passed";
  later();
  EXPECT_TRUE(store_->accepts_new().has_value());
  EXPECT_TRUE(put("new"));
  EXPECT_EQ(body_of(*store_, *blob_of(*store_, "b")), std::string(1000, 'b'));
}

TEST_F(StoreFault, FreeSpaceIsEnoughAtTheLimit) {
  store_->close();
  const std::uint64_t free = *disk_.free_space("/data");
  const std::uint64_t used = (1ULL << 30) - free;
  const std::uint64_t least = 4 << 20;
  for (const std::uint64_t left : {least - 1, least, least + 1}) {
    disk_.set_capacity(used + left);
    SpaceWatch watch{{"/data", least}, disk_, clock_};
    EXPECT_EQ(watch.check().has_value(), left >= least) << left;
  }
}

TEST_F(StoreFault, DeletionsLiveOnTheReserveWhenNothingIsLeft) {
  for (int i = 0; i < 40; ++i) ASSERT_TRUE(put("k" + std::to_string(i), 3000));
  const std::uint64_t used = (1ULL << 30) - *disk_.free_space("/data");
  disk_.set_capacity(used);
  later();
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(remove("k" + std::to_string(i))) << i;
  // A megabyte of log is prepared ahead; more than that needs the reserve.
  Transaction large;
  for (int i = 0; i < 12; ++i) large.batch.put(Family::kMeta, "large" + std::to_string(i), std::string(100'000, 'v'));
  EXPECT_TRUE(commit(*store_, std::move(large)).has_value());
  EXPECT_EQ(store_->accepts_new().error().code, ErrorCode::kFull);
  disk_.set_capacity(1ULL << 30);
  later();
  EXPECT_TRUE(put("again"));
}

TEST_F(StoreFault, DeadSegmentsAreUsedAgain) {
  for (int i = 0; i < 200; ++i) {
    const std::string key = "k" + std::to_string(i);
    ASSERT_TRUE(put(key, 3000));
    ASSERT_TRUE(i < 10 || remove("k" + std::to_string(i - 10)));
  }
  EXPECT_LE(blob_files(), 4U) << "600 KB went through; less than 64 KB of it is live";
  EXPECT_EQ(store_->usage().live_bytes, 10 * record_size(3000));
  for (int i = 190; i < 200; ++i) {
    EXPECT_EQ(body_of(*store_, *blob_of(*store_, "k" + std::to_string(i))), std::string(3000, 'b'));
  }
}

TEST_F(StoreFault, ADeadSegmentCannotBeReadAnyMore) {
  ASSERT_TRUE(put("large", 50'000));
  const BlobRef blob = *blob_of(*store_, "large");
  ASSERT_TRUE(remove("large"));
  EXPECT_EQ(store_->read_blob(blob, 0, 100).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(blob_files(), 1U);
  ASSERT_TRUE(store_->reclaim().has_value());
  EXPECT_EQ(blob_files(), 0U);
}

TEST_F(StoreFault, ASharedBodyLivesUntilItsLastHolderIsGone) {
  Transaction transaction = with_body(*store_, std::string(50'000, 's'), 3);
  const auto committed = commit(*store_, std::move(transaction));
  ASSERT_TRUE(committed.has_value());
  const BlobRef blob = committed->blobs[0];
  EXPECT_TRUE(blob.is_shared);
  for (int left = 2; left >= 0; --left) {
    EXPECT_EQ(body_of(*store_, blob), std::string(50'000, 's'));
    Transaction release;
    release.releases.push_back(blob);
    ASSERT_TRUE(commit(*store_, std::move(release)).has_value());
    if (left == 1) open();
  }
  EXPECT_FALSE(store_->read_blob(blob, 0, 10).has_value());
  EXPECT_EQ(store_->usage().live_bytes, 0U);
}

TEST_F(StoreFault, TwoHoldersLeavingInOneTransactionCountTwice) {
  const auto committed = commit(*store_, with_body(*store_, "shared", 2));
  Transaction release;
  release.releases = {committed->blobs[0], committed->blobs[0]};
  ASSERT_TRUE(commit(*store_, std::move(release)).has_value());
  EXPECT_EQ(store_->usage().live_bytes, 0U);
}

TEST_F(StoreFault, OneReleaseTooManyIsReportedAndChangesNothing) {
  const auto committed = commit(*store_, with_body(*store_, "shared", 2));
  Transaction release;
  release.releases = {committed->blobs[0], committed->blobs[0], committed->blobs[0]};
  log_.expect("released more often");
  ASSERT_TRUE(commit(*store_, std::move(release)).has_value());
  EXPECT_EQ(store_->usage().live_bytes, 0U);
}

TEST_F(StoreFault, SegmentNumbersAreNeverUsedTwice) {
  std::uint32_t last = 0;
  for (int round = 0; round < 5; ++round) {
    ASSERT_TRUE(put("large", 50'000));
    const std::uint32_t segment = blob_of(*store_, "large")->segment;
    EXPECT_GT(segment, last);
    last = segment;
    ASSERT_TRUE(remove("large"));
    ASSERT_TRUE(store_->reclaim().has_value());
    if (round % 2 == 0) disk_.restart(Loss::kUnsynced, 1);
    if (round % 2 == 0) log_.expect("orderly end");
    if (round % 2 == 0) log_.expect("nothing is acknowledged");
    open();
  }
}

TEST_F(StoreFault, CountsCommitsGroupsAndLatency) {
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(put("k" + std::to_string(i)));
  const auto usage = store_->usage();
  EXPECT_EQ(usage.commits, 10U);
  EXPECT_EQ(usage.groups, 10U);
  EXPECT_EQ(usage.live_bytes, 10 * record_size(1000));
  EXPECT_EQ(usage.segments, 1U);
  EXPECT_GE(usage.bytes, usage.live_bytes);
  EXPECT_TRUE(usage.is_writable);
}

}  // namespace
}  // namespace bulkhead::store
