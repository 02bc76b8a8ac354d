// Orders given to a whole queue: in force at once, durable, counted, and no more work than they need.

#include "tests/unit/queue/orders_world.h"

namespace bulkhead::queue {
namespace {

using std::chrono::hours;

TEST(Directives, PurgeCountsExactlyRemovesAllAndEnds) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 30);
  fill(world, "good@x.test", 3);
  const auto answer = world.direct(DirectiveAction::kPurge, of_account("bad@x.test"));
  EXPECT_EQ(answer.deliveries, 30U);
  EXPECT_EQ(answer.messages, 30U);
  EXPECT_EQ(answer.accounts, 1U);
  EXPECT_TRUE(answer.is_exact);
  EXPECT_TRUE(answer.is_complete);
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 3; }));
  EXPECT_TRUE(world.eventually([&] { return store.blob_count() == 3; }));
  EXPECT_EQ(world.counts().deliveries, 3U);
  EXPECT_EQ(world.counts().messages, 3U);
  EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); })) << "it has nothing more to do";
  EXPECT_EQ(keys_with(store, 'x'), 0U);
  EXPECT_EQ(world.trace.count("kind=11 "), 31U) << "one line a message, one for the order";
  EXPECT_EQ(world.trace.count("kind=7 "), 0U) << "nobody is told";
}

TEST(Directives, APurgeThatCannotReadForNowGoesOnLater) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 5);
  store.fake_kv().fail_reads(Error{ErrorCode::kUnavailable, "too much waits for the disk", {}});
  EXPECT_EQ(world.direct(DirectiveAction::kPurge, of_account("bad@x.test")).deliveries, 5U);
  world.clock.advance(std::chrono::seconds{2});
  EXPECT_EQ(world.counts(of_account("bad@x.test")).deliveries, 0U) << "it is out of the queue all the same";
  EXPECT_EQ(keys_with(store, 'm'), 5U);
  store.fake_kv().fail_reads(std::nullopt);
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 0; }));
  EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); }));
}

TEST(Directives, PurgeTakesMessagesWithSeveralDeliveriesWhole) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  ASSERT_TRUE(world.accept_of("bad@x.test", {"a@to1.test", "b@to2.test", "c@to3.test"}));
  ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 3; }));
  const auto answer = world.direct(DirectiveAction::kPurge, of_account("bad@x.test"));
  EXPECT_EQ(answer.deliveries, 3U);
  EXPECT_EQ(answer.messages, 1U);
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') + keys_with(store, 'd') == 0; }));
  EXPECT_EQ(store.blob_count(), 0U);
  EXPECT_TRUE(world.eventually([&] { return world.counts().messages == 0; }));
}

TEST(Directives, AHoldSurvivesARestartAndTheReleaseLetsAllGo) {
  testlib::FakeStore store;
  Doors doors;
  {
    QueueWorld world{store, doors.script()};
    fill(world, "bad@x.test", 5);
    const auto answer = world.direct(DirectiveAction::kHold, of_account("bad@x.test"), true);
    EXPECT_EQ(answer.deliveries, 5U);
    ASSERT_TRUE(world.eventually([&] { return world.counts().held == 5; }));
  }
  doors.is_open = true;
  doors.attempts = 0;
  QueueWorld world{store, doors.script()};
  world.clock.advance(hours{1});  // ids are made of the time, and the same random numbers as before
  ASSERT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().held == 5; }));
  ASSERT_TRUE(world.accept_of("bad@x.test", {"new@to.test"}));
  ASSERT_TRUE(world.eventually([&] { return world.counts().held == 6; }));
  world.clock.advance(hours{24 * 30});
  ASSERT_TRUE(world.accept_of("good@x.test", {"a@to.test"}));
  ASSERT_TRUE(world.eventually([&] { return world.counts().deliveries == 6; }));
  EXPECT_EQ(doors.attempts, 1) << "only the good one's";
  const auto views = world.run(world.queue().list(world.shard(), {}, "", 1));
  ASSERT_EQ(views.size(), 1U);
  EXPECT_EQ(views[0].state, "held");
  EXPECT_EQ(views[0].reason_code, "directive");
  const auto answer = world.direct(DirectiveAction::kRelease, of_account("bad@x.test"));
  EXPECT_EQ(answer.deliveries, 6U);
  EXPECT_EQ(answer.overridden.size(), 1U);
  EXPECT_TRUE(world.eventually([&] {
    world.clock.advance(std::chrono::milliseconds{100});
    return world.counts().deliveries == 0;
  }));
  EXPECT_TRUE(world.directives().empty());
  EXPECT_EQ(keys_with(store, 'x'), 0U);
}

