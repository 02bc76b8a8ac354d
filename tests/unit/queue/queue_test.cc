#include "src/queue/queue.h"

#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

std::size_t queue_keys(const testlib::FakeStore& store) {
  return dynamic_cast<const testlib::FakeKv&>(store.kv()).contents(store::Family::kQueue).size();
}

TEST(Queue, DeliversAndLeavesNothingBehind) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return delivered(job); }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(queue_keys(store), 0U);
  EXPECT_EQ(store.blob_count(), 0U);
  EXPECT_EQ(world.counts().messages, 0U);
  EXPECT_EQ(world.trace.count("kind=4 "), 1U);
  EXPECT_EQ(world.trace.count("kind=6 "), 1U);
}

TEST(Queue, SimpleDeliveryCostsOnePutAndOneRemove) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return delivered(job); }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(store.usage().commits, 2U);
}

TEST(Queue, SplitsAMessageByDomainAndAccountAndReleasesItOnce) {
  testlib::FakeStore store;
  std::atomic<int> jobs{0};
  QueueWorld world{store, [&](const Job& job) {
                     ++jobs;
                     return delivered(job);
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@x.test", "c@y.test", "d@x.test", "e@z.test", "local:f@ours.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(jobs, 4);
  EXPECT_EQ(queue_keys(store), 0U);
  EXPECT_EQ(store.blob_count(), 1U) << "the mailbox took over its holder";
}

TEST(Queue, RefusesWhenTheCommitFailsAndKeepsNothing) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return delivered(job); }};
  store.fail_commits({ErrorCode::kFull, "disk full", ""});
  const auto status = world.accept("a@from.test", {"b@to.test"});
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kFull);
  EXPECT_EQ(world.counts().messages, 0U);
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, RetriesWhatIsDeferredWhenItsTimeComes) {
  testlib::FakeStore store;
  std::atomic<int> attempts{0};
  QueueWorld world{store, [&](const Job& job) {
                     return job.attempt != static_cast<std::uint32_t>(++attempts) || job.attempt < 3
                                ? all(job, Fate::kDeferred, 451, "later")
                                : delivered(job);
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  for (int i = 1; i < 3; ++i) {
    EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
    EXPECT_EQ(attempts, i);
    world.clock.advance(hours{1});
    EXPECT_TRUE(world.eventually([&] { return attempts > i; }));
  }
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(attempts, 3);
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, AnAttemptSurvivesARestart) {
  testlib::FakeStore store;
  {
    QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
    ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
    EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  }
  std::atomic<std::uint32_t> attempt{0};
  QueueWorld world{store, [&](const Job& job) {
                     attempt = job.attempt;
                     return delivered(job);
                   }};
  EXPECT_TRUE(world.eventually([&] { return world.queue().is_loaded(); }));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; })) << "not before its time";
  const auto views = world.run(world.queue().list(world.shard(), {}, "", 10));
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].reason_code, "deferred");
  EXPECT_EQ(views[0].reason, "mx.to.test[192.0.2.1]:25: 451 later");
  EXPECT_EQ(views[0].attempts, 1U);
  world.clock.advance(hours{1});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(attempt, 2U);
}

TEST(Queue, NoSourceHoldsWithoutAnAttemptAndGoesOnWhenSourcesChange) {
  testlib::FakeStore store;
  std::atomic<bool> has_source{false};
  std::atomic<std::uint32_t> attempt{0};
  QueueWorld world{store, [&](const Job& job) {
                     if (has_source) {
                       attempt = job.attempt;
                       return delivered(job);
                     }
                     Outcome outcome;
                     outcome.kind = Outcome::Kind::kHeld;
                     outcome.reason = "192.0.2.7 is not on this host";
                     return outcome;
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 1; }));
  const auto commits = store.usage().commits;
  const auto views = world.run(world.queue().list(world.shard(), {}, "", 10));
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].state, "held");
  EXPECT_EQ(views[0].reason_code, "no-source");
  EXPECT_EQ(views[0].reason, "192.0.2.7 is not on this host");
  EXPECT_EQ(world.trace.count("kind=9 "), 1U);
  has_source = true;
  world.queue().sources_changed();
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(attempt, 1U) << "holding uses no attempt";
  EXPECT_EQ(store.usage().commits, commits + 1) << "holding writes nothing";
  EXPECT_EQ(world.trace.count("kind=10 "), 1U);
}

Outcome suspended() {
  Outcome outcome;
  outcome.kind = Outcome::Kind::kHeld;
  outcome.hold_code = "tenant-suspended";
  outcome.reason = "the tenant acme is suspended";
  return outcome;
}

