// The queue is crashed after each commit of a sequence that defers, fails in part, delivers in part and reports, then
// started again on what the store holds. A ledger of what the outside saw must balance.

#include <map>

#include "tests/unit/queue/queue_world.h"

namespace bulkhead::queue {
namespace {

// What remote servers, the sender and the mailboxes have seen.
struct Ledger {
  std::mutex mutex;
  std::map<std::string, int> delivered;  // recipient → copies
  std::map<std::string, int> reported;   // recipient → failure reports that reached the sender
};

std::size_t commits(const testlib::FakeStore& store) {
  return store.usage().commits;
}

// The recipients that a report names as failed.
std::vector<std::string> reported_in(const std::string& text) {
  static constexpr std::string_view kField = "Final-Recipient: rfc822; ";
  std::vector<std::string> recipients;
  for (auto at = text.find(kField); at != std::string::npos; at = text.find(kField, at + 1)) {
    const auto first = at + kField.size();
    recipients.push_back(text.substr(first, text.find("\r\n", first) - first));
  }
  return recipients;
}

// A server that defers "slow" once, refuses "bad", takes the rest; the sender's own server takes reports. After
// `crash_at` commits the world is dead: nothing leaves any more and no commit succeeds.
class Outside {
 public:
  Outside(testlib::FakeStore& store, Ledger& ledger, std::size_t crash_at)
      : store_(store), ledger_(ledger), crash_at_(crash_at) {}

  Outcome carry(const Job& job) {
    const std::lock_guard lock{ledger_.mutex};
    if (is_dead()) {
      Outcome outcome;
      outcome.kind = Outcome::Kind::kUnsent;
      return outcome;
    }
    Outcome outcome = all(job, Fate::kDelivered, 250, "ok");
    for (auto& one : outcome.recipients) answer(job, one);
    return outcome;
  }

 private:
  bool is_dead() const { return commits(store_) >= crash_at_; }

  void answer(const Job& job, RecipientOutcome& one) {
    const std::string recipient = job.message->recipients[one.recipient].recipient.address.text();
    if (recipient.starts_with("slow") && job.attempt == 1) {
      one.fate = Fate::kDeferred;
      one.answer = {451, "4.2.0", "later"};
    } else if (recipient.starts_with("bad")) {
      one.fate = Fate::kFailed;
      one.answer = {550, "5.1.1", "no such user"};
    } else if (recipient == "sender@from.test") {
      const auto text = store_.read_blob(job.message->body, 0, job.message->body.length);
      for (const auto& failed : reported_in(*text)) ++ledger_.reported[failed];
    } else {
      ++ledger_.delivered[recipient];
    }
  }

  testlib::FakeStore& store_;
  Ledger& ledger_;
  const std::size_t crash_at_;
};

constexpr std::size_t kNoCrash = 1000000;

RetryPolicy at_once() {
  RetryPolicy retry;
  retry.intervals = {std::chrono::seconds{0}};
  return retry;
}

const std::vector<std::string> kRecipients{"ok@a.test",   "slow@a.test", "bad@a.test", "bad@b.test",
                                           "slow@c.test", "ok@d.test",   "bad@d.test", "local:ok@mine.test"};

// Runs the sequence until `crash_at` commits; whether the message was accepted.
bool run_until_crash(testlib::FakeStore& store, Ledger& ledger, std::size_t crash_at) {
  Outside outside{store, ledger, crash_at};
  QueueWorld world{store, [&](const Job& job) { return outside.carry(job); }, at_once()};
  world.log.expect("cannot be made durable");
  store.fail_commits_after(crash_at);
  const bool is_accepted = world.accept("sender@from.test", kRecipients).has_value();
  EXPECT_TRUE(world.eventually([&] { return commits(store) >= crash_at || world.counts().deliveries == 0; }));
  return is_accepted;
}

void expect_balance(Ledger& ledger, std::size_t crash_at) {
  SCOPED_TRACE("crashed after commit " + std::to_string(crash_at));
  int extra = 0;
  for (std::string recipient : kRecipients) {
    if (recipient.starts_with("local:")) recipient = recipient.substr(6);
    const int copies = ledger.delivered[recipient];
    const int reports = ledger.reported[recipient];
    if (recipient.starts_with("bad")) {
      EXPECT_EQ(copies, 0) << recipient;
      // The report is mail as well: it may be sent twice where the crash hides the outcome, but is made once.
      EXPECT_GE(reports, 1) << recipient << " was lost";
    } else {
      EXPECT_GE(copies, 1) << recipient << " was lost";
      EXPECT_EQ(reports, 0) << recipient;
    }
    extra += std::max(copies - 1, 0) + std::max(reports - 1, 0);
  }
  EXPECT_LE(extra, 8) << "only what was in flight at the crash may arrive twice";
}

TEST(QueueCrash, AfterEachCommitNothingIsLostAndEachFailureIsReportedOnce) {
  std::size_t total = 0;
  for (std::size_t crash_at = 0; crash_at <= (total == 0 ? 1 : total); ++crash_at) {
    testlib::FakeStore store;
    Ledger ledger;
    const std::size_t limit = crash_at == 0 ? kNoCrash : crash_at;
    ASSERT_TRUE(run_until_crash(store, ledger, limit));
    if (crash_at == 0) total = commits(store);
    store.fail_commits_after(kNoCrash);
    std::size_t reports = 0;
    {
      Outside outside{store, ledger, kNoCrash};
      QueueWorld world{store, [&](const Job& job) { return outside.carry(job); }, at_once()};
      EXPECT_TRUE(world.drains());
      for (const auto& [key, value] : store.fake_kv().contents(store::Family::kTrace)) {
        reports += value.find("detail=a report about") != std::string::npos;
      }
    }
    expect_balance(ledger, limit);
    // bad@a, bad@b, bad@d are in three deliveries: three reports are made, whatever happens.
    EXPECT_EQ(reports, 3U) << "crashed after commit " << limit;
    EXPECT_TRUE(store.fake_kv().contents(store::Family::kQueue).empty());
    EXPECT_EQ(store.blob_count(), 1U) << "the local copy's";
  }
  EXPECT_GE(total, 10U) << "the sequence has become too short to show anything";
}

TEST(QueueCrash, BeforeTheFirstCommitNothingExists) {
  testlib::FakeStore store;
  store.hold_commits();
  std::atomic<int> jobs{0};
  {
    QueueWorld world{store, [&](const Job& job) {
                       ++jobs;
                       return delivered(job);
                     }};
    store.fail_commits({ErrorCode::kCancelled, "crashed", ""}, 1);
    store.release_commits();
    EXPECT_FALSE(world.accept("sender@from.test", {"ok@a.test"}));
  }
  QueueWorld world{store, [&](const Job& job) {
                     ++jobs;
                     return delivered(job);
                   }};
  EXPECT_TRUE(world.drains());
  EXPECT_EQ(jobs, 0);
}

}  // namespace
}  // namespace bulkhead::queue
