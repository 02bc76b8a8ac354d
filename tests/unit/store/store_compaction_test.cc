// Segments that are mostly dead give their space back, and every body that lives can be read as before.

#include <gtest/gtest.h>

#include "src/store/local_store.h"
#include "src/store/record.h"
#include "tests/testlib/crash_file_system.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/unit/store/compaction_books.h"
#include "tests/unit/store/rocks_on_files.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

using Loss = testlib::CrashFileSystem::Loss;

constexpr std::uint64_t kSegmentSize = 64 << 10;
constexpr std::size_t kBody = 3000;
constexpr int kPerSegment = static_cast<int>(kSegmentSize / record_size(kBody));

class StoreCompaction : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    store_.reset();
    Store::Options options;
    options.directory = "/data";
    options.segment_size = kSegmentSize;
    options.spill_at = 4 << 10;
    options.free_space_min = 4 << 20;
    options.compaction = limits_;
    auto opened = open_local_store(options, disk_, clock_, log_, std::make_shared<RocksOnFiles>(disk_));
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }
  static std::string key(int i) { return fmt::format("k{:05}", i); }
  static std::string body(int i) { return key(i) + std::string(kBody - 6, static_cast<char>('a' + i % 26)); }
  bool put(int i) { return commit(*store_, message(*store_, key(i), body(i))).has_value(); }
  bool remove(int i) {
    Transaction transaction;
    transaction.batch.remove(Family::kQueue, key(i));
    transaction.releases.push_back(*blob_of(*store_, key(i)));
    return commit(*store_, std::move(transaction)).has_value();
  }
  // `segments` full segments and the beginning of one more, in which every `step`-th body of the first ones lives.
  void fill(int segments, int step) {
    const int count = segments * kPerSegment;
    for (int i = next_; i < next_ + count + 1; ++i) ASSERT_TRUE(put(i));
    for (int i = next_; i < next_ + count; ++i) {
      if (i % step != 0) {
        ASSERT_TRUE(remove(i));
      }
    }
    next_ += count + 1;
  }
  void check_bodies() {
    for (int i = 0; i < next_; ++i) {
      const auto blob = blob_of(*store_, key(i));
      if (!blob) continue;
      ASSERT_EQ(body_of(*store_, *blob), body(i));
      ASSERT_TRUE(store_->verify_blob(*blob).has_value());
      ASSERT_EQ(*store_->read_blob(*blob, 2, 4), body(i).substr(2, 4));
    }
  }
  void reclaim(int rounds = 1) {
    for (; rounds > 0; --rounds) ASSERT_TRUE(store_->reclaim().has_value());
  }
  std::uint64_t compacted() { return store_->usage().segments_compacted; }
  std::string path(std::uint32_t segment) { return fmt::format("/data/blobs/{:010}.log", segment); }

  CompactionLimits limits_{std::chrono::nanoseconds{0}, 1 << 20};
  testlib::CrashFileSystem disk_;
  testlib::ManualClock clock_;
  testlib::RecordingLog log_;
  std::unique_ptr<Store> store_;
  int next_ = 0;
};

TEST_F(StoreCompaction, MovesWhatLivesAndGivesTheSegmentsBack) {
  fill(10, 10);
  const std::uint64_t live = store_->usage().live_bytes;
  EXPECT_EQ(read_books(*store_).segments.size(), 11U);
  reclaim(3);
  EXPECT_EQ(compacted(), 10U);
  EXPECT_EQ(store_->usage().compacted_bytes, live - record_size(kBody));
  EXPECT_EQ(store_->usage().live_bytes, live);
  EXPECT_EQ(read_books(*store_).segments.size(), 2U) << "the active one and one of copies";
  EXPECT_LE(disk_.list("/data/blobs")->size(), 6U) << "those two and four to be used again";
  check_bodies();
  open();
  EXPECT_EQ(store_->usage().live_bytes, live);
  check_bodies();
}

