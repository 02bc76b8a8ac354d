// Settling: every event is in exactly one place, whatever fails or stops in between.
#include <cstdio>
#include <thread>

#include <fmt/format.h>

#include "tests/unit/trace/trace_fixture.h"

namespace bulkhead::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TraceSettle : public TraceFixture {
 protected:
  bool commit_detail(const std::string& detail) {
    auto event = event_at_next_second();
    event.detail = detail;
    return commit(event).has_value();
  }
  void expect_sound() {
    const auto verification = trace_->verify();
    ASSERT_TRUE(verification);
    EXPECT_THAT(verification->faults, IsEmpty());
  }
  std::size_t files(const std::string& ending) const {
    std::size_t count = 0;
    for (const auto& entry : std::filesystem::directory_iterator{directory_.path() + "/trace"}) {
      if (entry.path().string().ends_with(ending)) ++count;
    }
    return count;
  }
};

TEST_F(TraceSettle, WaitsUntilABlockIsFullOrItsOldestEventOld) {
  options_.settle_age = std::chrono::minutes{10};
  options_.block_size = 1000;
  open();
  ASSERT_TRUE(commit_detail("few"));
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 1U);
  EXPECT_EQ(trace_->usage().unsettled, 1U);
  ASSERT_TRUE(commit_detail(std::string(1000, 'x')));
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 0U);
  ASSERT_TRUE(commit_detail("old"));
  clock_.advance(std::chrono::minutes{10} - std::chrono::microseconds{1});
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 1U);
  clock_.advance(std::chrono::microseconds{1});
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 0U);
  expect_sound();
}

TEST_F(TraceSettle, LeavesAnOlderEventWhoseCommitIsStillUnderWay) {
  store::Transaction slow;
  auto event = event_at_next_second();
  event.detail = "slow";
  ASSERT_TRUE(commit_detail("before"));
  trace_->encode_into(slow.batch, event);
  ASSERT_TRUE(commit_detail("after"));
  ASSERT_TRUE(commit_detail("last"));
  ASSERT_TRUE(trace_->settle());
  EXPECT_THAT(details(), ElementsAre("last", "after", "before"));
  store_.commit(std::move(slow), [](const auto& result) { EXPECT_TRUE(result); });
  EXPECT_THAT(details(), ElementsAre("last", "after", "before", "slow"));
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 0U);
  EXPECT_THAT(details(), ElementsAre("last", "after", "before", "slow"));
  expect_sound();
}

// The commit that takes the events from the kv arrives between the reading of the kv and the removal.
TEST_F(TraceSettle, KeepsWhatIsCommittedWhileItSettles) {
  store::Transaction slow;
  ASSERT_TRUE(commit_detail("first"));
  auto event = event_at_next_second();
  event.detail = "slow";
  trace_->encode_into(slow.batch, event);
  ASSERT_TRUE(commit_detail("second"));
  store_.hold_commits();
  std::thread settling{[this] { EXPECT_TRUE(trace_->settle()); }};
  while (store_.held_commits() == 0) std::this_thread::yield();
  EXPECT_THAT(details(), ElementsAre("second", "first")) << "in the kv and in a block, shown once";
  store_.fake_kv().apply(slow.batch, {});
  store_.release_commits();
  settling.join();
  EXPECT_THAT(details(), ElementsAre("second", "slow", "first"));
  EXPECT_EQ(waiting_in_kv(), 1U);
}

TEST_F(TraceSettle, LosesAndDoublesNothingInACrashBeforeTheCommit) {
  settle_one("zero");
  ASSERT_TRUE(commit_detail("one"));
  ASSERT_TRUE(commit_detail("two"));
  const auto before = std::filesystem::file_size(directory_.path() + "/trace/00000001.seg");
  store_.fail_commits({ErrorCode::kUnavailable, "the power is off", ""});
  ASSERT_FALSE(trace_->settle());
  EXPECT_GT(std::filesystem::file_size(directory_.path() + "/trace/00000001.seg"), before) << "the block was written";
  open();
  EXPECT_THAT(details(), ElementsAre("two", "one", "zero"));
  expect_sound();
  ASSERT_TRUE(commit_detail("three"));
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(waiting_in_kv(), 0U);
  open();
  EXPECT_THAT(details(), ElementsAre("three", "two", "one", "zero"));
  expect_sound();
}

