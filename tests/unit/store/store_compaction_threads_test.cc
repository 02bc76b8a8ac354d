// Readers, mail that comes and goes, and compaction, all at once, on the operating system's files.

#include <atomic>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/store/compaction_books.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

std::string body_for(int i) {
  return fmt::format("{:06} ", i) +
         std::string(2'000 + static_cast<std::size_t>(i % 7) * 100, static_cast<char>('a' + i % 26));
}

TEST(CompactionBesideMail, ReadersNeverSeeAnythingButTheirBody) {
  testlib::TemporaryDirectory directory;
  testlib::ManualClock clock;
  testlib::RecordingLog log;
  const auto files = make_posix_file_system();
  Store::Options options;
  options.directory = directory.path();
  options.segment_size = 64 << 10;
  options.free_space_min = 0;
  options.compaction = {std::chrono::nanoseconds{0}, 64 << 10};
  auto opened = Store::open(options, *files, clock, log);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  Store& store = **opened;

  // Every tenth body stays for ever, and is what the readers read.
  std::mutex mutex;
  std::vector<std::pair<int, BlobRef>> staying;
  std::atomic<bool> is_over{false};
  std::atomic<int> reads{0};
  std::atomic<int> wrong{0};
  const auto read = [&](std::uint64_t seed) {
    SeededRandom random{seed};
    while (!is_over) {
      std::pair<int, BlobRef> one;
      {
        const std::lock_guard lock{mutex};
        if (staying.empty()) continue;
        one = staying[static_cast<std::size_t>(random.below(staying.size()))];
      }
      const std::string body = body_for(one.first);
      const auto whole = store.read_blob(one.second, 0, one.second.length);
      const auto part = store.read_blob(one.second, 5, 100);
      const bool is_right = whole && *whole == body && part && *part == body.substr(5, 100);
      wrong += is_right && store.verify_blob(one.second) ? 0 : 1;
      ++reads;
    }
  };
  std::thread first{read, 1};
  std::thread second{read, 2};
  std::thread compacting{[&] {
    while (!is_over) wrong += store.reclaim() ? 0 : 1;
  }};
  for (int i = 0; i < 3'000; ++i) {
    const auto committed = commit(store, message(store, fmt::format("k{}", i), body_for(i)));
    if (!committed) {
      ADD_FAILURE() << committed.error().message;
      break;
    }
    if (i % 10 == 0) {
      const std::lock_guard lock{mutex};
      staying.emplace_back(i, committed->blobs[0]);
      continue;
    }
    Transaction release;
    release.batch.remove(Family::kQueue, fmt::format("k{}", i));
    release.releases.push_back(committed->blobs[0]);
    EXPECT_TRUE(commit(store, std::move(release)).has_value());
  }
  is_over = true;
  for (auto* thread : {&first, &second, &compacting}) thread->join();
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(reads, 100);
  EXPECT_GT(store.usage().segments_compacted, 50U);
  for (const auto& [i, blob] : staying) ASSERT_EQ(body_of(store, blob), body_for(i));
  const auto books = read_books(store);
  EXPECT_GT(books.moved, 100U);
  EXPECT_LT(books.segments.size(), 40U) << "ten percent of 100 segments live";
}

}  // namespace
}  // namespace bulkhead::store
