#include "src/app/webhooks.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/webhook/signature.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

// Answers each post with the next of `answers`, the last one for ever.
class FakePoster final : public webhook::Poster {
 public:
  struct Record {
    std::vector<webhook::Post> posts;
    std::vector<webhook::Answer> answers{{200, {}}};
  };
  explicit FakePoster(Record& record) : record_(record) {}
  void begin(webhook::Post post, Done done) override {
    record_.posts.push_back(std::move(post));
    waiting_.push_back(std::move(done));
  }
  std::size_t open() const override { return waiting_.size(); }
  void work(std::chrono::milliseconds) override {
    for (auto& done : std::exchange(waiting_, {})) {
      const auto answer = record_.answers.front();
      if (record_.answers.size() > 1) record_.answers.erase(record_.answers.begin());
      done(answer);
    }
  }
  void wake() override {}

 private:
  Record& record_;
  std::vector<Done> waiting_;
};

struct WebhooksTest : ::testing::Test {
  WebhooksTest() { open(); }
  void open() {
    webhooks = std::make_unique<Webhooks>(Webhooks::Parts{store, clock, random, log,
                                                          [](const TenantId&) { return std::string{"acme"}; },
                                                          std::make_unique<FakePoster>(record)});
    EXPECT_TRUE(webhooks->restore({"http://127.0.0.1/", secret}));
  }
  std::vector<std::string> bodies() const {
    std::vector<std::string> all;
    for (const auto& post : record.posts) all.push_back(post.body);
    return all;
  }
  void work(int rounds = 10) {
    for (int i = 0; i < rounds; ++i) webhooks->work();
  }
  std::size_t rows() { return store.fake_kv().contents(store::Family::kMeta).size(); }

  const TenantId operators;
  const TenantId acme = TenantId::from_bytes("acme acme acme a");
  testlib::FakeStore store;
  testlib::ManualClock clock;
  SeededRandom random{5};
  testlib::RecordingLog log;
  const Secret secret{"whsec_" + std::string(32, 'A')};
  FakePoster::Record record;
  std::unique_ptr<Webhooks> webhooks;
};

TEST_F(WebhooksTest, PostsInOrderSignedAndForgetsWhatWasTaken) {
  webhooks->tell(operators, "1");
  webhooks->tell(operators, "2");
  EXPECT_EQ(rows(), 2U);
  work();
  EXPECT_THAT(bodies(), ElementsAre("1", "2"));
  EXPECT_EQ(rows(), 0U);
  const auto& post = record.posts[0];
  EXPECT_EQ(post.owner, webhook::Owner::kOperator);
  EXPECT_NE(post.id, record.posts[1].id);
  EXPECT_EQ(post.signature, webhook::sign(secret, {post.id, std::stoll(post.timestamp), "1"}));
  EXPECT_EQ(webhooks->readings().taken, 2U);
}

TEST_F(WebhooksTest, WhatFailsComesAgainWithTheSameIdBeforeWhatFollows) {
  log.expect("does not take events: it answered 503");
  record.answers = {{503, {}}, {200, {}}};
  webhooks->tell(operators, "1");
  webhooks->tell(operators, "2");
  work();
  EXPECT_THAT(bodies(), ElementsAre("1"));
  ASSERT_THAT(webhooks->failing(), SizeIs(1));
  EXPECT_EQ(webhooks->failing()[0].trouble, "it answered 503");
  EXPECT_EQ(webhooks->failing()[0].waiting, 2U);
  clock.advance(std::chrono::seconds{6});
  work();
  EXPECT_THAT(bodies(), ElementsAre("1", "1", "2"));
  EXPECT_EQ(record.posts[0].id, record.posts[1].id);
  EXPECT_NE(record.posts[0].timestamp, record.posts[1].timestamp);
  EXPECT_THAT(webhooks->failing(), IsEmpty());
}

TEST_F(WebhooksTest, ARestartGoesOnWithWhatWaitsAtOnce) {
  log.expect("does not take events: nobody there");
  record.answers = {{0, "nobody there"}};
  webhooks->tell(operators, "1");
  webhooks->tell(operators, "2");
  work();
  const auto id = record.posts[0].id;
  open();
  record.answers = {{204, {}}};
  work();
  EXPECT_THAT(bodies(), ElementsAre("1", "1", "2"));
  EXPECT_EQ(record.posts[1].id, id);
  EXPECT_EQ(rows(), 0U);
}