TEST_F(StoreCompaction, ReleasingEverythingLeavesNoRowBehind) {
  fill(4, 5);
  reclaim(2);
  EXPECT_EQ(compacted(), 4U);
  for (int i = 0; i < next_; ++i) {
    if (blob_of(*store_, key(i))) {
      ASSERT_TRUE(remove(i));
    }
  }
  EXPECT_EQ(store_->usage().live_bytes, 0U);
  const auto books = read_books(*store_);
  EXPECT_EQ(books.moved, 0U);
  EXPECT_EQ(books.deaths, 1U) << "of the segment that is still written to";
  open();
  EXPECT_EQ(read_books(*store_).segments.size(), 0U);
  EXPECT_EQ(read_books(*store_).deaths, 0U);
}

TEST_F(StoreCompaction, ASecondMoveReplacesTheRowAndLeavesNoChain) {
  fill(20, 3);
  reclaim(8);
  EXPECT_EQ(compacted(), 20U);
  for (int i = 0; i < next_; ++i) {
    if (i % 12 != 0 && blob_of(*store_, key(i))) {
      ASSERT_TRUE(remove(i));
    }
  }
  const std::size_t before = read_books(*store_).copies;
  ASSERT_GE(before, 6U);
  reclaim(8);
  EXPECT_GT(compacted(), 20U);
  const auto books = read_books(*store_);
  EXPECT_LE(books.copies, 3U);
  EXPECT_EQ(books.moved, static_cast<std::size_t>(20 * kPerSegment + 11) / 12);
  check_bodies();
  open();
  check_bodies();
  reclaim(4);
  check_bodies();
}

TEST_F(StoreCompaction, LeavesAloneWhatIsHalfFullOrWrittenTo) {
  for (; next_ < kPerSegment + 4; ++next_) ASSERT_TRUE(put(next_));
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(remove(i));
  for (int i = kPerSegment; i < kPerSegment + 3; ++i) ASSERT_TRUE(remove(i));
  reclaim(3);
  EXPECT_EQ(compacted(), 0U) << "11 of 21 bodies live, and the last segment is written to";
  ASSERT_TRUE(remove(10));
  reclaim();
  EXPECT_EQ(compacted(), 1U);
  check_bodies();
}

TEST_F(StoreCompaction, WaitsUntilASegmentHasBeenMostlyDeadForAWhile) {
  limits_.after = std::chrono::hours{1};
  open();
  fill(2, 10);
  reclaim(2);
  clock_.advance(std::chrono::minutes{59});
  reclaim(2);
  EXPECT_EQ(compacted(), 0U);
  clock_.advance(std::chrono::minutes{1});
  reclaim(2);
  EXPECT_EQ(compacted(), 2U);
}

TEST_F(StoreCompaction, NeverHappensWithoutBytesToSpend) {
  limits_.bytes_per_round = 0;
  open();
  fill(2, 10);
  reclaim(5);
  EXPECT_EQ(compacted(), 0U);
}

TEST_F(StoreCompaction, ARoundCostsNoMoreThanItMay) {
  limits_.bytes_per_round = 2 * record_size(kBody);
  open();
  fill(1, 4);
  int rounds = 0;
  for (; compacted() == 0 && rounds < 100; ++rounds) reclaim();
  EXPECT_GE(rounds, kPerSegment / 2 + 5) << "looks at two bodies a round, then copies one";
  EXPECT_LE(rounds, kPerSegment / 2 + 9);
  check_bodies();
}

TEST_F(StoreCompaction, WhatDiesBesideTheCopyIsNotKept) {
  limits_.bytes_per_round = 2 * record_size(kBody);
  open();
  fill(1, 3);
  std::vector<int> living;
  for (int i = 0; i < kPerSegment; ++i) {
    if (blob_of(*store_, key(i))) living.push_back(i);
  }
  ASSERT_EQ(living.size(), 7U);
  for (std::size_t i = 0; i + 1 < living.size(); ++i) {  // one a few rounds, before, while and after it is copied
    reclaim(2);
    ASSERT_EQ(compacted(), 0U);
    ASSERT_TRUE(remove(living[i]));
  }
  for (int i = 0; compacted() == 0 && i < 20; ++i) reclaim();
  EXPECT_EQ(compacted(), 1U);
  EXPECT_EQ(read_books(*store_).moved, 1U);
  EXPECT_EQ(store_->usage().live_bytes, 2 * record_size(kBody));
  check_bodies();
}

