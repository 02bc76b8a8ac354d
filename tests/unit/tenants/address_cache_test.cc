#include "tenants/address_cache.h"

#include <thread>

#include <gtest/gtest.h>

namespace bulkhead::tenants {
namespace {

AddressMeaningPtr unknown() {
  return std::make_shared<const AddressMeaning>();
}

TEST(AddressCache, KeepsWhatWasPut) {
  AddressCache cache{10};
  const auto meaning = unknown();
  EXPECT_EQ(cache.get("a@x"), nullptr);
  cache.put("a@x", meaning, cache.mark());
  EXPECT_EQ(cache.get("a@x"), meaning);
}

TEST(AddressCache, DropsTheLeastRecentlyUsedAtItsBound) {
  AddressCache cache{3};
  for (const auto* key : {"a", "b", "c"}) cache.put(key, unknown(), cache.mark());
  EXPECT_NE(cache.get("a"), nullptr);
  cache.put("d", unknown(), cache.mark());
  EXPECT_EQ(cache.size(), 3U);
  EXPECT_EQ(cache.get("b"), nullptr);
  EXPECT_NE(cache.get("a"), nullptr);
  EXPECT_NE(cache.get("c"), nullptr);
}

TEST(AddressCache, StaysWithinItsBoundWithManyKeys) {
  AddressCache cache{1000};
  for (int i = 0; i < 5000; ++i) cache.put(std::to_string(i), unknown(), cache.mark());
  EXPECT_LE(cache.size(), 1000U);
  EXPECT_GE(cache.size(), 900U);
}

TEST(AddressCache, ForgetsAllAndTakesNoLateAnswer) {
  AddressCache cache{10};
  cache.put("a", unknown(), cache.mark());
  const auto before = cache.mark();
  cache.forget_all();
  EXPECT_EQ(cache.get("a"), nullptr);
  cache.put("b", unknown(), before);
  EXPECT_EQ(cache.get("b"), nullptr);
  cache.put("a", unknown(), cache.mark());
  EXPECT_NE(cache.get("a"), nullptr);
  EXPECT_EQ(cache.size(), 1U);
}

TEST(AddressCache, ForgetsSomeAndTakesNoLateAnswer) {
  AddressCache cache{10};
  for (const auto* key : {"a", "b"}) cache.put(key, unknown(), cache.mark());
  const auto before = cache.mark();
  cache.forget({"a", "z"});
  EXPECT_EQ(cache.get("a"), nullptr);
  EXPECT_NE(cache.get("b"), nullptr);
  cache.put("a", unknown(), before);
  EXPECT_EQ(cache.get("a"), nullptr);
  cache.put("a", unknown(), cache.mark());
  EXPECT_NE(cache.get("a"), nullptr);
  EXPECT_EQ(cache.size(), 2U);
}

TEST(AddressCache, ServesManyThreads) {
  AddressCache cache{100};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&cache] {
      for (int i = 0; i < 5000; ++i) {
        const auto key = std::to_string(i % 300);
        if (!cache.get(key)) cache.put(key, unknown(), cache.mark());
        if (i % 1000 == 0) cache.forget_all();
        if (i % 100 == 0) cache.forget({key});
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache.size(), 100U);
}

}  // namespace
}  // namespace bulkhead::tenants