TEST(Directives, APurgeGoesOnAfterARestartAndSparesWhatCameLater) {
  testlib::FakeStore store;
  Doors doors;
  {
    QueueWorld world{store, doors.script()};
    fill(world, "bad@x.test", 20);
  }
  {
    // The order is durable, and the crash comes before any of its work is.
    Directive purge;
    purge.id = DirectiveId::from_bytes("directive-000001");
    purge.number = 1;
    purge.action = DirectiveAction::kPurge;
    purge.selector.account_id = QueueWorld::account_id("bad@x.test");
    store::Transaction transaction;
    transaction.batch.put(store::Family::kQueue, directive_key(purge.id), purge.encode());
    transaction.batch.put(store::Family::kQueue, std::string{kDirectiveNumberKey}, std::string("\0\0\0\1", 4));
    store.commit(std::move(transaction), [](Result<store::Committed> done) { EXPECT_TRUE(done); });
  }
  QueueWorld world{store, doors.script()};
  world.clock.step(-hours{1});  // ids made now sort before those of the purged mail
  ASSERT_TRUE(world.accept_of("bad@x.test", {"later@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().deliveries == 1; }));
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 1; }));
  EXPECT_TRUE(world.eventually([&] { return world.directives().empty(); }));
  EXPECT_EQ(world.counts(of_account("bad@x.test")).scheduled, 1U);
}

TEST(Directives, BounceTellsLocalSendersAndNobodyWhoMayBeForged) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 3);
  const auto answer = world.direct(DirectiveAction::kBounce, of_account("bad@x.test"));
  EXPECT_EQ(answer.deliveries, 3U);
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 0; })) << "no report for a sender outside";
  EXPECT_TRUE(world.eventually([&] { return world.trace.count("kind=7 ") >= 4; }));
  fill(world, "bad@x.test", 2);
  DirectiveOrder order;
  order.selector = of_account("bad@x.test");
  order.action = DirectiveAction::kBounce;
  order.reports_to_all = true;
  order.by = "root";
  world.direct(std::move(order));
  EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 2; })) << "the two reports wait for their turn";
}

TEST(Directives, SelectorsThatNeedTheMessageAreFoundByTheSweep) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 4);
  Selector selector;
  selector.recipient = "U1@to1.test";
  const auto answer = world.direct(DirectiveAction::kPurge, selector);
  EXPECT_TRUE(answer.is_complete);
  EXPECT_EQ(answer.deliveries, 1U);
  EXPECT_TRUE(world.eventually([&] { return keys_with(store, 'm') == 3; }));
  Selector old;
  old.older_than = hours{1};
  EXPECT_EQ(world.direct(DirectiveAction::kHold, old).deliveries, 0U);
  world.clock.advance(hours{2});
  EXPECT_EQ(world.direct(DirectiveAction::kHold, old).deliveries, 3U);
}

TEST(Directives, ANarrowReleaseIsAnExceptionFromAWiderHold) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "a@x.test", 2);
  fill(world, "b@x.test", 2);
  Selector whole;
  whole.tenant = world.tenant;
  EXPECT_EQ(world.direct(DirectiveAction::kHold, whole, true).deliveries, 4U);
  ASSERT_TRUE(world.eventually([&] { return world.counts().held == 4; }));
  const auto answer = world.direct(DirectiveAction::kRelease, of_account("b@x.test"), true);
  EXPECT_FALSE(answer.id.is_nil()) << "it stays in force";
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 2; }));
  EXPECT_EQ(world.directives().size(), 2U);
  world.direct(DirectiveAction::kRelease, whole);
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 0; }));
  EXPECT_TRUE(world.directives().empty()) << "the exception has nothing to be one from";
}

