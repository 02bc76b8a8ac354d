// Whether the blob log's own rows agree with each other.
#pragma once

#include <set>

#include <gtest/gtest.h>

#include "src/store/blob_rows.h"
#include "src/store/encoding.h"
#include "src/store/store.h"

namespace bulkhead::store {

struct Books {
  std::set<std::uint32_t> segments;
  std::size_t copies = 0;  // segments of copies
  std::size_t moved = 0;   // bodies that are not where they were first written
  std::size_t deaths = 0;  // rows of deaths
};

// Each row speaks of a segment that is there, and none of a body whose own segment is there was moved.
inline Books read_books(const Store& store) {
  Books books;
  const auto visit = [&](std::string_view key, std::string_view value) {
    const std::uint32_t segment = key.size() >= 5 ? load_be<std::uint32_t>(key.data() + 1) : 0;
    if (key[0] == 's') {
      books.segments.insert(segment);
      books.copies += decode_segment_value(value)->has_copies ? 1 : 0;
    }
    if (key[0] == 'm') {
      ++books.moved;
      EXPECT_TRUE(value.size() == 12) << "a row of a moved body is malformed";
    }
    if (key[0] == 'd') ++books.deaths;
    return true;
  };
  EXPECT_TRUE(store.kv().scan(Family::kBlob, "", "", Kv::Direction::kReverse, visit).has_value());
  const auto agree = [&](std::string_view key, std::string_view value) {
    if (key.size() < 5) return true;
    const auto segment = load_be<std::uint32_t>(key.data() + 1);
    if (key[0] == 'd') {
      EXPECT_TRUE(books.segments.contains(segment)) << "deaths in segment " << segment;
    }
    if (key[0] != 'm') return true;
    EXPECT_FALSE(books.segments.contains(segment)) << "a body of segment " << segment << " was moved";
    EXPECT_TRUE(books.segments.contains(load_le<std::uint32_t>(value.data()))) << "a body was moved to nowhere";
    return true;
  };
  EXPECT_TRUE(store.kv().scan(Family::kBlob, "", "", Kv::Direction::kForward, agree).has_value());
  return books;
}

}  // namespace bulkhead::store
