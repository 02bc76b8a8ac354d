#include "src/store/store.h"

#include <array>
#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

// On the operating system's files.
class StoreTest : public ::testing::Test {
 protected:
  void open() {
    store_.reset();
    Store::Options options;
    options.directory = directory_.path();
    options.segment_size = 256 << 10;
    options.spill_at = 16 << 10;
    auto opened = Store::open(options, *files_, clock_, log_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
  }
  void SetUp() override { open(); }

  testlib::TemporaryDirectory directory_;
  std::unique_ptr<FileSystem> files_ = make_posix_file_system();
  testlib::ManualClock clock_;
  testlib::RecordingLog log_;
  std::unique_ptr<Store> store_;
};

TEST_F(StoreTest, ReadsBackWhatWasCommitted) {
  const auto committed = commit(*store_, message(*store_, "k", "hello"));
  ASSERT_TRUE(committed.has_value()) << committed.error().message;
  ASSERT_EQ(committed->blobs.size(), 1U);
  EXPECT_EQ(body_of(*store_, committed->blobs[0]), "hello");
  EXPECT_EQ(blob_of(*store_, "k"), committed->blobs[0]);
  EXPECT_TRUE(store_->verify_blob(committed->blobs[0]).has_value());
  EXPECT_EQ(*store_->read_blob(committed->blobs[0], 1, 3), "ell");
  EXPECT_EQ(*store_->read_blob(committed->blobs[0], 5, 3), "");
  EXPECT_EQ(*store_->read_blob(committed->blobs[0], 4, 100), "o");
}

TEST_F(StoreTest, KeepsEverythingWhenItIsOpenedAgain) {
  for (int round = 0; round < 5; ++round) {
    const std::string key = "k" + std::to_string(round);
    ASSERT_TRUE(commit(*store_, message(*store_, key, "body of " + key)).has_value());
    open();
    for (int i = 0; i <= round; ++i) {
      const std::string old = "k" + std::to_string(i);
      const auto blob = blob_of(*store_, old);
      ASSERT_TRUE(blob.has_value());
      EXPECT_EQ(body_of(*store_, *blob), "body of " + old);
    }
  }
}

TEST_F(StoreTest, SpillsAtTheLimitOnly) {
  const std::size_t limit = 16 << 10;
  for (const std::size_t size : {std::size_t{0}, limit - 1, limit, limit + 1, 5 * limit, 40 * limit}) {
    const std::string body(size, 'x');
    const auto committed = commit(*store_, message(*store_, "k" + std::to_string(size), body));
    ASSERT_TRUE(committed.has_value()) << committed.error().message;
    const auto names = files_->list(directory_.path() + "/blobs");
    const auto own = std::count_if(names->begin(), names->end(), [&](const std::string& name) {
      return name == fmt::format("{:010}.blob", committed->blobs[0].segment);
    });
    EXPECT_EQ(own, size > limit ? 1 : 0) << size;
    EXPECT_EQ(body_of(*store_, committed->blobs[0]), body);
    EXPECT_TRUE(store_->verify_blob(committed->blobs[0]).has_value());
  }
}

TEST_F(StoreTest, ABodyThatArrivesInPiecesIsOne) {
  Transaction transaction;
  transaction.blobs.push_back({store_->new_blob()});
  std::string body;
  for (int i = 0; i < 3000; ++i) {
    const std::string piece = std::to_string(i) + "\r\n";
    ASSERT_TRUE(transaction.blobs[0].writer->append(piece).has_value());
    body += piece;
  }
  EXPECT_EQ(transaction.blobs[0].writer->size(), body.size());
  const auto committed = commit(*store_, std::move(transaction));
  ASSERT_TRUE(committed.has_value());
  EXPECT_EQ(body_of(*store_, committed->blobs[0]), body);
}

TEST_F(StoreTest, ALargeBodyThatIsDroppedLeavesNothingBehind) {
  auto writer = store_->new_blob();
  ASSERT_TRUE(writer->append(std::string(100 << 10, 'x')).has_value());
  EXPECT_EQ(files_->list(directory_.path() + "/blobs")->size(), 1U);
  writer.reset();
  ASSERT_TRUE(store_->reclaim().has_value());
  EXPECT_TRUE(files_->list(directory_.path() + "/blobs")->empty());
}

TEST_F(StoreTest, AppliesEveryKindOfOperation) {
  Transaction first;
  for (const char* key : {"a", "b", "c", "d"}) first.batch.put(Family::kMailbox, key, key);
  first.batch.add(Family::kMailbox, "n", 5);
  ASSERT_TRUE(commit(*store_, std::move(first)).has_value());
  Transaction second;
  second.batch.remove(Family::kMailbox, "a");
  second.batch.remove_range(Family::kMailbox, "b", "d");
  second.batch.add(Family::kMailbox, "n", -7);
  ASSERT_TRUE(commit(*store_, std::move(second)).has_value());
  std::string keys;
  const auto visit = [&](std::string_view key, std::string_view) {
    keys += key;
    return true;
  };
  ASSERT_TRUE(store_->kv().scan(Family::kMailbox, "", "", Kv::Direction::kForward, visit).has_value());
  EXPECT_EQ(keys, "dn");
  EXPECT_EQ(static_cast<std::int64_t>((**store_->kv().get(Family::kMailbox, "n"))[0]), -2);
  keys.clear();
  ASSERT_TRUE(store_->kv().scan(Family::kMailbox, "a", "n", Kv::Direction::kReverse, visit).has_value());
  EXPECT_EQ(keys, "d");
}

TEST_F(StoreTest, AWrongTransactionFailsAlone) {
  Transaction wrong = message(*store_, "wrong", "x");
  wrong.batch.put_with_blob(Family::kQueue, "worse", "", 1);
  auto bad = commit_later(*store_, std::move(wrong));
  auto good = commit_later(*store_, message(*store_, "good", "y"));
  EXPECT_EQ(bad.get().error().code, ErrorCode::kInvalid);
  EXPECT_TRUE(good.get().has_value());
  EXPECT_FALSE(blob_of(*store_, "wrong").has_value());
}

TEST_F(StoreTest, RefusesCommitsAfterClose) {
  store_->close();
  store_->close();
  EXPECT_EQ(commit(*store_, message(*store_, "k", "x")).error().code, ErrorCode::kCancelled);
  EXPECT_FALSE(store_->accepts_new().has_value());
}

TEST_F(StoreTest, SaysThatNothingCanBeMadeDurableAfterClose) {
  EXPECT_TRUE(store_->health().has_value());
  store_->close();
  EXPECT_EQ(store_->health().error().code, ErrorCode::kCancelled);
}

TEST_F(StoreTest, ABodyIsInMemoryFromItsCommitToItsRelease) {
  const auto committed = commit(*store_, message(*store_, "k", "hello"));
  ASSERT_TRUE(committed.has_value());
  const auto recent = store_->recent_body(committed->blobs[0]);
  ASSERT_TRUE(recent);
  EXPECT_EQ(recent.bytes, "hello");
  Transaction release;
  release.releases.push_back(committed->blobs[0]);
  ASSERT_TRUE(commit(*store_, std::move(release)).has_value());
  EXPECT_FALSE(store_->recent_body(committed->blobs[0]));
}

TEST_F(StoreTest, ALargeBodyIsNotKeptInMemory) {
  const auto committed = commit(*store_, message(*store_, "k", std::string((16 << 10) + 1, 'x')));
  ASSERT_TRUE(committed.has_value());
  EXPECT_FALSE(store_->recent_body(committed->blobs[0]));
}

TEST_F(StoreTest, ANewStoreWritesItsStockOfSegmentsAndUsesIt) {
  Store::Options options;
  options.directory = directory_.path() + "/new";
  options.segment_size = 256 << 10;
  options.segments_in_stock = 2;
  const auto count = [&] { return files_->list(options.directory + "/blobs")->size(); };
  ASSERT_TRUE(files_->make_directory(options.directory).has_value());
  for (int round = 0; round < 2; ++round) {  // the second finds a store that is not new
    auto opened = Store::open(options, *files_, clock_, log_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    EXPECT_EQ(count(), 2U);
    ASSERT_TRUE(commit(**opened, message(**opened, "k" + std::to_string(round), "hello")).has_value());
    EXPECT_EQ(count(), 2U);
  }
}

TEST_F(StoreTest, CommitsOfManyThreadsAllHold) {
  constexpr int kThreads = 8;
  constexpr int kEach = 200;
  std::vector<std::thread> threads;
  std::atomic<int> done{0};
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const std::string key = fmt::format("{}-{}", t, i);
        if (commit(*store_, message(*store_, key, std::string(1000, 'a') + key))) ++done;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(done, kThreads * kEach);
  open();
  for (int t = 0; t < kThreads; ++t) {
    for (int i = 0; i < kEach; ++i) {
      const std::string key = fmt::format("{}-{}", t, i);
      const auto blob = blob_of(*store_, key);
      ASSERT_TRUE(blob.has_value()) << key;
      ASSERT_EQ(body_of(*store_, *blob), std::string(1000, 'a') + key);
    }
  }
}

}  // namespace
}  // namespace bulkhead::store
