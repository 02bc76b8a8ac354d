#include <gtest/gtest.h>

#include "src/delivery/feedback_desk.h"
#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using queue::Fate;
using queue::Outcome;

struct LocalWorld : World {
  LocalWorld() {
    account.id = AccountId::make(clock, random);
    account.tenant = tenant;
    account.address = {"bob", "acme.example"};
    directory.accounts[account.id] = account;
  }
  queue::Job post_local() {
    auto letter = message("Subject: x\r\n\r\nhello\r\n", {"bob@acme.example"});
    letter->recipients[0].local = account.id;
    queue::Job job = job_of(letter);
    job.domain.clear();
    queue.add(local_lane(), job);
    return job;
  }
  queue::LaneKey local_lane() const { return lane(std::string{kLocalSite}); }
  void change(std::function<void(tenants::Account&)> edit) { edit(directory.accounts[account.id]); }
  std::uint64_t stored() { return mailboxes->usage(account.id)->messages; }

  tenants::Account account;
};

TEST(LocalDelivery, StoresTheMessageWithTheOutcomesCommit) {
  LocalWorld world;
  const auto job = world.post_local();
  world.work(world.local_lane(), 1);
  const Outcome outcome = world.queue.outcome_of(job);
  ASSERT_EQ(outcome.recipients.size(), 1U);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered);
  EXPECT_FALSE(outcome.batch.empty());
  EXPECT_EQ(world.stored(), 1U);
  EXPECT_EQ(world.store.fake_kv().contents(store::Family::kTrace).at(job.message->id.text()), "stored");
}

TEST(LocalDelivery, StoresAMessageOnceHoweverOftenItComes) {
  LocalWorld world;
  const auto job = world.post_local();
  world.work(world.local_lane(), 1);
  world.queue.add(world.local_lane(), job);
  world.work(world.local_lane(), 2);
  EXPECT_EQ(world.queue.outcomes()[1].second.recipients[0].fate, Fate::kDelivered);
  EXPECT_EQ(world.stored(), 1U);
}

TEST(LocalDelivery, DefersWhileTheMailboxIsFullOrSuspendedOrTheDirectoryAway) {
  LocalWorld world;
  world.post_local();
  world.work(world.local_lane(), 1);
  world.change([](auto& account) { account.quota_bytes = 30; });
  const auto full = world.post_local();
  world.work(world.local_lane(), 2);
  world.change([](auto& account) {
    account.quota_bytes = 0;
    account.suspension = tenants::Suspension::kSuspended;
  });
  const auto suspended = world.post_local();
  world.work(world.local_lane(), 3);
  world.directory.is_away = true;
  const auto away = world.post_local();
  world.work(world.local_lane(), 4);
  EXPECT_EQ(world.queue.outcome_of(full).recipients[0].answer.enhanced, "4.2.2");
  EXPECT_EQ(world.queue.outcome_of(suspended).recipients[0].answer.enhanced, "4.2.1");
  EXPECT_EQ(world.queue.outcome_of(away).recipients[0].answer.enhanced, "4.3.0");
  for (const auto& job : {full, suspended, away}) {
    EXPECT_EQ(world.queue.outcome_of(job).recipients[0].fate, Fate::kDeferred);
  }
  EXPECT_EQ(world.stored(), 1U);
}

TEST(LocalDelivery, ReturnsWhatIsLargerThanTheMailboxMayEverBe) {
  LocalWorld world;
  const auto exact = world.post_local();
  world.change([&](auto& account) { account.quota_bytes = exact.message->size; });
  world.work(world.local_lane(), 1);
  EXPECT_EQ(world.queue.outcome_of(exact).recipients[0].fate, Fate::kDelivered);
  world.change([&](auto& account) { account.quota_bytes = exact.message->size - 1; });
  const auto larger = world.post_local();
  world.work(world.local_lane(), 2);
  const Outcome outcome = world.queue.outcome_of(larger);
  const auto& recipient = outcome.recipients[0];
  EXPECT_EQ(recipient.fate, Fate::kFailed);
  EXPECT_EQ(recipient.answer.code, 552);
  EXPECT_EQ(recipient.answer.enhanced, "5.2.2");
}

TEST(LocalDelivery, TellsNobodyOfAMessageWhoseCommitFailed) {
  LocalWorld world;
  world.post_local();
  world.store.fail_commits(Error{ErrorCode::kUnavailable, "the disk is gone", ""});
  world.work(world.local_lane(), 1);
  EXPECT_EQ(world.trace.published, 0);
  EXPECT_EQ(world.stored(), 0U);
  world.post_local();
  world.work(world.local_lane(), 2);
  EXPECT_EQ(world.trace.published, 1);
}

TEST(LocalDelivery, HoldsTheMailOfASuspendedTenant) {
  LocalWorld world;
  world.directory.rows.tenants[0].suspension = tenants::Suspension::kSuspended;
  world.directory.publish();
  const auto job = world.post_local();
  world.work(world.local_lane(), 1);
  const Outcome outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.kind, Outcome::Kind::kHeld);
  EXPECT_EQ(outcome.hold_code, "tenant-suspended");
  EXPECT_EQ(world.stored(), 0U);
}

TEST(LocalDelivery, FailsForAnAccountThatWasRemoved) {
  LocalWorld world;
  const auto job = world.post_local();
  world.directory.accounts.clear();
  world.work(world.local_lane(), 1);
  const auto recipient = world.queue.outcome_of(job).recipients[0];
  EXPECT_EQ(recipient.fate, Fate::kFailed);
  EXPECT_EQ(recipient.answer.enhanced, "5.1.1");
}

struct Desk final : FeedbackDesk {
  Result<std::vector<trace::Event>> take(const queue::Message& message, const TenantId& tenant) override {
    trace::Event event;
    event.kind = trace::EventKind::kComplained;
    event.id = message.id;
    event.tenant = tenant;
    return std::vector{event};
  }
  net::BlockingPool& pool() override { return its_pool; }

  net::BlockingPool its_pool{1, 10};
};

struct FeedbackWorld : LocalWorld {
  queue::Job post_report() {
    auto report = message("Subject: report\r\n\r\n", {"fbl@acme.example"});
    report->recipients[0].local = queue::feedback_mailbox(tenant);
    queue::Job job = job_of(report);
    job.domain.clear();
    queue.add(local_lane(), job);
    return job;
  }
  Desk its_desk;
};

TEST(LocalDelivery, AReportIsReadAndItsBodyKeptByNobody) {
  FeedbackWorld world;
  world.desk = &world.its_desk;
  const auto job = world.post_report();
  world.work(world.local_lane(), 1);
  const Outcome outcome = world.queue.outcome_of(job);
  ASSERT_EQ(outcome.recipients.size(), 1U);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered);
  EXPECT_TRUE(outcome.recipients[0].is_consumed);
  EXPECT_EQ(world.trace.published, 1);
}

TEST(LocalDelivery, TellsNobodyOfAReportWhoseCommitFailed) {
  FeedbackWorld world;
  world.desk = &world.its_desk;
  world.post_report();
  world.store.fail_commits(Error{ErrorCode::kUnavailable, "the disk is gone", ""});
  world.work(world.local_lane(), 1);
  EXPECT_EQ(world.trace.published, 0);
}

}  // namespace
}  // namespace bulkhead::delivery
