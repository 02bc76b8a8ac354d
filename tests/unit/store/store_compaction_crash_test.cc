// Power cuts at every call while segments are compacted, and random lives of bodies compared with a model.

#include <array>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/store/record.h"
#include "tests/unit/store/compaction_books.h"
#include "tests/unit/store/crash_world.h"

namespace bulkhead::store {
namespace {

using Calls = std::vector<std::uint64_t>;  // numbers of calls

// Adds the calls after `first`, up to now, that change the disk.
void add_calls(const World& world, std::uint64_t first, Calls& calls) {
  for (std::uint64_t call = first + 1; call <= world.disk.calls(); ++call) calls.push_back(call);
}

// Segments die by halves and are compacted in slices, while bodies come and go; then what was copied dies by halves
// and is compacted again. An orderly restart in the middle. Returns the calls from the first round of compaction on, to
// the end of each life: what comes before them StoreCrash looks at.
Calls compact_much(World& world) {
  Calls calls;
  for (int round = 0; round < 2; ++round) {
    auto opened = world.open_store();
    if (!opened) return calls;
    Store& store = **opened;
    const auto key = [&](int i) { return fmt::format("r{}-{}", round, i); };
    for (int i = 0; i < 70; ++i) world.put_and_wait(store, key(i), 2'000 + static_cast<std::size_t>(i) * 20);
    for (int i = 0; i < 64; ++i) {
      if (i % 4 != 0) world.remove_and_wait(store, key(i));
    }
    const std::uint64_t first = world.disk.calls();
    for (int i = 0; i < 12; ++i) {
      [[maybe_unused]] const auto reclaimed = store.reclaim();
      if (i % 4 == 0) world.remove_and_wait(store, key(4 * i));
      if (i % 4 == 2) world.put_and_wait(store, key(100 + i), 3'000);
    }
    for (int i = 4; i < 64; i += 8) world.remove_and_wait(store, key(i));
    opened->reset();
    add_calls(world, first, calls);
  }
  return calls;
}

void expect_trouble(World& world) {
  world.log.expect("nothing is acknowledged any more");
  world.log.expect("orderly end");
  world.log.expect("compaction");
  world.log.expect("cannot be read: use the disk");
}

void crash_and_go_on(std::uint64_t call, Loss loss) {
  SCOPED_TRACE(fmt::format("crash before call {}, loss {}", call, static_cast<int>(loss)));
  World world;
  world.compaction = {std::chrono::nanoseconds{0}, 40'000};
  expect_trouble(world);
  world.disk.crash_before_call(call);
  [[maybe_unused]] const auto calls = compact_much(world);
  world.disk.restart(loss, call);
  for (int life = 0; life < 2; ++life) {
    auto opened = world.open_store();
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    Store& store = **opened;
    ASSERT_NO_FATAL_FAILURE(world.check(store));
    settle(world, store);
    read_books(store);
    for (int i = 0; i < 8; ++i) {
      ASSERT_TRUE(store.reclaim().has_value());
      const std::string key = fmt::format("after-{}-{}", life, i);
      world.put_and_wait(store, key, 1'000 + static_cast<std::size_t>(i) * 300);
      ASSERT_TRUE(world.expected[key].is_promised);
    }
    ASSERT_NO_FATAL_FAILURE(world.check(store));
    read_books(store);
    opened->reset();
    // A second power cut right after what the first life did.
    world.disk.restart(Loss::kTorn, call + 1);
  }
}

constexpr std::uint64_t kShares = 8;

class CompactionCrash : public ::testing::TestWithParam<std::uint64_t> {};

// The calls are dealt out to the parameters, so that the tests can run beside each other.
TEST_P(CompactionCrash, KeepsEveryPromiseWhereverTheCrashComes) {
  World world;
  world.compaction = {std::chrono::nanoseconds{0}, 40'000};
  const Calls calls = compact_much(world);
  ASSERT_GT(calls.size(), 100U);
  constexpr std::array<Loss, 3> kLosses{Loss::kTorn, Loss::kUnsynced, Loss::kNothing};
  for (std::size_t i = GetParam(); i < calls.size(); i += kShares) {
    crash_and_go_on(calls[i], kLosses[i / kShares % kLosses.size()]);
    if (HasFatalFailure()) return;
  }
}

INSTANTIATE_TEST_SUITE_P(Calls, CompactionCrash, ::testing::Range<std::uint64_t>(0, kShares));

// Bodies with up to three holders, each a row, that come and go at random while the store compacts, ends and crashes.
class RandomLives {
 public:
  explicit RandomLives(std::uint64_t seed) : random_(seed) {
    world_.compaction = {std::chrono::nanoseconds{0}, 10'000 + random_.below(200'000)};
    expect_trouble(world_);
  }
  void run() {
    for (int life = 0; life < 4; ++life) {
      auto opened = world_.open_store();
      ASSERT_TRUE(opened.has_value()) << opened.error().message;
      store_ = std::move(*opened);
      ASSERT_NO_FATAL_FAILURE(check());
      const bool will_crash = random_.below(3) != 0;
      if (will_crash) world_.disk.crash_before_call(1 + random_.below(600));
      for (int step = 0; step < 250 && !world_.disk.has_crashed(); ++step) take_step();
      if (!will_crash) {
        ASSERT_NO_FATAL_FAILURE(check());
      }
      store_.reset();
      if (will_crash) world_.disk.restart(static_cast<Loss>(random_.below(3)), random_.below(1000));
    }
  }
  std::uint64_t compacted() const { return compacted_; }

 private:
  void take_step() {
    const std::uint64_t dice = random_.below(100);
    if (dice < 45) put();
    if (dice >= 45 && dice < 85) remove();
    if (dice >= 85) {
      const std::uint64_t before = store_->usage().segments_compacted;
      [[maybe_unused]] const auto reclaimed = store_->reclaim();
      compacted_ += store_->usage().segments_compacted - before;
    }
  }
  void put() {
    const auto size = static_cast<std::size_t>(random_.below(random_.below(20) == 0 ? 20'000 : 4'000));
    const auto holders = 1 + random_.below(3);
    std::string body(size, static_cast<char>('a' + next_ % 26));
    for (std::size_t i = 0; i < size; i += 7) body[i] = static_cast<char>(random_.below(256));
    Transaction transaction = with_body(*store_, body, static_cast<std::uint32_t>(holders));
    std::vector<std::string> keys;
    for (std::uint64_t i = 0; i < holders; ++i) {
      keys.push_back(fmt::format("{}-{}", next_, i));
      transaction.batch.put_with_blob(Family::kQueue, keys.back(), "", 0);
    }
    const bool is_good = commit(*store_, std::move(transaction)).has_value();
    for (const std::string& key : keys) (is_good ? model_ : in_doubt_)[key] = body;
    ++next_;
  }
  // Takes the rows of up to four holders away in one transaction.
  void remove() {
    Transaction transaction;
    std::map<std::string, std::string> gone;
    for (auto count = 1 + random_.below(4); count > 0 && !model_.empty(); --count) {
      auto it = std::next(model_.begin(), static_cast<std::ptrdiff_t>(random_.below(model_.size())));
      transaction.batch.remove(Family::kQueue, it->first);
      transaction.releases.push_back(*blob_of(*store_, it->first));
      gone.insert(model_.extract(it));
    }
    if (!commit(*store_, std::move(transaction))) in_doubt_.merge(gone);
  }
  // Every row that must be there is, with its body; what was in doubt is whatever the disk says.
  void check() {
    for (const auto& [key, body] : in_doubt_) {
      if (blob_of(*store_, key)) model_[key] = body;
    }
    in_doubt_.clear();
    std::map<BlobPlace, std::uint64_t> live;
    for (const auto& [key, body] : model_) {
      const auto blob = blob_of(*store_, key);
      ASSERT_TRUE(blob.has_value()) << key << " is lost";
      ASSERT_TRUE(body_of(*store_, *blob) == body) << key;
      ASSERT_TRUE(store_->verify_blob(*blob).has_value()) << key;
      live[blob->name()] = record_size(blob->length);
    }
    std::uint64_t bytes = 0;
    for (const auto& [name, size] : live) bytes += size;
    ASSERT_EQ(store_->usage().live_bytes, bytes);
    read_books(*store_);
  }

  World world_;
  SeededRandom random_;
  std::unique_ptr<Store> store_;
  std::map<std::string, std::string> model_;     // body by row
  std::map<std::string, std::string> in_doubt_;  // whose commit was never answered
  int next_ = 0;
  std::uint64_t compacted_ = 0;
};

TEST(CompactionModel, RandomLivesOfBodiesAreAsTheModelSays) {
  std::uint64_t compacted = 0;
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    RandomLives lives{seed};
    lives.run();
    if (::testing::Test::HasFatalFailure()) return;
    compacted += lives.compacted();
  }
  EXPECT_GT(compacted, 100U) << "hardly anything was compacted: this test shows little";
}

}  // namespace
}  // namespace bulkhead::store
