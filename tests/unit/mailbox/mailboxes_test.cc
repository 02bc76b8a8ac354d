#include "src/mailbox/mailboxes.h"

#include <future>
#include <limits>
#include <set>

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/mailbox/folder_cache.h"
#include "src/mailbox/removal.h"
#include "src/mailbox/rows.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::mailbox {
namespace {

class MailboxesTest : public ::testing::Test {
 protected:
  void SetUp() override { open(); }
  void open() {
    mailboxes_.reset();
    store_.reset();
    store::Store::Options options;
    options.directory = directory_.path();
    options.segment_size = 1 << 20;
    auto opened = store::Store::open(options, *files_, clock_, log_);
    ASSERT_TRUE(opened.has_value()) << opened.error().message;
    store_ = std::move(*opened);
    mailboxes_ = Mailboxes::make(*store_);
  }
  IncomingMessage message(std::uint64_t size = 100) {
    IncomingMessage incoming;
    incoming.id = MessageId::make(clock_, random_);
    incoming.body = {7, 4096, size, false};
    incoming.size = size;
    incoming.received_at = clock_.now();
    incoming.return_path = "sender@remote.example";
    incoming.delivered_to = "user+tag@local.example";
    return incoming;
  }
  void commit(store::Batch batch) {
    std::promise<bool> done;
    store::Transaction transaction;
    transaction.batch = std::move(batch);
    store_->commit(std::move(transaction),
                   [&](Result<store::Committed> result) { done.set_value(result.has_value()); });
    ASSERT_TRUE(done.get_future().get());
  }
  Result<Stored> deliver(const IncomingMessage& incoming, std::uint64_t quota = 0) {
    store::Batch batch;
    auto stored = mailboxes_->deliver(account_, incoming, quota, batch);
    if (stored) commit(std::move(batch));
    return stored;
  }