TEST(Directives, OrdersThatMakeNoSenseAreRefused) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  const auto refusal = [&](DirectiveOrder order) {
    const auto answer = world.run(world.queue().direct(world.shard(), std::move(order)));
    return answer ? std::string{} : answer.error().message;
  };
  EXPECT_EQ(refusal({}), "no selector was given");
  DirectiveOrder old;
  old.selector.older_than = hours{1};
  old.and_future = true;
  EXPECT_NE(refusal(old), "");
  DirectiveOrder all;
  all.is_for_all = true;
  EXPECT_EQ(refusal(all), "");
}

TEST(Directives, WhatTheStoreRefusesIsNotInForce) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 2);
  store.fail_commits({ErrorCode::kFull, "disk full", ""});
  DirectiveOrder order;
  order.selector = of_account("bad@x.test");
  const auto answer = world.run(world.queue().direct(world.shard(), order));
  EXPECT_FALSE(answer);
  EXPECT_TRUE(world.directives().empty());
  EXPECT_EQ(world.counts().held, 0U);
}

TEST(Directives, ADryRunCountsAndShowsSamplesAndChangesNothing) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 12);
  DirectiveOrder order;
  order.selector = of_account("bad@x.test");
  order.action = DirectiveAction::kPurge;
  order.is_dry_run = true;
  const auto answer = world.direct(order);
  EXPECT_EQ(answer.deliveries, 12U);
  EXPECT_EQ(answer.samples.size(), 10U);
  EXPECT_TRUE(answer.id.is_nil());
  EXPECT_EQ(world.counts().deliveries, 12U);
}

TEST(Directives, ASuspendedAccountsMailWaitsWithoutAnAttemptUntilItIsResumed) {
  testlib::FakeStore store;
  std::atomic<bool> is_suspended{true};
  WorldHooks hooks;
  hooks.is_account_suspended = [&](const AccountId& id) {
    return is_suspended && id == QueueWorld::account_id("bad@x.test");
  };
  Doors doors;
  doors.is_open = true;
  QueueWorld world{store, doors.script(), {}, 2, std::move(hooks)};
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(world.accept_of("bad@x.test", {"a@to.test"}));
  ASSERT_TRUE(world.accept_of("good@x.test", {"a@to.test"}));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 5 && world.counts().deliveries == 5; }));
  EXPECT_EQ(doors.attempts, 1);
  is_suspended = false;
  world.queue().sources_changed();
  EXPECT_TRUE(world.drains());
}

TEST(Directives, TopNamesWhoHasTheMost) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 9);
  fill(world, "good@x.test", 2);
  const auto top = world.run(world.queue().top(world.shard(), TopBy::kAccount, {}, 5));
  ASSERT_EQ(top.size(), 2U);
  EXPECT_EQ(top[0].key, "bad@x.test");
  EXPECT_EQ(top[0].counts.deliveries, 9U);
  EXPECT_EQ(top[0].counts.messages, 9U);
  EXPECT_EQ(top[0].counts.scheduled, 9U);
  EXPECT_EQ(top[1].key, "good@x.test");
  const auto sites = world.run(world.queue().top(world.shard(), TopBy::kSite, of_account("good@x.test"), 1));
  ASSERT_EQ(sites.size(), 1U);
  EXPECT_EQ(sites[0].counts.deliveries, 1U);
}

