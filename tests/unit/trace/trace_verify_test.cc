// Tampering: each change to the files is found, named, and found only where it is.
#include "src/store/file_system.h"
#include "src/trace/file_bytes.h"
#include "src/trace/segment_scan.h"
#include "tests/unit/trace/trace_fixture.h"

namespace bulkhead::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Three segments of three blocks each, the last one open.
class TraceVerify : public TraceFixture {
 protected:
  TraceVerify() {
    for (int segment = 1; segment <= 3; ++segment) {
      for (int block = 0; block < 3; ++block) settle_one("event " + std::to_string(segment * 3 + block));
      if (segment < 3) clock_.advance(options_.segment_age);
    }
    EXPECT_EQ(trace_->usage().segments, 3U);
  }

  std::string path(std::uint32_t segment) const { return segment_path(directory_.path() + "/trace", segment); }
  std::string bytes_of(std::uint32_t segment) { return read_whole(*files_, path(segment), 1U << 20).value(); }
  void replace(std::uint32_t segment, std::string_view bytes) {
    std::ofstream{path(segment), std::ios::binary | std::ios::trunc}.write(bytes.data(),
                                                                           static_cast<std::streamsize>(bytes.size()));
  }
  std::vector<BlockPlace> blocks_of(std::uint32_t segment) {
    const auto file = files_->open(path(segment), store::FileSystem::Mode::kRead).value();
    return scan_segment(*file, segment, file->size().value()).value().blocks;
  }
  std::vector<std::string> faults() {
    const auto verification = trace_->verify();
    EXPECT_TRUE(verification);
    return verification ? verification->faults : std::vector<std::string>{};
  }
  void flip(std::uint32_t segment, std::uint64_t offset) {
    auto bytes = bytes_of(segment);
    bytes[offset] = static_cast<char>(bytes[offset] ^ 1);
    replace(segment, bytes);
  }
};

TEST_F(TraceVerify, FindsNothingInWhatNobodyTouched) {
  const auto verification = trace_->verify();
  ASSERT_TRUE(verification);
  EXPECT_THAT(verification->faults, IsEmpty());
  EXPECT_EQ(verification->blocks, 9U);
  EXPECT_EQ(verification->events, 9U);
}

TEST_F(TraceVerify, FindsEveryFlippedByte) {
  for (std::uint32_t segment : {2U, 3U}) {
    const auto original = bytes_of(segment);
    for (std::uint64_t offset = 0; offset < original.size(); offset += 3) {
      flip(segment, offset);
      EXPECT_FALSE(faults().empty()) << "segment " << segment << " byte " << offset;
      replace(segment, original);
    }
  }
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(TraceVerify, NamesTheAlteredBlockAndNoOther) {
  const auto place = blocks_of(2)[1];
  flip(2, place.offset + BlockHeader::kSize + 5);
  EXPECT_THAT(faults(), ElementsAre("segment 2, block 1: its contents or its hash were altered"));
}

TEST_F(TraceVerify, NamesTheBlockThatIsSignedByAnother) {
  const auto place = blocks_of(2)[1];
  flip(2, place.offset + place.header.block_size() - 1);
  EXPECT_THAT(faults(), ElementsAre("segment 2, block 1: its signature is not this node's"));
}

TEST_F(TraceVerify, NamesABlockThatWasTakenOut) {
  const auto place = blocks_of(2)[1];
  auto bytes = bytes_of(2);
  bytes.erase(place.offset, place.header.block_size());
  replace(2, bytes);
  EXPECT_THAT(faults(), ElementsAre("segment 2, block 1 is missing"));
}

TEST_F(TraceVerify, NamesBlocksThatWereExchanged) {
  const auto places = blocks_of(2);
  const auto bytes = bytes_of(2);
  const auto block = [&](std::size_t i) { return bytes.substr(places[i].offset, places[i].header.block_size()); };
  replace(2, bytes.substr(0, SegmentHeader::kSize) + block(1) + block(0) + block(2));
  EXPECT_THAT(faults(), ::testing::Not(IsEmpty()));
}

TEST_F(TraceVerify, NamesASegmentThatWasRemoved) {
  std::filesystem::remove(path(2));
  EXPECT_THAT(faults(), ElementsAre("segment 2 is missing: its file was removed"));
  std::filesystem::remove(path(3));
  EXPECT_THAT(faults(),
              ElementsAre("segment 2 is missing: its file was removed", "segment 3 is missing: its file was removed"));
}

TEST_F(TraceVerify, NamesTheFirstSegmentWhenItWasRemoved) {
  std::filesystem::remove(path(1));
  EXPECT_THAT(faults(), ElementsAre("segment 1 is missing: its file was removed"));
}

TEST_F(TraceVerify, SeesThatAClosedSegmentLostItsEnd) {
  replace(2, bytes_of(2).substr(0, blocks_of(2)[2].offset));
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("segment 3: it does not continue the segment before")));
}