TEST_F(TraceSettle, TakesABlockBackWhenItsCommitFails) {
  for (const std::uint64_t segment_size : {1ULL << 20, 1ULL}) {
    options_.segment_size = segment_size;  // in the second round each block begins a segment
    open();
    ASSERT_TRUE(commit_detail("one"));
    store_.fail_commits({ErrorCode::kFull, "the disk is full", ""});
    const auto settled = trace_->settle();
    ASSERT_FALSE(settled);
    EXPECT_EQ(settled.error().code, ErrorCode::kFull);
    EXPECT_EQ(details().front(), "one");
    EXPECT_EQ(waiting_in_kv(), 1U);
    ASSERT_TRUE(trace_->settle());
    EXPECT_EQ(waiting_in_kv(), 0U);
    expect_sound();
  }
  EXPECT_THAT(details(), ElementsAre("one", "one"));
}

TEST_F(TraceSettle, SurvivesACrashWhileASegmentBegins) {
  options_.segment_size = 1;
  open();
  settle_one("one");
  ASSERT_TRUE(commit_detail("two"));
  store_.fail_commits({ErrorCode::kUnavailable, "the power is off", ""});
  ASSERT_FALSE(trace_->settle());
  open();
  EXPECT_EQ(files(".seg"), 1U) << "the segment without a head is gone";
  EXPECT_THAT(details(), ElementsAre("two", "one"));
  settle_one("three");
  EXPECT_THAT(details(), ElementsAre("three", "two", "one"));
  expect_sound();
}

TEST_F(TraceSettle, SurvivesACrashInTheVeryFirstBlock) {
  ASSERT_TRUE(commit_detail("one"));
  store_.fail_commits({ErrorCode::kUnavailable, "the power is off", ""});
  ASSERT_FALSE(trace_->settle());
  open();
  EXPECT_EQ(files(".seg"), 0U);
  settle_one("two");
  EXPECT_THAT(details(), ElementsAre("two", "one"));
  expect_sound();
}

TEST_F(TraceSettle, KeepsSegmentsWhoseKvWasLost) {
  settle_one("one");
  store::Batch loss;
  loss.remove_range(store::Family::kTrace, std::string(1, '\0'), "\xff");
  store_.fake_kv().apply(loss, {});
  log_.expect("trace segment 00000001.seg has no head record");
  open();
  EXPECT_EQ(files(".lost"), 1U);
  settle_one("two");
  EXPECT_THAT(details(), ElementsAre("two"));
  expect_sound();
}

TEST_F(TraceSettle, NeverUsesANumberTwice) {
  ASSERT_TRUE(commit_detail("one"));
  open();
  ASSERT_TRUE(commit_detail("two"));
  ASSERT_TRUE(trace_->settle());
  open();
  ASSERT_TRUE(commit_detail("three"));
  EXPECT_THAT(details(), ElementsAre("three", "two", "one"));
}

TEST_F(TraceSettle, BeginsASegmentAfterItsSizeOrAge) {
  settle_one("one");
  settle_one("two");
  EXPECT_EQ(trace_->usage().segments, 1U);
  clock_.advance(options_.segment_age);
  settle_one("three");
  EXPECT_EQ(trace_->usage().segments, 2U);
  EXPECT_EQ(files(".idx"), 1U);
  open();
  EXPECT_THAT(details(), ElementsAre("three", "two", "one"));
  expect_sound();
}