TEST(Queue, AHeldLaneTellsTheCarriersReasonForLaterMailToo) {
  testlib::FakeStore store;
  std::atomic<bool> is_suspended{true};
  QueueWorld world{store, [&](const Job& job) { return is_suspended ? suspended() : delivered(job); }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 1; }));
  ASSERT_TRUE(world.accept("a@from.test", {"c@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 2; }));
  const auto views = world.run(world.queue().list(world.shard(), {}, "", 10));
  ASSERT_EQ(views.size(), 2U);
  for (const auto& view : views) {
    EXPECT_EQ(view.reason_code, "tenant-suspended");
    EXPECT_EQ(view.reason, "the tenant acme is suspended");
    EXPECT_EQ(view.attempts, 0U);
  }
  EXPECT_EQ(world.trace.count("detail=tenant-suspended: the tenant acme is suspended"), 2U);
  world.run(world.queue().retry_now(world.shard(), {}));
  EXPECT_EQ(world.counts().held, 2U) << "asking for a retry does not lift a suspension";
  is_suspended = false;
  world.queue().sources_changed();
  EXPECT_TRUE(world.drains());
}

// The arrival address is IPv6 and stays; the remote has IPv4 only, and it is that address which comes back.
TEST(Queue, AHeldLaneGoesOnWhenTheSourceOfEitherFamilyChanges) {
  testlib::FakeStore store;
  std::atomic<bool> has_ipv4{false};
  std::atomic<int> looks{0};
  WorldHooks hooks;
  hooks.sources_of = [&](const LaneKey&) {
    std::vector<IpAddress> sources{*IpAddress::parse("2001:db8::7")};
    if (has_ipv4) sources.push_back(*IpAddress::parse("192.0.2.7"));
    return sources;
  };
  QueueWorld world{store,
                   [&](const Job& job) {
                     ++looks;
                     if (has_ipv4) return delivered(job);
                     Outcome outcome;
                     outcome.kind = Outcome::Kind::kHeld;
                     outcome.reason = "192.0.2.7 is not on this host";
                     return outcome;
                   },
                   {},
                   2,
                   std::move(hooks)};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 1; }));
  world.queue().sources_changed();
  world.run(world.queue().list(world.shard(), {}, "", 10));
  EXPECT_EQ(looks, 1) << "a change that is somebody else's";
  has_ipv4 = true;
  world.queue().sources_changed();
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(looks, 2);
}

TEST(Queue, MailOfARouteThatHasGoneIsDueAtOnceInItsNewLane) {
  testlib::FakeStore store;
  QueueWorld world{
      store, [](const Job& job) { return job.attempt == 1 ? all(job, Fate::kDeferred, 450, "later") : suspended(); }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  for (const auto& carrier : world.carriers) carrier->is_rerouted = true;
  world.queue().sources_changed();
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 1; })) << "no time has passed";
  const auto views = world.run(world.queue().list(world.shard(), {}, "", 10));
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].site, "new-site-of-to.test");
  EXPECT_EQ(views[0].attempts, 1U);
}

TEST(Queue, TellsProgressWithTheLaneAndTheTimeOfTheAttempt) {
  testlib::FakeStore store;
  QueueWorld world{store, delivered};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  ASSERT_TRUE(world.drains());
  const auto told = world.progress();
  EXPECT_EQ(told, (std::vector<std::string>{"delivered site-of-to.test took"}));
}

