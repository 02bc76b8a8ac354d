// What changes of accounts do to sessions that are signed in, with the real directory on SQLite.
#include <gtest/gtest.h>

#include "src/smtpd/commands/commands.h"
#include "tests/testlib/shard_runner.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/smtpd/world.h"

namespace bulkhead::smtpd {
namespace {

// A session that is signed in and has sent before.
class LiveAccountTest : public testing::Test {
 protected:
  LiveAccountTest() {
    directory_ = tenants::open_sqlite_directory(folder_.path() + "/directory.db", world_.clock, random_).value();
    tenant_.name = "acme";
    tenant_ = directory_->create_tenant(tenant_).value();
    tenants::Domain domain;
    domain.tenant = tenant_.id;
    domain.name = "acme.example";
    directory_->create_domain(domain).value();
    account_.tenant = tenant_.id;
    account_.address = *mail::Address::parse("jo@acme.example");
    account_.password_hash = tenants::hash_password(Secret{"first"}, random_).value();
    account_ = directory_->create_account(account_).value();
    live_ = tenants::LiveDirectory::load(*directory_, pool_, runner_.log()).value();
    auto& w = world_;
    services_ = std::make_unique<SmtpServices>(SmtpServices{runner_.shard(), *live_, w.intake, w.trace, w.clock,
                                                            w.random, w.log, w.census, w.guard, w.pacer, w.settings,
                                                            "mx.isp.example", &w.contexts});
    conversation_ = std::make_unique<Conversation>(Conversation{.services = *services_,
                                                                .kind = ListenerKind::kSubmissions,
                                                                .client = *IpAddress::parse("198.51.100.7"),
                                                                .arrival = {*IpAddress::parse("192.0.2.20"), 465},
                                                                .tls = "TLSv1.3",
                                                                .helo = "c",
                                                                .signed_in = Originator{account_, true},
                                                                .sasl = {},
                                                                .transaction = {}});
    EXPECT_EQ(mail(), 250);
  }

  int mail() {
    conversation_->transaction.reset();
    auto command = smtp::parse_command("MAIL FROM:<jo@acme.example>");
    return runner_.run(mail_from(*conversation_, std::move(*command))).reply.code;
  }
  // The reply to "DATA" or "BDAT 1 LAST" of the transaction that is open.
  int begin_message(const char* line) {
    conversation_->transaction->tenant = tenant_.id;
    auto command = smtp::parse_command(line);
    const bool is_data = std::string_view{line} == "DATA";
    auto answering = is_data ? data(*conversation_, std::move(*command)) : bdat(*conversation_, std::move(*command));
    return runner_.run(std::move(answering)).reply.code;
  }
  void update_account() {
    ASSERT_TRUE(directory_->update_account(account_));
    ASSERT_TRUE(live_->refresh());
  }

  testlib::TemporaryDirectory folder_;
  World world_;
  SystemRandom random_;
  std::unique_ptr<tenants::Directory> directory_;
  tenants::Tenant tenant_;
  tenants::Account account_;
  testlib::ShardRunner runner_;
  net::BlockingPool pool_{2, 64};
  std::unique_ptr<tenants::LiveDirectory> live_;
  std::unique_ptr<SmtpServices> services_;
  std::unique_ptr<Conversation> conversation_;
};

TEST_F(LiveAccountTest, ASuspendedAccountSendsNoMore) {
  account_.suspension = tenants::Suspension::kSuspended;
  update_account();
  EXPECT_EQ(mail(), 550);
  account_.suspension = tenants::Suspension::kActive;
  update_account();
  EXPECT_EQ(mail(), 250);
}

TEST_F(LiveAccountTest, AnAccountThatIsSuspendedAfterMailSendsNoMessage) {
  EXPECT_EQ(begin_message("DATA"), 354);
  for (const char* line : {"DATA", "BDAT 1 LAST"}) {
    account_.suspension = tenants::Suspension::kActive;
    update_account();
    EXPECT_EQ(mail(), 250);
    account_.suspension = tenants::Suspension::kSuspended;
    update_account();
    EXPECT_EQ(begin_message(line), 550) << line;
    EXPECT_FALSE(conversation_->transaction.has_value());
  }
}

TEST_F(LiveAccountTest, AnAccountThatIsRemovedOrGetsANewPasswordAfterMailSendsNoMessage) {
  account_.password_hash = tenants::hash_password(Secret{"second"}, random_).value();
  update_account();
  EXPECT_EQ(begin_message("DATA"), 550);
  conversation_->signed_in = Originator{account_, true};
  EXPECT_EQ(mail(), 250);
  ASSERT_TRUE(directory_->remove_account(account_.id));
  ASSERT_TRUE(live_->refresh());
  EXPECT_EQ(begin_message("DATA"), 550);
}

TEST_F(LiveAccountTest, ANewPasswordEndsTheSignIn) {
  account_.password_hash = tenants::hash_password(Secret{"second"}, random_).value();
  update_account();
  EXPECT_EQ(mail(), 530);
  EXPECT_FALSE(conversation_->signed_in.has_value());
}

TEST_F(LiveAccountTest, ARemovedAccountIsSignedOut) {
  ASSERT_TRUE(directory_->remove_account(account_.id));
  ASSERT_TRUE(live_->refresh());
  EXPECT_EQ(mail(), 530);
  const auto rejected = world_.trace.events(trace::EventKind::kRejected);
  ASSERT_EQ(rejected.size(), 1U);
  EXPECT_EQ(rejected[0].tenant, tenant_.id);
}

TEST_F(LiveAccountTest, ASuspendedTenantSendsNoMore) {
  tenant_.suspension = tenants::Suspension::kSuspended;
  ASSERT_TRUE(directory_->update_tenant(tenant_));
  ASSERT_TRUE(live_->refresh());
  EXPECT_EQ(mail(), 550);
}

TEST_F(LiveAccountTest, ASuspendedAccountIsNotRecognisedByItsNetwork) {
  conversation_->signed_in.reset();
  EXPECT_EQ(mail(), 530);
  account_.client_networks.push_back(*IpNetwork::parse("198.51.100.7"));
  update_account();
  EXPECT_EQ(mail(), 250);
  account_.suspension = tenants::Suspension::kSuspended;
  update_account();
  EXPECT_EQ(mail(), 530);
}

}  // namespace
}  // namespace bulkhead::smtpd
