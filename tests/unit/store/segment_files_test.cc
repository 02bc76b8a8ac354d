#include "src/store/segment_files.h"

#include <gtest/gtest.h>

#include "tests/testlib/crash_file_system.h"
#include "tests/testlib/recording_log.h"

namespace bulkhead::store {
namespace {

class SegmentFilesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.make_directory("/blobs").has_value());
    files_.set_reserved(10'000);
  }
  testlib::CrashFileSystem disk_;
  testlib::RecordingLog log_;
  SegmentFiles files_{{"/blobs", 64 << 10}, disk_, log_};
};

TEST_F(SegmentFilesTest, ARetiredSegmentIsUsedAgain) {
  const std::uint32_t first = files_.create_shared()->number;
  EXPECT_FALSE(files_.has_spare());
  files_.retire(first);
  EXPECT_TRUE(files_.has_spare());
  EXPECT_FALSE(files_.open(first).has_value());
  const auto second = files_.create_shared();
  ASSERT_TRUE(second.has_value());
  EXPECT_GT(second->number, first);
  EXPECT_EQ(disk_.list("/blobs")->size(), 1U);
}

TEST_F(SegmentFilesTest, ASegmentThatIsReadIsNotUsedAgainHoweverManyAreOpen) {
  const std::uint32_t read = files_.create_shared()->number;
  auto reader = *files_.open(read);
  ASSERT_TRUE(reader->write_at(0, "body").has_value());
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(files_.create_own().has_value());
  files_.retire(read);
  EXPECT_FALSE(files_.has_spare());
  const auto other = files_.create_shared();
  ASSERT_TRUE(other.has_value());
  ASSERT_TRUE(other->file->write_at(0, "else").has_value());
  std::string bytes(4, '\0');
  ASSERT_TRUE(reader->read_at(0, bytes.data(), bytes.size()).has_value());
  EXPECT_EQ(bytes, "body");
  reader.reset();
  EXPECT_TRUE(files_.has_spare());
}

}  // namespace
}  // namespace bulkhead::store
