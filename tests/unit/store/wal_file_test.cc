// The metadata log's files: what a reader makes of used, torn and foreign ones.
#include "src/store/wal_file.h"

#include <gtest/gtest.h>

#include "tests/testlib/crash_file_system.h"

namespace bulkhead::store {
namespace {

using Mode = FileSystem::Mode;
const std::string kPath = "/kv/000007.log";

class WalFile : public ::testing::Test {
 protected:
  WalFile() { EXPECT_TRUE(disk_.make_directory("/kv").has_value()); }
  std::unique_ptr<File> open(Mode mode) {
    auto file = disk_.open(kPath, mode);
    EXPECT_TRUE(file.has_value());
    return std::move(*file);
  }
  void write(Mode mode, std::uint64_t number, const std::vector<std::string>& appends) {
    const auto writer = make_wal_writer(open(mode), number);
    std::size_t size = 0;
    for (const std::string& bytes : appends) {
      ASSERT_TRUE(writer->Append(bytes, {}, nullptr).ok());
      size += bytes.size();
    }
    EXPECT_EQ(writer->GetFileSize({}, nullptr), size);
    ASSERT_TRUE(writer->Sync({}, nullptr).ok());
  }
  std::string read(std::uint64_t number, std::size_t step = 1000) {
    const auto reader = make_wal_reader(open(Mode::kRead), number);
    std::string all;
    std::string scratch(step, '\0');
    for (;;) {
      rocksdb::Slice got;
      EXPECT_TRUE(reader->Read(step, {}, &got, scratch.data(), nullptr).ok());
      all.append(got.data(), got.size());
      if (got.size() < step) return all;
    }
  }
  testlib::CrashFileSystem disk_;
};

TEST_F(WalFile, ShowsTheBytesOfAllAppendsInOrder) {
  write(Mode::kCreateNew, 7, {"one", std::string(5000, 'b'), "three"});
  EXPECT_EQ(read(7), "one" + std::string(5000, 'b') + "three");
  EXPECT_EQ(read(7, 1), read(7, 100'000));
}

TEST_F(WalFile, AUsedFileShowsNothingOfItsEarlierLife) {
  // The same sizes, so that an old frame lies where the new log ends.
  write(Mode::kCreateNew, 7, {"old 1", "old 2", "old 3"});
  write(Mode::kReadWrite, 7, {"new 1"});
  EXPECT_EQ(read(7), "new 1");
}

TEST_F(WalFile, AUsedFileThatNothingWasAppendedToIsEmpty) {
  write(Mode::kCreateNew, 7, {"old"});
  EXPECT_EQ(read(8), "");
  const auto writer = make_wal_writer(open(Mode::kReadWrite), 8);
  ASSERT_TRUE(writer->Sync({}, nullptr).ok());
  EXPECT_EQ(read(8), "");
}

TEST_F(WalFile, EndsBeforeAnAppendThatIsNotWhole) {
  write(Mode::kCreateNew, 7, {"first", "second", "third"});
  disk_.flip_bit(kPath, kWalHeaderSize + kWalFrameSize + 5 + kWalFrameSize + 2);  // in "second"
  EXPECT_EQ(read(7), "first");
}

TEST_F(WalFile, EndsAtALengthThatTheFileDoesNotHave) {
  write(Mode::kCreateNew, 7, {"first"});
  const std::string length{"\xff\xff\xff\x7f", 4};
  ASSERT_TRUE(open(Mode::kReadWrite)->write_at(kWalHeaderSize + kWalFrameSize + 5 + 4, length).has_value());
  EXPECT_EQ(read(7), "first");
}

TEST_F(WalFile, ATornHeaderMakesTheLogEmpty) {
  write(Mode::kCreateNew, 7, {"first"});
  disk_.flip_bit(kPath, 9);
  EXPECT_EQ(read(7), "");
}

TEST_F(WalFile, SkipsWhatItIsToldTo) {
  write(Mode::kCreateNew, 7, {std::string(6000, 'a'), "end"});
  const auto reader = make_wal_reader(open(Mode::kRead), 7);
  ASSERT_TRUE(reader->Skip(6001).ok());
  std::string scratch(10, '\0');
  rocksdb::Slice got;
  ASSERT_TRUE(reader->Read(scratch.size(), {}, &got, scratch.data(), nullptr).ok());
  EXPECT_EQ(got.ToString(), "nd");
}

TEST_F(WalFile, TellsFramesFromBlankAndForeignFiles) {
  auto file = open(Mode::kCreateNew);
  EXPECT_EQ(*wal_kind(*file), WalKind::kBlank);
  ASSERT_TRUE(file->write_zeros(0, 4096).has_value());
  EXPECT_EQ(*wal_kind(*file), WalKind::kBlank);
  ASSERT_TRUE(file->write_at(0, "\x12\x34\x56\x78\x10\x00\x01 and more").has_value());
  EXPECT_EQ(*wal_kind(*file), WalKind::kForeign);
  write(Mode::kReadWrite, 7, {"frame"});
  EXPECT_EQ(*wal_kind(*file), WalKind::kFramed);
}

TEST_F(WalFile, WritesNothingTwiceIntoAUsedFile) {
  const std::vector<std::string> appends(20, std::string(1000, 'x'));
  write(Mode::kCreateNew, 7, appends);
  const auto before = disk_.calls();
  write(Mode::kReadWrite, 8, appends);
  EXPECT_EQ(disk_.calls() - before, appends.size() + 1);  // and one sync: no zeros ahead
}

}  // namespace
}  // namespace bulkhead::store
