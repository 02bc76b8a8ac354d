// Power cuts at every call, on a simulated disk that blob log and RocksDB share.

#include <map>

#include <gtest/gtest.h>

#include "src/store/record.h"
#include "tests/unit/store/crash_world.h"

namespace bulkhead::store {
namespace {

// Small and large bodies, groups, removals that kill segments, an orderly restart in the middle.
void run_workload(World& world) {
  for (int round = 0; round < 2; ++round) {
    auto opened = world.open_store();
    if (!opened) return;
    Store& store = **opened;
    const std::string prefix = "r" + std::to_string(round) + "-";
    for (int i = 0; i < 6; ++i) {
      const std::string key = prefix + std::to_string(i);
      world.put_and_wait(store, key, i == 3 ? 20'000 : 100 + static_cast<std::size_t>(i) * 700);
    }
    std::map<std::string, std::future<Result<Committed>>> group;
    for (int i = 10; i < 34; ++i) {
      const std::string key = prefix + std::to_string(i);
      group[key] = world.put(store, key, 3'900);
    }
    for (auto& [key, answer] : group) world.expected[key].is_promised = answer.get().has_value();
    for (const int i : {0, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}) {
      world.remove_and_wait(store, prefix + std::to_string(i));
    }
    [[maybe_unused]] const auto reclaimed = store.reclaim();
    world.put_and_wait(store, prefix + "last", 2'000);
  }
}

void crash_and_recover(std::uint64_t call, Loss loss) {
  SCOPED_TRACE(fmt::format("crash before call {}, loss {}", call, static_cast<int>(loss)));
  World world;
  world.log.expect("nothing is acknowledged any more");
  world.log.expect("orderly end");
  world.disk.crash_before_call(call);
  run_workload(world);
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
  run_workload(world);
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