// What is summed up by lanes and counters says the same as a look over all deliveries does.
TEST(Directives, TopOfEverythingAgreesWithTopOfASelectionOfEverything) {
  testlib::FakeStore store;
  Doors doors;
  WorldHooks hooks;
  hooks.source_preview = [](const LaneKey& lane) {
    return std::optional{IpAddress::v4({192, 0, 2, static_cast<unsigned char>(lane.site.size())})};
  };
  QueueWorld world{store, doors.script(), {}, 2, hooks};
  fill(world, "bad@x.test", 9);
  fill(world, "good@x.test", 4);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(world.accept("alone@x.test", {"a@to0.test", "b@to1.test", "c@longer.test"}));
  ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 22; }));
  world.direct(DirectiveAction::kHold, of_account("good@x.test"));
  ASSERT_TRUE(world.eventually([&] { return world.counts().held == 4; }));
  Selector all;
  all.tenant = world.tenant;
  for (const auto by :
       {TopBy::kAccount, TopBy::kTenant, TopBy::kSender, TopBy::kClientIp, TopBy::kSite, TopBy::kSource}) {
    auto fast = world.run(world.queue().top(world.shard(), by, {}, 10));
    auto slow = world.run(world.queue().top(world.shard(), by, all, 10));
    const auto by_key = [](const TopRow& a, const TopRow& b) { return a.key < b.key; };
    std::sort(fast.begin(), fast.end(), by_key);
    std::sort(slow.begin(), slow.end(), by_key);
    ASSERT_EQ(fast.size(), slow.size());
    for (std::size_t i = 0; i < fast.size(); ++i) {
      EXPECT_EQ(fast[i].key, slow[i].key);
      EXPECT_EQ(fast[i].counts.messages, slow[i].counts.messages) << fast[i].key;
      EXPECT_EQ(fast[i].counts.deliveries, slow[i].counts.deliveries) << fast[i].key;
      EXPECT_EQ(fast[i].counts.scheduled, slow[i].counts.scheduled) << fast[i].key;
      EXPECT_EQ(fast[i].counts.held, slow[i].counts.held) << fast[i].key;
    }
  }
  const auto accounts = world.run(world.queue().top(world.shard(), TopBy::kAccount, {}, 2));
  ASSERT_EQ(accounts.size(), 2U);
  EXPECT_EQ(accounts[0].counts.deliveries + accounts[1].counts.deliveries, 18U) << "nine each, one of them of nobody";
}

TEST(Directives, AHoldByStateMeansAfterARestartWhatItMeantBefore) {
  for (const auto& [state, held] : {std::pair{"scheduled", std::uint64_t{3}}, std::pair{"ready", std::uint64_t{0}}}) {
    testlib::FakeStore store;
    Doors doors;
    {
      QueueWorld world{store, doors.script()};
      fill(world, "late@x.test", 3);
      Selector selector;
      selector.state = state;
      EXPECT_EQ(world.direct(DirectiveAction::kHold, selector).deliveries, held);
      EXPECT_TRUE(world.eventually([&] { return world.counts().held == held; }));
    }
    QueueWorld world{store, doors.script()};
    EXPECT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().deliveries == 3; }));
    EXPECT_EQ(world.counts().held, held) << state;
  }
}

TEST(Directives, AnOrderRemembersWhatItMeant) {
  testlib::FakeStore store;
  Doors doors;
  {
    QueueWorld world{store, doors.script()};
    fill(world, "bad@x.test", 7);
    world.direct(DirectiveAction::kHold, of_account("bad@x.test"), true);
    ASSERT_EQ(world.directives().size(), 1U);
    EXPECT_EQ(world.directives()[0].directive.deliveries, 7U);
  }
  QueueWorld world{store, doors.script()};
  ASSERT_EQ(world.directives().size(), 1U);
  EXPECT_EQ(world.directives()[0].directive.deliveries, 7U);
  EXPECT_EQ(world.directives()[0].directive.messages, 7U);
}

TEST(Directives, TheWholeListComesPageByPageInOrder) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 25);
  for (const auto& selector : {Selector{}, of_account("bad@x.test")}) {
    std::string after;
    std::vector<std::string> seen;
    for (;;) {
      const auto page = world.run(world.queue().list(world.shard(), selector, after, 4));
      for (const auto& view : page) seen.push_back(view.key.text());
      if (page.size() < 4) break;
      after = seen.back();
    }
    EXPECT_EQ(seen.size(), 25U);
    EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
  }
}

