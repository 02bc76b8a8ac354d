#include "src/app/unsaved_rows.h"

#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

TEST(UnsavedRows, KeepTheLatestOfEachKeyAndSayHowManyMoreTheyTake) {
  UnsavedRows<std::string> unsaved{3};
  EXPECT_EQ(unsaved.room(), 3U);
  for (int i = 0; i < 10; ++i) unsaved.put("a", std::to_string(i));
  unsaved.put("b", "");
  EXPECT_EQ(unsaved.room(), 1U);
  EXPECT_EQ(unsaved.rows(), (std::map<std::string, std::string>{{"a", "9"}, {"b", ""}}));
  unsaved.put("c", "1");
  unsaved.put("d", "1");
  EXPECT_EQ(unsaved.room(), 0U);
  EXPECT_EQ(unsaved.rows().size(), 4U) << "what was taken is kept";
  unsaved.stored();
  EXPECT_EQ(unsaved.room(), 3U);
}

}  // namespace
}  // namespace bulkhead::app
