// Every search is tried while the events wait in the kv, after they were settled, after a restart, and when the segment
// has been closed: the answers are the same.
#include "tests/unit/trace/trace_fixture.h"

namespace bulkhead::trace {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

enum class Place { kWaiting, kSettled, kReopened, kClosed, kWithoutIndex };

class TraceSearch : public TraceFixture, public ::testing::WithParamInterface<Place> {
 protected:
  TraceSearch() {
    auto received = event_at_next_second();
    received.id = message_;
    received.tenant = acme_;
    received.account = account_;
    received.account_name = "Alice@acme.example";
    received.client_ip = IpAddress::parse("198.51.100.1");
    received.protocol = "submission";
    received.sender = "alice@acme.example";
    received.recipients = {"bob@Example.net", "carol@example.org"};
    received.message_id = "<1@acme.example>";
    received.subject = "Quarterly Report";
    received.detail = "received";
    first_at_ = received.at;
    auto delivered = event_at_next_second(EventKind::kDelivered);
    delivered.id = message_;
    delivered.tenant = acme_;
    delivered.source = IpAddress::parse("192.0.2.1");
    delivered.recipients = {"bob@example.net"};
    delivered.site = "example.net";
    delivered.detail = "delivered";
    auto login = event_at_next_second(EventKind::kLogin);
    login.tenant = other_;
    login.user = "dave@other.example";
    login.client_ip = IpAddress::parse("2001:db8::1");
    login.protocol = "imap";
    login.detail = "login";
    for (const auto& event : {received, delivered, login}) EXPECT_TRUE(commit(event));
    bring_to(GetParam());
  }

  void bring_to(Place place) {
    if (place == Place::kWaiting) return;
    if (place == Place::kClosed || place == Place::kWithoutIndex) options_.segment_size = 1;
    open();
    EXPECT_TRUE(trace_->settle());
    EXPECT_EQ(waiting_in_kv(), 0U);
    if (place == Place::kSettled) return;
    if (place != Place::kReopened) settle_one("later");  // begins the next segment, closes the first
    if (place == Place::kWithoutIndex) std::filesystem::remove(directory_.path() + "/trace/00000001.idx");
    open();
  }
  // Without the event that closes the first segment.
  std::vector<std::string> found(const Query& query) {
    auto all = details(query);
    std::erase(all, "later");
    return all;
  }