TEST(Directives, AHoldOfAnyAccountHoldsWhatAccountsHandedInAndNothingElse) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "bad@x.test", 3);
  fill(world, "worse@x.test", 2);
  ASSERT_TRUE(world.accept("someone@elsewhere.test", {"u@to9.test"}));
  ASSERT_TRUE(world.eventually([&] { return world.counts().scheduled == 6; }));
  const auto answer = world.direct(DirectiveAction::kHold, of_account("*"), true);
  EXPECT_EQ(answer.deliveries, 5U);
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 5 && world.counts().scheduled == 1; }));
  // It does not end the hold of one account, nor is it ended by one; a release of one goes beside it.
  world.direct(DirectiveAction::kHold, of_account("bad@x.test"), true);
  EXPECT_EQ(world.run(world.queue().directives(world.shard())).size(), 2U);
  world.direct(DirectiveAction::kHold, of_account("*"), true);
  EXPECT_EQ(world.run(world.queue().directives(world.shard())).size(), 2U);
  world.direct(DirectiveAction::kRelease, of_account("worse@x.test"));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 3; }));
}

Selector to(const std::string& recipient) {
  Selector selector;
  selector.recipient = recipient;
  return selector;
}

TEST(Directives, OrdersByRecipientOrIdSayHowMuchTheyMeant) {
  testlib::FakeStore store;
  Doors doors;
  QueueWorld world{store, doors.script()};
  fill(world, "a@x.test", 6);
  const auto bounced = world.direct(DirectiveAction::kBounce, to("u1@to1.test"));
  EXPECT_EQ(bounced.deliveries, 1U);
  EXPECT_EQ(bounced.messages, 1U);
  Selector by_id;
  by_id.id = world.run(world.queue().list(world.shard(), to("u0@to0.test"), "", 1)).at(0).message->id;
  EXPECT_EQ(world.direct(DirectiveAction::kBounce, by_id).deliveries, 1U);
  Selector whole;
  whole.tenant = world.tenant;
  world.direct(DirectiveAction::kHold, whole, true);
  ASSERT_TRUE(world.eventually([&] { return world.counts().held >= 4; }));
  EXPECT_EQ(world.direct(DirectiveAction::kRelease, to("u5@to2.test")).deliveries, 1U);
}

TEST(Directives, AnExceptionByRecipientOutlivesAnAttemptAndARestart) {
  testlib::FakeStore store;
  Doors doors;
  Selector whole;
  {
    QueueWorld world{store, doors.script()};
    whole.tenant = world.tenant;
    fill(world, "a@x.test", 3);
    world.direct(DirectiveAction::kHold, whole, true);
    ASSERT_TRUE(world.eventually([&] { return world.counts().held == 3; }));
    world.direct(DirectiveAction::kRelease, to("u1@to1.test"), true);
    ASSERT_TRUE(world.eventually([&] { return world.counts().held == 2; }));
    const int before = doors.attempts;
    world.run(world.queue().retry_now(world.shard(), to("u1@to1.test")));
    ASSERT_TRUE(world.eventually([&] { return doors.attempts > before && world.counts().active == 0; }));
    EXPECT_TRUE(world.eventually([&] { return world.counts().scheduled == 1; })) << "deferred, and not held";
    EXPECT_EQ(world.counts().held, 2U);
  }
  QueueWorld world{store, doors.script()};
  ASSERT_TRUE(world.eventually([&] { return world.queue().is_loaded() && world.counts().deliveries == 3; }));
  EXPECT_TRUE(world.eventually([&] { return world.counts().held == 2; }));
  doors.is_open = true;
  world.clock.advance(hours{4});
  EXPECT_TRUE(world.eventually([&] { return world.counts().deliveries == 2; }));
  EXPECT_EQ(world.counts().held, 2U);
}

}  // namespace
}  // namespace bulkhead::queue
