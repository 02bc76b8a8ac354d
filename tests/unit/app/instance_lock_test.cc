#include "src/app/instance_lock.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

using ::testing::HasSubstr;

TEST(InstanceLock, NamesTheServerThatHasTheDirectory) {
  const testlib::TemporaryDirectory directory;
  InstanceLock first;
  ASSERT_TRUE(first.take(directory.path()));
  InstanceLock second;
  const auto refused = second.take(directory.path());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().message,
              HasSubstr("another bulkhead serve runs on " + directory.path() + ", pid " + std::to_string(::getpid())));
}

TEST(InstanceLock, IsFreeAgainAfterItsHolder) {
  const testlib::TemporaryDirectory directory;
  { EXPECT_TRUE(InstanceLock{}.take(directory.path())); }
  EXPECT_TRUE(InstanceLock{}.take(directory.path()));
}

TEST(InstanceLock, SaysWhyTheFileCannotBeMade) {
  const auto refused = InstanceLock{}.take("/nonexistent/directory");
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("/nonexistent/directory/lock"));
}

}  // namespace
}  // namespace bulkhead::app