  MessageId message_ = MessageId::make(clock_, random_);
  TenantId acme_ = TenantId::make(clock_, random_), other_ = TenantId::make(clock_, random_);
  AccountId account_ = AccountId::make(clock_, random_);
  UtcTime first_at_;
};

INSTANTIATE_TEST_SUITE_P(Places, TraceSearch,
                         ::testing::Values(Place::kWaiting, Place::kSettled, Place::kReopened, Place::kClosed,
                                           Place::kWithoutIndex));

TEST_P(TraceSearch, FindsAllNewestFirst) {
  EXPECT_THAT(found({}), ElementsAre("login", "delivered", "received"));
}

TEST_P(TraceSearch, FindsByIds) {
  Query query;
  query.id = message_;
  EXPECT_THAT(found(query), ElementsAre("delivered", "received"));
  query.id = MessageId::make(clock_, random_);
  EXPECT_THAT(found(query), IsEmpty());
  query = {};
  query.account = account_;
  EXPECT_THAT(found(query), ElementsAre("received"));
}

TEST_P(TraceSearch, ShowsATenantOnlyItsOwn) {
  Query query;
  query.tenant = acme_;
  EXPECT_THAT(found(query), ElementsAre("delivered", "received"));
  query.tenant = other_;
  EXPECT_THAT(found(query), ElementsAre("login"));
  query.id = message_;
  EXPECT_THAT(found(query), IsEmpty());
  query.id.reset();
  query.sender = "alice@acme.example";
  EXPECT_THAT(found(query), IsEmpty());
  query.tenant = TenantId::make(clock_, random_);
  query.sender.clear();
  EXPECT_THAT(found(query), IsEmpty());
  EXPECT_TRUE(trace_->of_message(other_, message_)->empty());
  EXPECT_EQ(trace_->of_message(acme_, message_)->size(), 2U);
}

TEST_P(TraceSearch, FindsByAddressesInAnyCase) {
  const auto with = [this](std::string Query::*field, const char* value) {
    Query query;
    query.*field = value;
    return found(query);
  };
  EXPECT_THAT(with(&Query::sender, "ALICE@acme.example"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::sender, "bob@example.net"), IsEmpty());
  EXPECT_THAT(with(&Query::recipient, "BOB@example.NET"), ElementsAre("delivered", "received"));
  EXPECT_THAT(with(&Query::recipient, "carol@example.org"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::recipient, "carol"), IsEmpty());
  EXPECT_THAT(with(&Query::recipient_domain, "EXAMPLE.net"), ElementsAre("delivered", "received"));
  EXPECT_THAT(with(&Query::recipient_domain, "net"), IsEmpty());
  EXPECT_THAT(with(&Query::account_name, "alice@ACME.example"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::user, "Dave@other.example"), ElementsAre("login"));
}

TEST_P(TraceSearch, FindsByTexts) {
  const auto with = [this](std::string Query::*field, const char* value) {
    Query query;
    query.*field = value;
    return found(query);
  };
  EXPECT_THAT(with(&Query::message_id, "<1@acme.example>"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::message_id, "1@acme.example"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::message_id, "1@ACME.example"), IsEmpty());
  EXPECT_THAT(with(&Query::subject, "terly rep"), ElementsAre("received"));
  EXPECT_THAT(with(&Query::subject, "terly  rep"), IsEmpty());
  EXPECT_THAT(with(&Query::protocol, "imap"), ElementsAre("login"));
  EXPECT_THAT(with(&Query::site, "Example.net"), ElementsAre("delivered"));
  EXPECT_THAT(with(&Query::site, "net"), IsEmpty());
}

TEST_P(TraceSearch, FindsByNetworkAddressesAndKind) {
  Query query;
  query.client_ip = IpAddress::parse("198.51.100.1");
  EXPECT_THAT(found(query), ElementsAre("received"));
  query.client_ip = IpAddress::parse("2001:db8::1");
  EXPECT_THAT(found(query), ElementsAre("login"));
  query = {};
  query.source = IpAddress::parse("192.0.2.1");
  EXPECT_THAT(found(query), ElementsAre("delivered"));
  query = {};
  query.kind = EventKind::kLogin;
  EXPECT_THAT(found(query), ElementsAre("login"));
  query.kind = EventKind::kBounced;
  EXPECT_THAT(found(query), IsEmpty());
}

TEST_P(TraceSearch, BoundsTheTimeInclusively) {
  Query query;
  query.since = first_at_;
  query.until = first_at_;
  EXPECT_THAT(found(query), ElementsAre("received"));
  query.since = first_at_ + std::chrono::microseconds{1};
  query.until.reset();
  EXPECT_THAT(found(query), ElementsAre("login", "delivered"));
  query.since.reset();
  query.until = first_at_ - std::chrono::microseconds{1};
  EXPECT_THAT(found(query), IsEmpty());
}

TEST_P(TraceSearch, CombinesFiltersWithAnd) {
  Query query;
  query.id = message_;
  query.kind = EventKind::kDelivered;
  query.recipient_domain = "example.net";
  EXPECT_THAT(found(query), ElementsAre("delivered"));
  query.protocol = "imap";
  EXPECT_THAT(found(query), IsEmpty());
}

TEST_P(TraceSearch, StopsAtTheLimit) {
  Query query;
  query.tenant = acme_;
  for (const std::size_t limit : {0U, 1U, 2U, 3U}) {
    query.limit = limit;
    EXPECT_EQ(found(query).size(), std::min<std::size_t>(limit, 2)) << limit;
  }
  query.limit = 1;
  EXPECT_THAT(found(query), ElementsAre("delivered"));
}

TEST_P(TraceSearch, ReturnsWholeEvents) {
  const auto events = trace_->of_message(message_);
  ASSERT_TRUE(events);
  ASSERT_EQ(events->size(), 2U);
  EXPECT_EQ(events->front().detail, "received");
  EXPECT_THAT(events->front().recipients, ElementsAre("bob@Example.net", "carol@example.org"));
  EXPECT_EQ(events->front().at, first_at_);
  EXPECT_EQ(events->back().kind, EventKind::kDelivered);
}

}  // namespace
}  // namespace bulkhead::trace