  testlib::TemporaryDirectory directory_;
  std::unique_ptr<store::FileSystem> files_ = store::make_posix_file_system();
  testlib::ManualClock clock_;
  SeededRandom random_{1};
  testlib::RecordingLog log_;
  AccountId account_ = AccountId::make(clock_, random_);
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Mailboxes> mailboxes_;
};

class RemovalTest : public MailboxesTest {
 protected:
  void SetUp() override {
    MailboxesTest::SetUp();
    for (int i = 0; i < 5; ++i) store_message(account_);
    store_message(neighbour_);
  }
  // A message with a body of its own, in the mailbox.
  void store_message(const AccountId& account) {
    std::promise<store::BlobRef> body;
    store::Transaction transaction;
    transaction.blobs.push_back({store_->new_blob(), 1});
    ASSERT_TRUE(transaction.blobs[0].writer->append(std::string(1000, 'x')));
    store_->commit(std::move(transaction),
                   [&](Result<store::Committed> result) { body.set_value(result.value().blobs.at(0)); });
    auto incoming = message(1000);
    incoming.body = body.get_future().get();
    store::Batch batch;
    ASSERT_TRUE(mailboxes_->deliver(account, incoming, 0, batch));
    commit(std::move(batch));
  }
  std::size_t free(std::size_t messages_max) {
    const auto exists = [this](const AccountId&) { return Result<bool>{is_there_}; };
    return free_removed(*store_, exists, clock_.now(), messages_max).value();
  }
  std::size_t rows() {
    std::size_t count = 0;
    EXPECT_TRUE(store_->kv().scan(store::Family::kMailbox, "", "\xff", store::Kv::Direction::kForward,
                                  [&](std::string_view key, std::string_view) {
                                    count += key.substr(1, 16) == account_.bytes();
                                    return true;
                                  }));
    return count;
  }
  AccountId neighbour_ = AccountId::make(clock_, random_);
  bool is_there_ = false;
};

TEST_F(RemovalTest, FreesSoManyMessagesARoundWithTheirBodiesAndLeavesTheOthers) {
  const auto live = store_->usage().live_bytes;
  ASSERT_TRUE(note_removal(*store_, account_, clock_.now()));
  EXPECT_EQ(free(2), 2U);
  EXPECT_EQ(mailboxes_->list(account_, "INBOX", 0, 10)->size(), 3U);
  open();
  EXPECT_EQ(free(3), 3U);
  EXPECT_EQ(free(3), 0U);
  EXPECT_EQ(mailboxes_->usage(account_)->messages, 0U);
  EXPECT_EQ(rows(), 1U) << "the note alone";
  EXPECT_LE(store_->usage().live_bytes, live - 5 * 1000);
  EXPECT_EQ(mailboxes_->usage(neighbour_)->messages, 1U);
}

TEST_F(RemovalTest, TheNoteGoesWhenNoDeliveryCanBeUnderWayAnyMore) {
  ASSERT_TRUE(note_removal(*store_, account_, clock_.now()));
  EXPECT_EQ(free(100), 5U);
  store_message(account_);  // was under way
  clock_.advance(std::chrono::minutes{10} - std::chrono::microseconds{1});
  EXPECT_EQ(free(100), 1U);
  EXPECT_EQ(rows(), 1U);
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_EQ(free(100), 0U);
  EXPECT_EQ(rows(), 0U);
}

TEST_F(RemovalTest, AnAccountThatIsStillThereKeepsItsMail) {
  is_there_ = true;
  const auto before = rows();
  ASSERT_TRUE(note_removal(*store_, account_, clock_.now()));
  EXPECT_EQ(free(100), 0U);
  EXPECT_EQ(rows(), before + 1);
  clock_.advance(std::chrono::minutes{10});
  EXPECT_EQ(free(100), 0U);
  EXPECT_EQ(rows(), before) << "the note is forgotten";
  is_there_ = false;
  EXPECT_EQ(free(100), 0U);
  EXPECT_EQ(mailboxes_->usage(account_)->messages, 5U);
}

TEST_F(MailboxesTest, KnowsHowFullAnAccountIsOnceItWasDeliveredTo) {
  EXPECT_EQ(mailboxes_->known_bytes(account_), std::nullopt);
  ASSERT_TRUE(deliver(message(70)).has_value());
  EXPECT_EQ(mailboxes_->known_bytes(account_), 70U);
  open();
  EXPECT_EQ(mailboxes_->known_bytes(account_), std::nullopt);
  EXPECT_EQ(mailboxes_->count_bytes(account_).value(), 70U);
  EXPECT_EQ(mailboxes_->known_bytes(account_), std::nullopt) << "who asks pushes nobody out";
  ASSERT_TRUE(deliver(message(30)).has_value());
  EXPECT_EQ(mailboxes_->known_bytes(account_), 100U);
}

TEST_F(MailboxesTest, CountsOnlyWhatIsCommitted) {
  store::Batch lost;
  ASSERT_TRUE(mailboxes_->deliver(account_, message(70), 0, lost).has_value());
  EXPECT_EQ(mailboxes_->known_bytes(account_), 70U);
  EXPECT_EQ(mailboxes_->count_bytes(account_).value(), 0U);
}

TEST_F(MailboxesTest, AMessageIsThereWhenTheCommitIs) {
  const auto incoming = message(1234);
  store::Batch batch;
  const auto stored = mailboxes_->deliver(account_, incoming, 0, batch);
  ASSERT_TRUE(stored.has_value());
  EXPECT_EQ(stored->folder, "INBOX");
  EXPECT_TRUE(mailboxes_->list(account_, "INBOX", 0, 10)->empty());
  commit(std::move(batch));

  const auto list = mailboxes_->list(account_, "INBOX", 0, 10);
  ASSERT_TRUE(list.has_value());
  ASSERT_EQ(list->size(), 1U);
  const StoredMessage& got = list->front();
  EXPECT_EQ(got.uid, stored->uid);
  EXPECT_EQ(got.id, incoming.id);
  EXPECT_EQ(got.body, incoming.body);
  EXPECT_EQ(got.size, 1234U);
  EXPECT_EQ(got.received_at, incoming.received_at);
  EXPECT_EQ(got.return_path, incoming.return_path);
  EXPECT_EQ(got.delivered_to, incoming.delivered_to);
  EXPECT_EQ(got.flags, 0U);
  EXPECT_EQ(mailboxes_->usage(account_)->messages, 1U);
  EXPECT_EQ(mailboxes_->usage(account_)->bytes, 1234U);
  EXPECT_EQ((*mailboxes_->find(account_, "INBOX", got.uid))->id, incoming.id);
  EXPECT_FALSE(mailboxes_->find(account_, "INBOX", got.uid + 1)->has_value());
}

TEST_F(MailboxesTest, TheSameMessageIsStoredOnce) {
  const auto incoming = message();
  ASSERT_TRUE(deliver(incoming).has_value());
  EXPECT_EQ(deliver(incoming).error().code, ErrorCode::kExists);
  open();
  EXPECT_EQ(deliver(incoming).error().code, ErrorCode::kExists);
  EXPECT_EQ(mailboxes_->usage(account_)->messages, 1U);
}

TEST_F(MailboxesTest, TheSameMessageIsStoredOnceForTwoRecipientsInOneCommit) {
  const auto incoming = message();
  store::Batch batch;
  ASSERT_TRUE(mailboxes_->deliver(account_, incoming, 0, batch).has_value());
  const auto size = batch.operations().size();
  EXPECT_EQ(mailboxes_->deliver(account_, incoming, 0, batch).error().code, ErrorCode::kExists);
  EXPECT_EQ(batch.operations().size(), size);
}

TEST_F(MailboxesTest, ADeliveryThatWasNotCommittedCanBeRepeated) {
  const auto incoming = message();
  store::Batch dropped;
  ASSERT_TRUE(mailboxes_->deliver(account_, incoming, 0, dropped).has_value());
  EXPECT_TRUE(deliver(incoming).has_value());
  EXPECT_EQ(mailboxes_->list(account_, "INBOX", 0, 10)->size(), 1U);
}

TEST_F(MailboxesTest, NoUidIsEverGivenOutTwice) {
  std::set<std::uint32_t> uids;
  std::uint32_t last = 0;
  for (int round = 0; round < 4; ++round) {
    for (int i = 0; i < 20; ++i) {
      store::Batch batch;
      const auto stored = mailboxes_->deliver(account_, message(), 0, batch);
      ASSERT_TRUE(stored.has_value());
      EXPECT_GT(stored->uid, last);
      last = stored->uid;
      EXPECT_TRUE(uids.insert(stored->uid).second);
      // Some commits never happen; some messages are gone again before the restart.
      if (i % 5 == 4 && i != 19) continue;
      if (i % 3 == 2) batch.remove(store::Family::kMailbox, message_key(account_, "INBOX", stored->uid));
      commit(std::move(batch));
    }
    const auto state = mailboxes_->folder(account_, "INBOX");
    ASSERT_TRUE(state.has_value());
    EXPECT_GT(state->uid_next, last);
    open();
  }
}

TEST_F(MailboxesTest, NoUidIsGivenOutTwiceWhileACommitIsUnderWay) {
  store::Batch first, second;
  const auto one = mailboxes_->deliver(account_, message(), 0, first);
  for (int i = 0; i < 72'000; ++i) {
    store::Batch others;
    const auto other = AccountId::make(clock_, random_);
    ASSERT_TRUE(mailboxes_->deliver(other, message(), 0, others).has_value());
    ASSERT_TRUE(mailboxes_->count_bytes(other).has_value());
  }
  const auto two = mailboxes_->deliver(account_, message(), 0, second);
  ASSERT_TRUE(one && two);
  EXPECT_NE(one->uid, two->uid);
  commit(std::move(first));
  commit(std::move(second));
  EXPECT_EQ(mailboxes_->list(account_, "INBOX", 0, 10)->size(), 2U);
}

TEST_F(MailboxesTest, UidValidityNeverChanges) {
  EXPECT_EQ(mailboxes_->folder(account_, "INBOX").error().code, ErrorCode::kNotFound);
  store::Batch dropped;
  ASSERT_TRUE(mailboxes_->deliver(account_, message(), 0, dropped).has_value());
  clock_.advance(std::chrono::hours{1});
  ASSERT_TRUE(deliver(message()).has_value());
  const auto validity = mailboxes_->folder(account_, "INBOX")->uid_validity;
  EXPECT_NE(validity, 0U);
  clock_.advance(std::chrono::hours{24});
  open();
  ASSERT_TRUE(deliver(message()).has_value());
  EXPECT_EQ(mailboxes_->folder(account_, "INBOX")->uid_validity, validity);
}

TEST_F(MailboxesTest, TheQuotaHoldsToTheByte) {
  ASSERT_TRUE(deliver(message(500), 1000).has_value());
  EXPECT_EQ(deliver(message(501), 1000).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(deliver(message(499), 1000).has_value());
  EXPECT_TRUE(deliver(message(1), 1000).has_value());
  EXPECT_EQ(deliver(message(1), 1000).error().code, ErrorCode::kLimit);
  EXPECT_TRUE(deliver(message(5000), 0).has_value());
  EXPECT_EQ(deliver(message(std::numeric_limits<std::uint64_t>::max()), 1000).error().code, ErrorCode::kLimit);
}

TEST_F(MailboxesTest, AFailedCommitDoesNotUseUpTheQuota) {
  store::Batch dropped;
  ASSERT_TRUE(mailboxes_->deliver(account_, message(900), 1000, dropped).has_value());
  EXPECT_TRUE(deliver(message(900), 1000).has_value());
}

TEST_F(MailboxesTest, AnAccountSeesNothingOfAnother) {
  const auto other = AccountId::make(clock_, random_);
  const auto incoming = message();
  ASSERT_TRUE(deliver(incoming).has_value());
  EXPECT_TRUE(mailboxes_->list(other, "INBOX", 0, 10)->empty());
  EXPECT_FALSE(mailboxes_->find(other, "INBOX", 1)->has_value());
  EXPECT_EQ(mailboxes_->usage(other)->messages, 0U);
  EXPECT_EQ(mailboxes_->folder(other, "INBOX").error().code, ErrorCode::kNotFound);
  store::Batch batch;
  EXPECT_TRUE(mailboxes_->deliver(other, incoming, 0, batch).has_value());
}

TEST_F(MailboxesTest, ListsInPages) {
  for (int i = 0; i < 7; ++i) ASSERT_TRUE(deliver(message()).has_value());
  std::uint32_t after = 0;
  std::size_t seen = 0;
  for (;;) {
    const auto page = mailboxes_->list(account_, "INBOX", after, 3);
    ASSERT_TRUE(page.has_value());
    if (page->empty()) break;
    EXPECT_LE(page->size(), 3U);
    seen += page->size();
    after = page->back().uid;
  }
  EXPECT_EQ(seen, 7U);
  EXPECT_TRUE(mailboxes_->list(account_, "INBOX", std::numeric_limits<std::uint32_t>::max(), 3)->empty());
  EXPECT_TRUE(mailboxes_->list(account_, "Sent", 0, 3)->empty());
}

TEST(MailboxRows, RefuseEveryTruncation) {
  IncomingMessage incoming;
  incoming.return_path = "a@b";
  incoming.delivered_to = "c@d";
  const std::string whole = encode_message(incoming);
  ASSERT_TRUE(decode_message(1, whole).has_value());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_message(1, whole.substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(decode_message(1, whole + "x").has_value());
}

TEST(FolderCache, ForgetsTheLeastRecentlyUsed) {
  testlib::ManualClock clock;
  SeededRandom random{7};
  FolderCache cache{2};
  std::array<FolderCounters, 3> accounts;
  for (auto& account : accounts) account.account = AccountId::make(clock, random);
  cache.insert(accounts[0]);
  cache.insert(accounts[1]);
  EXPECT_NE(cache.find(accounts[0].account), nullptr);
  cache.insert(accounts[2]);
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find(accounts[1].account), nullptr);
  EXPECT_NE(cache.find(accounts[0].account), nullptr);
  EXPECT_NE(cache.find(accounts[2].account), nullptr);
}

TEST(FolderCache, KeepsWhatADeliveryIsUnderWayFor) {
  testlib::ManualClock clock;
  SeededRandom random{7};
  FolderCache cache{2};
  std::array<FolderCounters, 4> accounts;
  for (auto& account : accounts) account.account = AccountId::make(clock, random);
  auto pin = cache.insert(accounts[0]).pin;
  cache.insert(accounts[1]);
  cache.insert(accounts[2]);
  EXPECT_NE(cache.find(accounts[0].account), nullptr);
  EXPECT_EQ(cache.find(accounts[1].account), nullptr);
  auto second = cache.find(accounts[2].account)->pin;
  cache.insert(accounts[3]);
  EXPECT_EQ(cache.size(), 3U) << "all others are in use";
  pin.reset();
  second.reset();
  cache.insert(accounts[1]);
  EXPECT_EQ(cache.size(), 2U);
}

}  // namespace
}  // namespace bulkhead::mailbox