TEST_F(TraceVerify, SeesThatTheNewestSegmentLostItsEnd) {
  const auto bytes = bytes_of(3);
  const auto places = blocks_of(3);
  replace(3, bytes.substr(0, places[2].offset));
  EXPECT_THAT(faults(), ElementsAre("segment 3, block 2 is missing: the file ends before it"));
  replace(3, bytes.substr(0, places[1].offset));
  EXPECT_THAT(faults(), ElementsAre("segment 3, blocks 1 to 2 are missing: the file ends before them"));
  replace(3, bytes.substr(0, places[1].offset + 10));
  EXPECT_THAT(faults(), ::testing::Contains(HasSubstr("blocks 1 to 2 are missing")));
}

TEST_F(TraceVerify, SeesBytesThatWerePutIn) {
  auto bytes = bytes_of(2);
  bytes.insert(blocks_of(2)[1].offset, "foreign");
  replace(2, bytes);
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("foreign bytes were put there")));
}

TEST_F(TraceVerify, SeesASegmentOfAnotherNode) {
  const auto ours = bytes_of(2);
  testlib::TemporaryDirectory elsewhere;
  Store store;
  auto options = options_;
  options.directory = elsewhere.path();
  auto other = Trace::open(options, store, *files_, clock_, log_).value();
  store::Transaction transaction;
  other->encode_into(transaction.batch, event_at_next_second());
  store.commit(std::move(transaction), [](const auto&) {});
  ASSERT_TRUE(other->settle());
  replace(1, read_whole(*files_, segment_path(elsewhere.path() + "/trace", 1), 1U << 20).value());
  EXPECT_THAT(faults(), ElementsAre("segment 1, block 0: its signature is not this node's",
                                    HasSubstr("segment 2: it does not continue the segment before")));
}

TEST_F(TraceVerify, StillSearchesWhatIsLeft) {
  flip(2, blocks_of(2)[1].offset + BlockHeader::kSize + 5);
  log_.expect("a search left something out: trace segment 2, block 1: its contents fail their hash");
  EXPECT_EQ(details().size(), 8U);
  EXPECT_EQ(trace_->usage().damaged_blocks, 1U);
}

TEST_F(TraceVerify, GoesOnAfterTheNewestSegmentWasCutShort) {
  replace(3, bytes_of(3).substr(0, blocks_of(3)[1].offset));
  log_.expect("trace segment 3 cannot be used");
  open();
  settle_one("after");
  EXPECT_EQ(details().front(), "after");
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("segment 4: it does not continue the segment before")));
}

TEST_F(TraceVerify, GoesOnWithANewKeyWhenTheOldOneIsGone) {
  std::filesystem::remove(directory_.path() + "/trace-key.pem");
  log_.expect("the node's trace key is new");
  open();
  settle_one("after");
  EXPECT_THAT(faults(), IsEmpty());
}

TEST_F(TraceVerify, KeepsItsKeyFromOthers) {
  namespace fs = std::filesystem;
  const auto permissions = fs::status(directory_.path() + "/trace-key.pem").permissions();
  EXPECT_EQ(permissions, fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(TraceVerify, RefusesAKeyThatIsNone) {
  std::ofstream{directory_.path() + "/trace-key.pem"} << "nonsense";
  trace_.reset();
  const auto opened = Trace::open(options_, store_, *files_, clock_, log_);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, ErrorCode::kCorrupt);
}

TEST_F(TraceVerify, DistrustsAForgedAnchor) {
  options_.retention = std::chrono::hours{30};
  open();
  ASSERT_TRUE(trace_->settle());
  ASSERT_EQ(trace_->usage().segments, 2U);
  EXPECT_THAT(faults(), IsEmpty());
  store::Batch batch;
  auto anchor = store_.kv_contents().at("a");
  anchor[40] = static_cast<char>(anchor[40] ^ 1);
  batch.put(store::Family::kTrace, "a", anchor);
  store_.fake_kv().apply(batch, {});
  EXPECT_THAT(faults(), ElementsAre(HasSubstr("has no valid signature")));
}

}  // namespace
}  // namespace bulkhead::trace
