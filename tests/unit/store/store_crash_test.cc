// Power cuts at every call, on a simulated disk that blob log and RocksDB share.

#include <map>

#include <gtest/gtest.h>

#include "src/store/encoding.h"
#include "src/store/local_store.h"
#include "src/store/record.h"
#include "tests/testlib/crash_file_system.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/unit/store/rocks_on_files.h"
#include "tests/unit/store/store_fixture.h"

namespace bulkhead::store {
namespace {

using testlib::CrashFileSystem;
using Loss = CrashFileSystem::Loss;

// What the world outside knows: what it was promised, and what it never heard an answer to.
struct Expectation {
  std::string body;
  bool is_promised = false;  // the commit was acknowledged
  bool is_removal_asked = false;
  bool is_removal_promised = false;
};

class World {
 public:
  Result<std::unique_ptr<Store>> open_store() {
    Store::Options options;
    options.directory = "/data";
    options.segment_size = 64 << 10;
    options.spill_at = 4 << 10;
    options.free_space_min = 256 << 10;
    return open_local_store(options, disk, clock, log, std::make_shared<RocksOnFiles>(disk));
  }

  std::future<Result<Committed>> put(Store& store, const std::string& key, std::size_t size) {
    std::string body = key + " ";
    while (body.size() < size) body += static_cast<char>('a' + (body.size() * 7 + key.size()) % 26);
    expected[key].body = body;
    Transaction transaction = message(store, key, body);
    transaction.batch.add(Family::kMeta, "rows", 1);
    return commit_later(store, std::move(transaction));
  }
  std::future<Result<Committed>> remove(Store& store, const std::string& key) {
    expected[key].is_removal_asked = true;
    Transaction transaction;
    transaction.batch.remove(Family::kQueue, key);
    transaction.batch.add(Family::kMeta, "rows", -1);
    if (const auto blob = blob_of(store, key)) transaction.releases.push_back(*blob);
    return commit_later(store, std::move(transaction));
  }
  void put_and_wait(Store& store, const std::string& key, std::size_t size) {
    if (put(store, key, size).get()) expected[key].is_promised = true;
  }
  void remove_and_wait(Store& store, const std::string& key) {
    if (!expected[key].is_promised) return;
    if (remove(store, key).get()) expected[key].is_removal_promised = true;
  }