TEST_F(WebhooksTest, ATenantHasItsOwnEndpointWithASecretThatIsKept) {
  EXPECT_FALSE(webhooks->takes(acme));
  webhooks->tell(acme, "lost");
  const auto made = webhooks->set(acme, "https://panel.acme.net/");
  ASSERT_TRUE(made);
  open();
  webhooks->tell(acme, "1");
  work();
  ASSERT_THAT(bodies(), ElementsAre("1"));
  const auto& post = record.posts[0];
  EXPECT_EQ(post.url, "https://panel.acme.net/");
  EXPECT_EQ(post.owner, webhook::Owner::kTenant);
  EXPECT_EQ(post.signature, webhook::sign(*made, {post.id, std::stoll(post.timestamp), "1"}));
}

TEST_F(WebhooksTest, ATenantsEndpointThatIsRemovedLeavesNothing) {
  ASSERT_TRUE(webhooks->set(acme, "https://panel.acme.net/"));
  webhooks->tell(acme, "1");
  ASSERT_TRUE(webhooks->remove(acme));
  work();
  EXPECT_THAT(bodies(), IsEmpty());
  EXPECT_EQ(rows(), 0U);
  EXPECT_FALSE(webhooks->of(acme));
}

TEST_F(WebhooksTest, ATenantsUrlMustBePublicHttps) {
  EXPECT_FALSE(webhooks->set(acme, "http://panel.acme.net/"));
  EXPECT_FALSE(webhooks->set(acme, "https://127.0.0.1/"));
  EXPECT_FALSE(webhooks->of(acme));
}

TEST_F(WebhooksTest, OneThatIsGoneIsOffAfterARestartTooUntilItIsSetAgain) {
  log.expect("answered 410 Gone");
  record.answers = {{410, {}}, {200, {}}};
  ASSERT_TRUE(webhooks->set(acme, "https://panel.acme.net/"));
  webhooks->tell(acme, "1");
  webhooks->tell(acme, "2");
  work();
  open();
  EXPECT_TRUE(webhooks->of(acme)->is_off);
  webhooks->tell(acme, "3");
  work();
  EXPECT_THAT(bodies(), ElementsAre("1"));
  ASSERT_TRUE(webhooks->set(acme, "https://panel.acme.net/"));
  webhooks->tell(acme, "4");
  work();
  EXPECT_THAT(bodies(), ElementsAre("1", "4"));
}

TEST_F(WebhooksTest, EventsOfAnOperatorWithoutAWebhookAreNotKept) {
  webhooks->tell(operators, "1");
  webhooks->set_operator({});
  EXPECT_EQ(rows(), 0U);
  webhooks->tell(operators, "2");
  EXPECT_EQ(rows(), 0U);
}

TEST_F(WebhooksTest, AnEventThatCannotBeStoredDoesNotHoldUpTheNext) {
  log.expect("cannot be stored");
  store.fail_commits({ErrorCode::kFull, "the disk is full", {}});
  webhooks->tell(operators, "1");
  webhooks->tell(operators, "2");
  work();
  EXPECT_THAT(bodies(), ElementsAre("2"));
  EXPECT_EQ(webhooks->readings().dropped, 1U);
}

TEST(WebhookTargetTest, ReadsTheSecretOfTheFile) {
  testlib::TemporaryDirectory directory;
  Configuration::Notify settings;
  EXPECT_TRUE(webhook_target(settings)->url.empty());
  settings.webhook = "https://panel.isp.example/";
  settings.webhook_secret_file = directory.path() + "/secret";
  EXPECT_FALSE(webhook_target(settings));
  std::ofstream{settings.webhook_secret_file} << "whsec_" << std::string(32, 'A') << "\n";
  EXPECT_EQ(webhook_target(settings)->secret.reveal(), "whsec_" + std::string(32, 'A'));
  std::ofstream{settings.webhook_secret_file} << "secret\n";
  EXPECT_FALSE(webhook_target(settings));
}

}  // namespace
}  // namespace bulkhead::app
