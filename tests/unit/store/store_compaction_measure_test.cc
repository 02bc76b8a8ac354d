// What compaction costs and brings at the real size of segments. Writes 200 MiB, so it runs on demand only:
// store_tests --gtest_also_run_disabled_tests --gtest_filter='*CompactionMeasure*'

#include <chrono>
#include <deque>

#include <gtest/gtest.h>

#include "src/base/clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

constexpr int kSegments = 5;

// Commits in groups, and returns where the bodies are.
std::vector<BlobRef> commit_all(Store& store, int count, const std::function<Transaction(int)>& make) {
  std::vector<BlobRef> blobs;
  std::deque<std::future<Result<Committed>>> waiting;
  for (int i = 0; i < count || !waiting.empty(); ++i) {
    if (i < count) waiting.push_back(commit_later(store, make(i)));
    if (i < count && waiting.size() < 256) continue;
    const auto committed = waiting.front().get();
    waiting.pop_front();
    if (committed) blobs.insert(blobs.end(), committed->blobs.begin(), committed->blobs.end());
  }
  return blobs;
}

TEST(CompactionMeasure, DISABLED_FiveSegmentsOfWhichTwoPercentLive) {
  testlib::TemporaryDirectory directory;
  const SystemClock clock;
  testlib::RecordingLog log;
  const auto files = make_posix_file_system();
  Store::Options options;
  options.directory = directory.path();
  options.compaction.after = std::chrono::nanoseconds{0};
  auto opened = Store::open(options, *files, clock, log);
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  Store& store = **opened;
  const std::string body(4096, 'x');
  const int count = kSegments * static_cast<int>(options.segment_size / (body.size() + 32)) + 10;
  const auto blobs = commit_all(store, count, [&](int) { return with_body(store, body); });
  ASSERT_EQ(blobs.size(), static_cast<std::size_t>(count));
  commit_all(store, count, [&](int i) {
    Transaction transaction;
    if (i % 50 != 0) transaction.releases.push_back(blobs[static_cast<std::size_t>(i)]);
    return transaction;
  });
  const auto held = [&] {
    const auto names = files->list(directory.path() + "/blobs");
    return fmt::format("{} files of {} MiB", names->size(), options.segment_size >> 20);
  };
  const std::string before = held();
  int rounds = 0;
  std::chrono::nanoseconds work{0};
  std::chrono::nanoseconds longest{0};
  for (; store.usage().segments_compacted < kSegments && rounds < 1000; ++rounds) {
    const SteadyTime start = clock.steady();
    ASSERT_TRUE(store.reclaim().has_value());
    work += clock.steady() - start;
    longest = std::max(longest, std::chrono::nanoseconds{clock.steady() - start});
  }
  ASSERT_EQ(store.usage().segments_compacted, static_cast<std::uint64_t>(kSegments));
  fmt::print("{} MiB live; before: {}; after: {}, of which four wait to be used again\n",
             store.usage().live_bytes >> 20, before, held());
  fmt::print("{} rounds, {} ms of work, {} ms the longest\n", rounds, work.count() / 1'000'000,
             longest.count() / 1'000'000);
  for (int i = 0; i < count; i += 50) ASSERT_EQ(body_of(store, blobs[static_cast<std::size_t>(i)]), body);
}

}  // namespace
}  // namespace bulkhead::store