  // Small and large bodies, groups, removals that kill segments, an orderly restart in the middle.
  void run_workload() {
    for (int round = 0; round < 2; ++round) {
      auto opened = open_store();
      if (!opened) return;
      Store& store = **opened;
      const std::string prefix = "r" + std::to_string(round) + "-";
      for (int i = 0; i < 6; ++i) {
        const std::string key = prefix + std::to_string(i);
        put_and_wait(store, key, i == 3 ? 20'000 : 100 + static_cast<std::size_t>(i) * 700);
      }
      std::map<std::string, std::future<Result<Committed>>> group;
      for (int i = 10; i < 34; ++i) {
        const std::string key = prefix + std::to_string(i);
        group[key] = put(store, key, 3'900);
      }
      for (auto& [key, answer] : group) expected[key].is_promised = answer.get().has_value();
      for (const int i : {0, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}) {
        remove_and_wait(store, prefix + std::to_string(i));
      }
      [[maybe_unused]] const auto reclaimed = store.reclaim();
      put_and_wait(store, prefix + "last", 2'000);
    }
  }

  // Every promise holds, nothing is half there, the books are right.
  void check(const Store& store) {
    std::int64_t rows = 0;
    std::uint64_t live = 0;
    for (auto& [key, expectation] : expected) {
      const auto blob = blob_of(store, key);
      const bool must_be_there = expectation.is_promised && !expectation.is_removal_asked;
      const bool must_be_gone = expectation.is_removal_promised;
      ASSERT_TRUE(blob.has_value() || !must_be_there) << key << " was promised and is lost";
      ASSERT_FALSE(blob.has_value() && must_be_gone) << key << " was removed and is back";
      if (!blob) continue;
      ++rows;
      live += record_size(blob->length);
      ASSERT_EQ(body_of(store, *blob), expectation.body) << key;
      ASSERT_TRUE(store.verify_blob(*blob).has_value()) << key;
    }
    const auto counted = store.kv().get(Family::kMeta, "rows");
    ASSERT_TRUE(counted.has_value());
    EXPECT_EQ(*counted ? decode_counter(**counted) : 0, rows) << "a transaction is visible in part";
    EXPECT_EQ(store.usage().live_bytes, live);
  }

  CrashFileSystem disk;
  testlib::ManualClock clock;
  testlib::RecordingLog log;
  std::map<std::string, Expectation> expected;
};

// What was there after the crash is settled now: it stays as it is.
void settle(World& world, const Store& store) {
  for (auto it = world.expected.begin(); it != world.expected.end();) {
    if (blob_of(store, it->first)) {
      it->second.is_promised = true;
      it->second.is_removal_asked = false;
      ++it;
    } else {
      it = world.expected.erase(it);
    }
  }
}

void crash_and_recover(std::uint64_t call, Loss loss) {
  SCOPED_TRACE(fmt::format("crash before call {}, loss {}", call, static_cast<int>(loss)));
  World world;
  world.log.expect("nothing is acknowledged any more");
  world.log.expect("orderly end");
  world.disk.crash_before_call(call);
  world.run_workload();
  world.disk.restart(loss, call);
  {
    auto opened = world.open_store();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    Store& store = **opened;
    ASSERT_NO_FATAL_FAILURE(world.check(store));
    settle(world, store);
    // The next appends go over what the crash left behind.
    for (int i = 0; i < 8; ++i) {
      world.put_and_wait(store, "after-" + std::to_string(i), 1'000 + static_cast<std::size_t>(i) * 500);
      ASSERT_TRUE(world.expected["after-" + std::to_string(i)].is_promised);
    }
    ASSERT_NO_FATAL_FAILURE(world.check(store));
  }
  // A second power cut right after the recovery.
  world.disk.restart(Loss::kTorn, call + 1);
  auto again = world.open_store();
  ASSERT_TRUE(again.has_value()) << again.error().message;
  ASSERT_NO_FATAL_FAILURE(world.check(**again));
}

std::uint64_t calls_of_workload() {
  World world;
  world.run_workload();
  return world.disk.calls();
}

class StoreCrash : public ::testing::TestWithParam<std::uint64_t> {};

// The calls are dealt out to the parameters, so that the tests can run beside each other.
TEST_P(StoreCrash, KeepsEveryPromiseWhereverTheCrashComes) {
  const std::uint64_t total = calls_of_workload();
  ASSERT_GT(total, 50U);
  constexpr std::array<Loss, 3> kLosses{Loss::kTorn, Loss::kUnsynced, Loss::kNothing};
  for (std::uint64_t call = 1 + GetParam(); call <= total + 1; call += 4) {
    crash_and_recover(call, kLosses[(call / 4) % kLosses.size()]);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, StoreCrash, ::testing::Values(0, 1, 2, 3));

TEST(StoreRecovery, ALostBodyIsReportedAndHurtsNobodyElse) {
  World world;
  std::vector<BlobRef> blobs;
  {
    auto opened = world.open_store();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    for (int i = 0; i < 3; ++i)
      blobs.push_back(*blob_of(**opened, [&] {
        const std::string key = "k" + std::to_string(i);
        world.put_and_wait(**opened, key, 1'000);
        return key;
      }()));
  }
  const std::string segment = fmt::format("/data/blobs/{:010}.log", blobs[1].segment);
  world.disk.flip_bit(segment, blobs[1].offset + kRecordHeaderSize + 500);
  world.log.expect("fails its checksum");
  auto opened = world.open_store();
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  EXPECT_TRUE(world.log.has("fails its checksum"));
  Store& store = **opened;
  EXPECT_EQ(store.read_blob(blobs[1], 0, blobs[1].length).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(store.verify_blob(blobs[1]).error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(body_of(store, blobs[0]), world.expected["k0"].body);
  EXPECT_EQ(body_of(store, blobs[2]), world.expected["k2"].body);
}

TEST(StoreRecovery, EveryFlippedBitOfARecordIsNoticed) {
  World world;
  auto opened = world.open_store();
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  Store& store = **opened;
  world.put_and_wait(store, "k", 100);
  const BlobRef blob = *blob_of(store, "k");
  const std::string segment = fmt::format("/data/blobs/{:010}.log", blob.segment);
  for (std::uint64_t i = 0; i < kRecordHeaderSize + blob.length; ++i) {
    world.disk.flip_bit(segment, blob.offset + i);
    EXPECT_EQ(store.read_blob(blob, 0, blob.length).error().code, ErrorCode::kCorrupt) << i;
    world.disk.flip_bit(segment, blob.offset + i);
  }
  EXPECT_EQ(body_of(store, blob), world.expected["k"].body);
}

}  // namespace
}  // namespace bulkhead::store
