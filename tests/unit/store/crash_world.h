// A store on a simulated disk, and what the world outside was promised by it.
#pragma once

#include <future>
#include <map>
#include <memory>
#include <string>

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
    options.compaction = compaction;
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

  CompactionLimits compaction;
  CrashFileSystem disk;
  testlib::ManualClock clock;
  testlib::RecordingLog log;
  std::map<std::string, Expectation> expected;
};

// What was there after the crash is settled now: it stays as it is.
inline void settle(World& world, const Store& store) {
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

}  // namespace bulkhead::store
