// Recording and following.
#include <thread>

#include "tests/unit/trace/trace_fixture.h"

namespace bulkhead::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TraceRecord : public TraceFixture {
 protected:
  void record(const std::string& detail) {
    Event event = event_at_next_second(EventKind::kLogin);
    event.detail = detail;
    trace_->record(std::move(event));
  }
};

TEST_F(TraceRecord, IsDurableAfterAFlush) {
  record("one");
  record("two");
  ASSERT_TRUE(trace_->flush());
  EXPECT_EQ(waiting_in_kv(), 2U);
  EXPECT_THAT(details(), ElementsAre("two", "one"));
}

TEST_F(TraceRecord, IsDurableAfterTheEnd) {
  options_.record_linger = std::chrono::hours{1};
  open();
  record("one");
  trace_->close();
  EXPECT_EQ(waiting_in_kv(), 1U);
  record("too late");
  EXPECT_EQ(trace_->usage().dropped, 1U);
  EXPECT_TRUE(trace_->flush());
  trace_->close();
}

TEST_F(TraceRecord, GivesAnEventWithoutTimeThePresentOne) {
  trace_->record(Event{});
  ASSERT_TRUE(trace_->flush());
  ASSERT_TRUE(commit(Event{}));
  const auto events = trace_->search({});
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2U);
  for (const auto& event : *events) EXPECT_EQ(event.at, clock_.now());
}

TEST_F(TraceRecord, KeepsEventsOverAFailedCommit) {
  log_.expect("events of the trace wait in memory");
  store_.fail_commits({ErrorCode::kFull, "the disk is full", ""});
  record("one");
  (void)trace_->flush();  // reports the failure, unless the recorder was faster than this thread
  ASSERT_TRUE(trace_->flush());
  EXPECT_THAT(details(), ElementsAre("one"));
  EXPECT_EQ(trace_->usage().dropped, 0U);
}

TEST_F(TraceRecord, CountsWhatItLosesAtTheEnd) {
  log_.expect("events of the trace wait in memory");
  log_.expect("1 events of the trace are lost at the end: the disk is full");
  store_.fail_commits({ErrorCode::kFull, "the disk is full", ""}, 1000);
  record("one");
  trace_->close();
  EXPECT_EQ(trace_->usage().dropped, 1U);
}

TEST_F(TraceRecord, BoundsItsBuffer) {
  options_.record_buffer_max = 3;
  options_.record_linger = std::chrono::hours{1};
  open();
  for (const char* detail : {"1", "2", "3"}) record(detail);
  EXPECT_EQ(trace_->usage().dropped, 0U);
  record("4");
  EXPECT_EQ(trace_->usage().dropped, 1U);
  ASSERT_TRUE(trace_->flush());
  EXPECT_THAT(details(), ElementsAre("3", "2", "1"));
}

TEST_F(TraceRecord, ShowsFollowersWhatMatches) {
  std::vector<std::string> seen;
  Query logins;
  logins.kind = EventKind::kLogin;
  auto subscription = trace_->follow(logins, [&seen](const Event& event) { seen.push_back(event.detail); });
  record("recorded");
  ASSERT_TRUE(trace_->flush());
  Event event = event_at_next_second(EventKind::kReceived);
  event.detail = "other kind";
  trace_->publish(event);
  event.kind = EventKind::kLogin;
  event.detail = "published";
  trace_->publish(event);
  EXPECT_THAT(seen, ElementsAre("recorded", "published"));
  subscription.reset();
  trace_->publish(event);
  EXPECT_EQ(seen.size(), 2U);
}

TEST_F(TraceRecord, ShowsAFollowerNoOtherTenantsEvents) {
  std::vector<std::string> seen;
  Query query;
  query.tenant = TenantId::make(clock_, random_);
  const auto subscription = trace_->follow(query, [&seen](const Event& event) { seen.push_back(event.detail); });
  Event event;
  event.tenant = TenantId::make(clock_, random_);
  trace_->publish(event);
  EXPECT_THAT(seen, IsEmpty());
  event.tenant = *query.tenant;
  event.detail = "own";
  trace_->publish(event);
  EXPECT_THAT(seen, ElementsAre("own"));
}

TEST_F(TraceRecord, LetsAFollowerEndItself) {
  std::shared_ptr<void> subscription;
  int calls = 0;
  subscription = trace_->follow({}, [&](const Event&) {
    ++calls;
    subscription.reset();
  });
  trace_->publish(Event{});
  trace_->publish(Event{});
  EXPECT_EQ(calls, 1);
}

TEST_F(TraceRecord, LetsSubscriptionsOutliveIt) {
  auto subscription = trace_->follow({}, [](const Event&) { FAIL(); });
  trace_.reset();
  subscription.reset();
}

TEST_F(TraceRecord, TakesEventsFromManyThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 500; ++i) {
        if (i % 2 == 0) trace_->record(Event{});
        if (i % 2 == 1) (void)commit(Event{});
        if (i % 100 == 0) {
          EXPECT_TRUE(trace_->settle());
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  ASSERT_TRUE(trace_->flush());
  Query all;
  all.limit = Trace::kLimitMax;
  EXPECT_EQ(details(all).size(), 2000U);
  EXPECT_EQ(trace_->usage().events, 2000U);
}

}  // namespace
}  // namespace bulkhead::trace