TEST_F(StoreCompaction, ASegmentThatDiesWhileItIsCopiedIsForgotten) {
  limits_.bytes_per_round = 2 * record_size(kBody);
  open();
  fill(1, 10);
  reclaim(12);
  for (int i = 0; i < kPerSegment; ++i) {
    if (blob_of(*store_, key(i))) {
      ASSERT_TRUE(remove(i));
    }
  }
  reclaim(10);
  EXPECT_EQ(compacted(), 0U);
  EXPECT_EQ(read_books(*store_).segments.size(), 1U);
  fill(1, 5);
  for (int i = 0; compacted() == 0 && i < 40; ++i) reclaim();
  EXPECT_EQ(compacted(), 1U);
  check_bodies();
}

TEST_F(StoreCompaction, ASharedBodyKeepsItsHoldersWhereverItLies) {
  const auto committed = commit(*store_, with_body(*store_, body(0), 3));
  ASSERT_TRUE(committed.has_value());
  const BlobRef blob = committed->blobs[0];
  fill(1, 1000);
  for (int left = 2; left >= 0; --left) {
    reclaim(2);
    EXPECT_EQ(compacted(), left == 2 ? 1U : 0U);
    EXPECT_EQ(body_of(*store_, blob), body(0));
    Transaction release;
    release.releases.push_back(blob);
    ASSERT_TRUE(commit(*store_, std::move(release)).has_value());
    open();
  }
  EXPECT_EQ(store_->read_blob(blob, 0, blob.length).error().code, ErrorCode::kNotFound);
  EXPECT_EQ(read_books(*store_).moved, 1U) << "the one of fill()";
  EXPECT_EQ(store_->usage().live_bytes, 2 * record_size(kBody));
}

TEST_F(StoreCompaction, ReleasingAMovedBodyTwiceIsReportedAndChangesNothing) {
  fill(1, 10);
  const BlobRef blob = *blob_of(*store_, key(0));
  reclaim(2);
  const std::uint64_t live = store_->usage().live_bytes;
  log_.expect("though nobody held it");
  Transaction twice;
  twice.releases = {blob, blob};
  ASSERT_TRUE(commit(*store_, std::move(twice)).has_value());
  Transaction again;
  again.releases = {blob};
  ASSERT_TRUE(commit(*store_, std::move(again)).has_value());
  EXPECT_EQ(store_->usage().live_bytes, live - record_size(kBody));
}

TEST_F(StoreCompaction, ADamagedBodyStaysWhereItIsAndIsNamedOnce) {
  fill(3, 7);
  const BlobRef damaged = *blob_of(*store_, key(7));
  disk_.flip_bit(path(damaged.segment), damaged.offset + kRecordHeaderSize + 1234);
  log_.expect(fmt::format("segment {} is not compacted and keeps its space: the body at segment {} offset {} fails",
                          damaged.segment, damaged.segment, damaged.offset));
  reclaim(10);
  EXPECT_EQ(compacted(), 2U);
  EXPECT_TRUE(read_books(*store_).segments.contains(damaged.segment));
  EXPECT_EQ(store_->read_blob(damaged, 0, damaged.length).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(body_of(*store_, *blob_of(*store_, key(14))), body(14));
}

TEST_F(StoreCompaction, ASegmentWithoutCompleteBooksKeepsItsSpace) {
  fill(2, 7);
  Transaction forget;
  forget.batch.remove_range(Family::kBlob, "d", "e");
  ASSERT_TRUE(commit(*store_, std::move(forget)).has_value());
  log_.expect("has no complete books");
  reclaim(5);
  EXPECT_EQ(compacted(), 0U);
  check_bodies();
}

TEST_F(StoreCompaction, AReaderOfTheOldSegmentFinishes) {
  fill(2, 10);
  const BlobRef blob = *blob_of(*store_, key(0));
  std::string text = *store_->read_blob(blob, 0, 1000);
  reclaim(2);
  ASSERT_EQ(compacted(), 2U);
  for (int i = 0; i < 8 * kPerSegment; ++i) {  // the old segments are used again
    ASSERT_TRUE(put(next_));
    ++next_;
  }
  text += *store_->read_blob(blob, 1000, kBody);
  EXPECT_EQ(text, body(0));
}

}  // namespace
}  // namespace bulkhead::store