TEST(Queue, APermanentFailureMakesOneReportToTheSenderFromTheSameAddress) {
  testlib::FakeStore store;
  std::mutex mutex;
  std::vector<MessagePtr> reports;
  std::string text;
  QueueWorld world{store, [&](const Job& job) {
                     if (job.domain == "to.test") return all(job, Fate::kFailed, 550, "no such user");
                     const std::lock_guard lock{mutex};
                     reports.push_back(job.message);
                     text = *store.read_blob(job.message->body, 0, job.message->body.length);
                     return delivered(job);
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test", "c@to.test"}));
  EXPECT_TRUE(world.drains());
  ASSERT_EQ(reports.size(), 1U);
  EXPECT_FALSE(reports[0]->sender.address);
  EXPECT_EQ(reports[0]->arrival.ip, IpAddress::v4({192, 0, 2, 7}));
  EXPECT_EQ(reports[0]->recipients[0].recipient.address.text(), "a@from.test");
  EXPECT_NE(text.find("Final-Recipient: rfc822; b@to.test\r\n"), std::string::npos);
  EXPECT_NE(text.find("Final-Recipient: rfc822; c@to.test\r\n"), std::string::npos);
  EXPECT_NE(text.find("Diagnostic-Code: smtp; 550 no such user\r\n"), std::string::npos);
  EXPECT_NE(text.find("X-Ledger: 1\r\n"), std::string::npos);
  EXPECT_EQ(world.trace.count("detail=reported by " + reports[0]->id.text()), 1U) << "both recipients, one line";
  EXPECT_EQ(queue_keys(store), 0U);
  EXPECT_EQ(store.blob_count(), 0U);
}

TEST(Queue, AReportThatFailsIsNotReported) {
  testlib::FakeStore store;
  std::atomic<int> jobs{0};
  QueueWorld world{store, [&](const Job& job) {
                     ++jobs;
                     return all(job, Fate::kFailed, 550, "no");
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(jobs, 2) << "the message and its report";
  EXPECT_EQ(world.trace.count("detail=no report: the sender is <>"), 1U);
  EXPECT_EQ(store.blob_count(), 0U);
}

TEST(Queue, AReportToAnUnknownLocalSenderIsDroppedAndTheTraceSaysSo) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return all(job, Fate::kFailed, 550, "no"); }};
  ASSERT_TRUE(world.accept("gone@ours.test", {"b@to.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(world.trace.count("detail=no report: the sender's address is unknown here"), 1U);
}

TEST(Queue, ExpiresWithoutARetryAndReportsOnce) {
  testlib::FakeStore store;
  std::atomic<int> reports{0};
  RetryPolicy retry;
  retry.intervals = {hours{24 * 30}};  // no retry comes before the expiry
  retry.warn_after = seconds{0};
  QueueWorld world{store,
                   [&](const Job& job) {
                     if (job.domain == "to.test") return all(job, Fate::kDeferred, 451, "later");
                     ++reports;
                     return delivered(job);
                   },
                   retry};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  world.clock.advance(hours{24 * 5} - seconds{2});
  EXPECT_EQ(world.counts().deliveries, 1U);
  world.clock.advance(seconds{4});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(reports, 1);
  EXPECT_EQ(world.trace.count("kind=8 "), 1U);
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, HeldMailExpiresToo) {
  testlib::FakeStore store;
  RetryPolicy retry;
  retry.warn_after = seconds{0};
  QueueWorld world{store,
                   [](const Job&) {
                     Outcome outcome;
                     outcome.kind = Outcome::Kind::kHeld;
                     return outcome;
                   },
                   retry};
  ASSERT_TRUE(world.accept("", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 1; }));
  world.clock.advance(hours{24 * 5} + seconds{1});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, WarnsOnceAboutADelay) {
  testlib::FakeStore store;
  std::atomic<int> warnings{0};
  RetryPolicy retry;
  retry.intervals = {hours{10}};
  QueueWorld world{store,
                   [&](const Job& job) {
                     if (job.domain == "to.test") return all(job, Fate::kDeferred, 451, "later");
                     ++warnings;
                     return delivered(job);
                   },
                   retry};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  world.clock.advance(hours{4} + seconds{1});
  EXPECT_TRUE(world.eventually([&] { return warnings == 1; }));
  world.clock.advance(hours{20});
  EXPECT_TRUE(world.eventually([&] { return world.trace.count("kind=5 ") == 2; })) << "tried again";
  EXPECT_EQ(warnings, 1);
  EXPECT_EQ(world.counts().deliveries, 1U);
}

TEST(Queue, AJumpOfTheWallClockExpiresNothing) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  world.clock.step(hours{24 * 10});
  ASSERT_TRUE(world.accept("a@from.test", {"c@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 2; }));
  EXPECT_EQ(world.trace.count("kind=8 "), 0U);
}

TEST(Queue, RetryNowMakesWhatMatchesDue) {
  testlib::FakeStore store;
  std::atomic<int> tried_b{0}, tried_c{0};
  QueueWorld world{store, [&](const Job& job) {
                     ++(job.domain == "b.test" ? tried_b : tried_c);
                     return all(job, Fate::kDeferred, 451, "later");
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"x@b.test"}));
  ASSERT_TRUE(world.accept("a@from.test", {"x@c.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 2; }));
  Selector selector;
  selector.recipient_domain = "b.test";
  const auto counts = world.run(world.queue().retry_now(world.shard(), selector));
  EXPECT_EQ(counts.scheduled, 1U);
  EXPECT_TRUE(world.eventually([&] { return tried_b == 2; }));
  EXPECT_EQ(tried_c, 1);
}

TEST(Queue, TriesMailboxesAgainWhenTheyHaveChanged) {
  testlib::FakeStore store;
  std::atomic<bool> is_full{true};
  std::atomic<int> tried_remote{0};
  QueueWorld world{store, [&](const Job& job) {
                     if (job.domain.empty()) return is_full ? all(job, Fate::kDeferred, 451, "full") : delivered(job);
                     ++tried_remote;
                     return all(job, Fate::kDeferred, 451, "later");
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"local:anna@ours.test"}));
  ASSERT_TRUE(world.accept("a@from.test", {"x@b.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 2; }));
  is_full = false;
  const auto anna = AccountId::from_bytes("annaaccount-0001");
  world.queue().mailbox_changed(world.tenant, AccountId{});
  EXPECT_EQ(world.counts().scheduled, 2U) << "another mailbox";
  world.queue().mailbox_changed(world.tenant, anna);
  EXPECT_TRUE(world.eventually([&] { return world.counts().deliveries == 1; }));
  EXPECT_EQ(tried_remote, 1);
}

TEST(Queue, ListsInOrderOfAgeAcrossShardsInPages) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
  std::vector<std::string> ids;
  for (int i = 0; i < 25; ++i) {
    auto message = world.message("a@from.test", {"x@d" + std::to_string(i % 7) + ".test"});
    ids.push_back(message.id.text());
    ASSERT_TRUE(world.accept(std::move(message), static_cast<std::size_t>(i % 2)));
    world.clock.advance(std::chrono::milliseconds{2});
  }
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 25; }));
  std::vector<std::string> listed;
  std::string after;
  for (;;) {
    const auto page = world.run(world.queue().list(world.shard(), {}, after, 10));
    for (const auto& view : page) listed.push_back(view.message->id.text());
    if (page.size() < 10) break;
    after = page.back().key.text();
  }
  EXPECT_EQ(listed, ids);
  Selector nobody;
  nobody.tenant = TenantId::from_bytes("another-tenant-1");
  EXPECT_EQ(world.counts(nobody).deliveries, 0U);
  EXPECT_TRUE(world.run(world.queue().list(world.shard(), nobody, "", 10)).empty());
}

TEST(Queue, AnOutcomeThatCannotBeCommittedIsNotSentAgain) {
  testlib::FakeStore store;
  std::atomic<int> sent{0};
  QueueWorld world{store, [&](const Job& job) {
                     ++sent;
                     store.fail_commits({ErrorCode::kFull, "disk full", ""}, 1);
                     return delivered(job);
                   }};
  world.log.expect("cannot be made durable");
  ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(sent, 1);
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, ABrokenStoreStopsDeliveryAndKeepsTheMessageForTheNextStart) {
  testlib::FakeStore store;
  std::atomic<int> sent{0};
  {
    QueueWorld world{store, [&](const Job& job) {
                       ++sent;
                       store.fail_commits({ErrorCode::kUnavailable, "a sync failed", ""}, 1000);
                       store.refuse_new(Error{ErrorCode::kUnavailable, "a sync failed", ""});
                       return delivered(job);
                     }};
    world.log.expect("cannot be made durable");
    ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
    EXPECT_TRUE(world.eventually([&] { return sent == 1 && world.counts().active == 0; }));
    world.clock.advance(hours{2});
    EXPECT_EQ(sent, 1);
    EXPECT_EQ(queue_keys(store), 1U);
  }
  store.fail_commits({}, 0);
  store.refuse_new(std::nullopt);
  QueueWorld world{store, [&](const Job& job) { return delivered(job); }};
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(queue_keys(store), 0U);
}

TEST(Queue, ADamagedRecordDoesNotKeepOthersFromBeingServed) {
  testlib::FakeStore store;
  {
    QueueWorld world{store, [](const Job& job) { return all(job, Fate::kDeferred, 451, "later"); }};
    ASSERT_TRUE(world.accept("a@from.test", {"b@to.test"}));
    EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; }));
  }
  store::Batch batch;
  batch.put(store::Family::kQueue, message_key(MessageId{}), "garbage");
  store.fake_kv().apply(batch, {});
  QueueWorld world{store, [](const Job& job) { return delivered(job); }};
  world.log.expect("is damaged");
  EXPECT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().scheduled == 1; }));
  world.clock.advance(hours{1});
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(queue_keys(store), 1U) << "what does not decode is left for a person to see";
}

TEST(Queue, KeepsNoBodyForWhatWasReadOnly) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) {
                     auto outcome = delivered(job);
                     for (auto& one : outcome.recipients) one.is_consumed = true;
                     return outcome;
                   }};
  ASSERT_TRUE(world.accept("a@from.test", {"local:fbl@ours.test"}));
  ASSERT_TRUE(world.accept("a@from.test", {"local:fbl@ours.test", "x@b.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(store.usage().live_bytes, 0U);
}

TEST(Queue, LeavesTheBodyToTheMailboxThatHasStoredIt) {
  testlib::FakeStore store;
  QueueWorld world{store, [](const Job& job) { return delivered(job); }};
  ASSERT_TRUE(world.accept("a@from.test", {"local:anna@ours.test"}));
  EXPECT_TRUE(world.drains());
  EXPECT_GT(store.usage().live_bytes, 0U);
}

}  // namespace
}  // namespace bulkhead::queue
