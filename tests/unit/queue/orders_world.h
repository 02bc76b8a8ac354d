// What tests of orders to a whole queue share.
#pragma once

#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {

// Keys of the queue's family that begin with the letter; see records.h.
inline std::size_t keys_with(const testlib::FakeStore& store, char letter) {
  std::size_t count = 0;
  for (const auto& [key, value] : dynamic_cast<const testlib::FakeKv&>(store.kv()).contents(store::Family::kQueue)) {
    if (key[0] == letter) ++count;
  }
  return count;
}

inline Selector of_account(const std::string& name) {
  Selector selector;
  selector.account = name;
  return selector;
}

// Nothing leaves until `opens`; then everything does.
class Doors {
 public:
  ScriptedCarrier::Script script() {
    return [this](const Job& job) {
      ++attempts;
      return is_open ? delivered(job) : all(job, Fate::kDeferred, 451, "later");
    };
  }
  std::atomic<bool> is_open{false};
  std::atomic<int> attempts{0};
};

inline void fill(QueueWorld& world, const std::string& account, int count) {
  for (int i = 0; i < count; ++i) {
    ASSERT_TRUE(world.accept_of(account, {"u" + std::to_string(i) + "@to" + std::to_string(i % 3) + ".test"}));
  }
  const auto whole = static_cast<std::uint64_t>(count);
  ASSERT_TRUE(world.eventually([&] { return world.counts(of_account(account)).scheduled == whole; }));
}

}  // namespace bulkhead::queue