TEST_F(TraceSettle, DropsWholeSegmentsBeyondRetentionAndStaysVerifiable) {
  options_.segment_size = 1;
  options_.retention = std::chrono::hours{1};
  open();
  settle_one("one");
  settle_one("two");
  settle_one("three");
  clock_.advance(std::chrono::hours{1} - std::chrono::seconds{2});  // the first is exactly an hour old
  ASSERT_TRUE(trace_->settle());
  EXPECT_EQ(trace_->usage().segments, 3U);
  clock_.advance(std::chrono::microseconds{1});
  ASSERT_TRUE(trace_->settle());
  EXPECT_THAT(details(), ElementsAre("three", "two"));
  EXPECT_EQ(files(".seg"), 2U);
  expect_sound();
  open();
  expect_sound();
  clock_.advance(std::chrono::hours{100});
  ASSERT_TRUE(trace_->settle());
  EXPECT_THAT(details(), ElementsAre("three")) << "the last segment stays";
  settle_one("four");
  EXPECT_THAT(details(), ElementsAre("four"));
  expect_sound();
}

TEST_F(TraceSettle, KeepsFewerBytesPerEventThanPromised) {
  // The shape of real mail: a message has an arrival, a queueing and a delivery; ids and Message-IDs are random.
  options_.settle_age = std::chrono::minutes{10};
  open();
  constexpr int kMessages = 12'000;
  std::vector<TenantId> tenants;
  for (int i = 0; i < 50; ++i) tenants.push_back(TenantId::make(clock_, random_));
  for (int i = 0; i < kMessages; ++i) {
    clock_.advance(std::chrono::milliseconds{7} + std::chrono::microseconds{random_.below(5000)});
    const auto tenant = random_.below(50);
    Event event;
    event.at = clock_.now();
    event.id = MessageId::make(clock_, random_);
    event.tenant = tenants[tenant];
    event.account_name = fmt::format("user{}@customer{}.example", random_.below(40), tenant);
    event.client_ip =
        IpAddress::v4({198, 51, static_cast<std::uint8_t>(tenant), static_cast<std::uint8_t>(random_.below(200))});
    event.protocol = "submission";
    event.sender = event.account_name;
    event.recipients = {fmt::format("person{}@domain{}.example", random_.below(20'000), random_.below(800))};
    event.message_id = fmt::format("<{:016x}@customer{}.example>", random_.next(), tenant);
    event.subject = fmt::format("Invoice {} for order {}", random_.below(100'000), random_.below(1'000'000));
    event.size = 2000 + random_.below(60'000);
    event.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
    ASSERT_TRUE(commit(event));
    Event queued;
    queued.at = event.at + std::chrono::microseconds{300};
    queued.kind = EventKind::kQueued;
    queued.id = event.id;
    queued.tenant = event.tenant;
    queued.recipients = event.recipients;
    ASSERT_TRUE(commit(queued));
    Event delivered = queued;
    delivered.kind = EventKind::kDelivered;
    delivered.at = event.at + std::chrono::microseconds{200'000 + random_.below(900'000)};
    delivered.source = IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(tenant)});
    delivered.sender = event.sender;
    delivered.remote = fmt::format("mx{}.domain.example[203.0.113.{}]:25", random_.below(800), random_.below(250));
    delivered.reply = fmt::format("250 2.0.0 Ok: queued as {:010X}", random_.next() & 0xFFFFFFFFFF);
    delivered.tls = event.tls;
    ASSERT_TRUE(commit(delivered));
  }
  ASSERT_TRUE(trace_->settle());
  options_.segment_size = 1;
  options_.settle_age = std::chrono::seconds{0};
  open();
  ASSERT_TRUE(trace_->settle());
  settle_one("closes the segment, so that its index counts");
  const double events = 3.0 * kMessages + 1;
  const double each = static_cast<double>(trace_->usage().bytes) / events;
  RecordProperty("bytes_per_event", fmt::format("{:.1f}", each));
  std::printf("[  FIGURE  ] %.1f bytes on disk per event\n", each);
  EXPECT_LT(each, 100.0);
  expect_sound();
}

}  // namespace
}  // namespace bulkhead::trace
