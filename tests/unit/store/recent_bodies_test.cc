#include "src/store/recent_bodies.h"

#include <gtest/gtest.h>

namespace bulkhead::store {
namespace {

constexpr std::size_t kSize = 1000;

BlobRef place(std::uint32_t segment, std::uint64_t offset) {
  return {segment, offset, kSize, false};
}

std::string record(char letter) {
  std::string bytes;
  bytes.reserve(kSize);
  bytes.assign(kSize, letter);
  return bytes;
}

TEST(RecentBodies, FindsWhatWasKeptUntilItIsForgotten) {
  RecentBodies recent{10 * kSize};
  recent.keep(place(1, 0), record('a'));
  recent.keep(place(1, 1024), record('b'));
  ASSERT_NE(recent.find(place(1, 1024)), nullptr);
  EXPECT_EQ(*recent.find(place(1, 1024)), record('b'));
  EXPECT_EQ(recent.find(place(2, 1024)), nullptr);
  const auto held = recent.find(place(1, 0));
  recent.forget(place(1, 0));
  recent.forget(place(1, 0));
  EXPECT_EQ(recent.find(place(1, 0)), nullptr);
  EXPECT_EQ(*held, record('a'));  // whoever has it keeps it
}

TEST(RecentBodies, TheOldestGoWhenTheBoundIsPassed) {
  RecentBodies recent{3 * kSize};
  for (std::uint32_t segment = 1; segment <= 3; ++segment) recent.keep(place(segment, 0), record('x'));
  EXPECT_NE(recent.find(place(1, 0)), nullptr);
  recent.keep(place(4, 0), record('x'));
  EXPECT_EQ(recent.find(place(1, 0)), nullptr);
  EXPECT_NE(recent.find(place(2, 0)), nullptr);
  EXPECT_NE(recent.find(place(4, 0)), nullptr);
}

TEST(RecentBodies, WhatIsForgottenMakesRoom) {
  RecentBodies recent{2 * kSize};
  recent.keep(place(1, 0), record('x'));
  recent.keep(place(2, 0), record('x'));
  recent.forget(place(2, 0));
  recent.keep(place(3, 0), record('x'));
  EXPECT_NE(recent.find(place(1, 0)), nullptr);
}

TEST(RecentBodies, ABodyLargerThanTheBoundIsNotKept) {
  RecentBodies recent{kSize - 1};
  recent.keep(place(1, 0), record('x'));
  EXPECT_EQ(recent.find(place(1, 0)), nullptr);
}

}  // namespace
}  // namespace bulkhead::store
