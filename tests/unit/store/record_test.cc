#include "src/store/record.h"

#include <algorithm>
#include <numeric>

#include <gtest/gtest.h>

#include "src/store/blob_ref.h"
#include "src/store/crc32c.h"
#include "src/store/latency.h"
#include "tests/testlib/crash_file_system.h"

namespace bulkhead::store {
namespace {

TEST(Crc32c, GivesThePublishedValues) {
  // RFC 3720 §B.4.
  EXPECT_EQ(crc32c(0, std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(crc32c(0, std::string(32, '\xFF')), 0x62A8AB43U);
  EXPECT_EQ(crc32c(0, "123456789"), 0xE3069283U);
}

TEST(Crc32c, IsTheSameInPiecesAndWithoutTheInstruction) {
  std::string bytes(1000, '\0');
  std::iota(bytes.begin(), bytes.end(), '\1');
  for (std::size_t split = 0; split <= bytes.size(); split += 37) {
    const std::string_view all = bytes;
    EXPECT_EQ(crc32c(crc32c(0, all.substr(0, split)), all.substr(split)), crc32c_portable(0, all));
  }
}

TEST(BlobRef, SurvivesEncodingAndRefusesAnythingElse) {
  const BlobRef ref{0xFFFFFFFF, 1ULL << 40, 12345, true};
  std::string bytes;
  ref.append_to(bytes);
  ASSERT_EQ(bytes.size(), BlobRef::kEncodedSize);
  EXPECT_EQ(BlobRef::decode(bytes), ref);
  EXPECT_FALSE(BlobRef::decode(bytes + "x").has_value());
  EXPECT_FALSE(BlobRef::decode(bytes.substr(1)).has_value());
  bytes.back() = '\2';
  EXPECT_FALSE(BlobRef::decode(bytes).has_value());
}

TEST(RecordHeader, RefusesEveryFlippedBit) {
  const RecordHeader header{7, 0x12345678, 4096, 99};
  auto bytes = encode_header(header);
  EXPECT_EQ(decode_header({bytes.data(), bytes.size()}), header);
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_FALSE(decode_header({bytes.data(), bytes.size()}).has_value()) << bit;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  EXPECT_FALSE(decode_header({bytes.data(), bytes.size() - 1}).has_value());
}

TEST(RecordHeader, RefusesALengthThatNoBodyHas) {
  const auto most = encode_header({1, 0, 0, kBodySizeMax});
  const auto more = encode_header({1, 0, 0, kBodySizeMax + 1});
  EXPECT_TRUE(decode_header({most.data(), most.size()}).has_value());
  EXPECT_FALSE(decode_header({more.data(), more.size()}).has_value());
}

class ScanRecords : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(disk_.make_directory("/d").has_value());
    file_ = std::move(*disk_.open("/d/f", FileSystem::Mode::kCreateNew));
    for (int i = 0; i < 5; ++i) append(3, std::string(static_cast<std::size_t>(i) * 7, 'x'));
  }
  void append(std::uint32_t segment, const std::string& body) {
    const auto header = encode_header({segment, crc32c(0, body), end_, body.size()});
    std::string record{header.data(), header.size()};
    record += body;
    record.resize(record_size(body.size()));
    starts_.push_back(end_);
    ASSERT_TRUE(file_->write_at(end_, record).has_value());
    end_ += record.size();
  }
  std::uint64_t scan(std::uint32_t segment = 3) {
    seen_ = bad_ = 0;
    return *scan_records(*file_, segment, 0, end_, [&](const ScannedRecord& record) {
      ++seen_;
      bad_ += record.is_body_good ? 0 : 1;
    });
  }

  testlib::CrashFileSystem disk_;
  std::unique_ptr<File> file_;
  std::uint64_t end_ = 0;
  std::vector<std::uint64_t> starts_;
  int seen_ = 0, bad_ = 0;
};

TEST_F(ScanRecords, FindsThemAll) {
  EXPECT_EQ(scan(), end_);
  EXPECT_EQ(seen_, 5);
  EXPECT_EQ(bad_, 0);
}

TEST_F(ScanRecords, ADamagedBodyIsOneBadRecord) {
  disk_.flip_bit("/d/f", starts_[3] + kRecordHeaderSize);
  EXPECT_EQ(scan(), end_);
  EXPECT_EQ(seen_, 5);
  EXPECT_EQ(bad_, 1);
}

TEST_F(ScanRecords, StopsAtADamagedHeader) {
  disk_.flip_bit("/d/f", starts_[2] + 8);
  EXPECT_EQ(scan(), starts_[2]);
  EXPECT_EQ(seen_, 2);
}

TEST_F(ScanRecords, StopsAtARecordOfAnEarlierLifeOfTheFile) {
  const auto end = end_;
  append(2, "stale");
  EXPECT_EQ(scan(), end);
  EXPECT_EQ(seen_, 5);
}

TEST_F(ScanRecords, StopsWhereTheFileEndsWithinARecord) {
  ASSERT_TRUE(file_->truncate(starts_[4] + kRecordHeaderSize + 3).has_value());
  scan();
  EXPECT_EQ(seen_, 5);
  EXPECT_EQ(bad_, 1);
  ASSERT_TRUE(file_->truncate(starts_[4] + kRecordHeaderSize - 1).has_value());
  EXPECT_EQ(scan(), starts_[4]);
}

TEST(LatencyHistogram, PercentilesAreWithinAQuarterOctave) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(0.5).count(), 0);
  for (int i = 1; i <= 1000; ++i) histogram.record(std::chrono::microseconds{i});
  EXPECT_NEAR(static_cast<double>(histogram.percentile(0.5).count()), 500, 500 * 0.2);
  EXPECT_NEAR(static_cast<double>(histogram.percentile(0.99).count()), 990, 990 * 0.2);
  histogram.record(std::chrono::hours{24 * 365});
  EXPECT_GT(histogram.percentile(1).count(), 1'000'000);
}

}  // namespace
}  // namespace bulkhead::store
