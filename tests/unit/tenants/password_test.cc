#include "tenants/password.h"

#include "tenants/live_directory.h"
#include "tenants/password_check.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/shard_runner.h"

namespace bulkhead::tenants {
namespace {

TEST(Password, VerifiesWhatItHashed) {
  SystemRandom random;
  const auto hash = hash_password(Secret{"päss wörd"}, random).value();
  EXPECT_TRUE(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$")) << hash;
  EXPECT_TRUE(verify_password(hash, Secret{"päss wörd"}));
  EXPECT_FALSE(verify_password(hash, Secret{"päss wörd "}));
  EXPECT_FALSE(verify_password(hash, Secret{}));
  EXPECT_NE(hash_password(Secret{"päss wörd"}, random).value(), hash);
}

TEST(Password, HasOneToAThousandAndTwentyFourBytes) {
  SystemRandom random;
  EXPECT_FALSE(hash_password(Secret{}, random));
  EXPECT_TRUE(hash_password(Secret{std::string(1024, 'x')}, random));
  EXPECT_FALSE(hash_password(Secret{std::string(1025, 'x')}, random));
}

TEST(Password, TheStandInCostsWhatARealHashCosts) {
  SystemRandom random;
  const auto hash = hash_password(Secret{"x"}, random).value();
  const auto cost = [](std::string_view phc) { return phc.substr(0, phc.find('$', sizeof "$argon2id$v=19$")); };
  EXPECT_EQ(cost(stand_in_hash()), cost(hash));
  EXPECT_EQ(stand_in_hash().size(), hash.size());
  EXPECT_TRUE(is_acceptable_hash(stand_in_hash()));
}

TEST(Password, BoundsTheCostOfForeignHashes) {
  const std::string tail = "$c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
  for (const auto* cost : {"m=262144,t=10,p=4", "m=8,t=1,p=1"}) {
    EXPECT_TRUE(is_acceptable_hash("$argon2id$v=19$" + std::string{cost} + tail)) << cost;
  }
  for (const auto* cost : {"m=262145,t=1,p=1", "m=8,t=11,p=1", "m=8,t=1,p=5", "m=0,t=1,p=1", "m=-1,t=1,p=1",
                           "m=99999999999,t=1,p=1", "t=1,m=8,p=1", "m=8,t=1,p=1,x=1", ""}) {
    EXPECT_FALSE(is_acceptable_hash("$argon2id$v=19$" + std::string{cost} + tail)) << cost;
  }
  EXPECT_FALSE(is_acceptable_hash("$argon2i$v=19$m=8,t=1,p=1" + tail));
  EXPECT_FALSE(is_acceptable_hash("$argon2id$v=19$m=8,t=1,p=1" + tail + "\n"));
  EXPECT_FALSE(is_acceptable_hash("$argon2id$v=19$m=8,t=1,p=1" + tail + std::string(600, 'A')));
}

class PasswordCheckTest : public ::testing::Test {
 protected:
  PasswordCheckTest() { jo_ = account_with("right"); }
  Account account_with(const char* password) {
    Account account;
    account.id = AccountId::make(clock_, random_);
    account.password_hash = hash_password(Secret{password}, random_).value();
    return account;
  }
  bool is_right(std::optional<Account> account, const char* password) {
    return runner_.run(check_.is_right(runner_.shard(), std::move(account), Secret{password})).value();
  }

  testlib::ManualClock clock_;
  SystemRandom random_;
  testlib::ShardRunner runner_;
  PasswordCheck check_{{.sign_in_kept = std::chrono::seconds{120}}, clock_, random_};
  Account jo_;
};

TEST_F(PasswordCheckTest, RemembersARightPasswordForAWhile) {
  EXPECT_TRUE(is_right(jo_, "right"));
  clock_.advance(std::chrono::seconds{120} - std::chrono::microseconds{1});
  EXPECT_TRUE(is_right(jo_, "right"));
  EXPECT_EQ(check_.hashes(), 1U);
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_TRUE(is_right(jo_, "right"));
  EXPECT_EQ(check_.hashes(), 2U);
}

TEST_F(PasswordCheckTest, RemembersNoWrongPassword) {
  EXPECT_FALSE(is_right(jo_, "wrong"));
  EXPECT_FALSE(is_right(jo_, "wrong"));
  EXPECT_EQ(check_.hashes(), 2U);
}

TEST_F(PasswordCheckTest, WhatIsRememberedHoldsForOneAccountAndOneHash) {
  EXPECT_TRUE(is_right(jo_, "right"));
  auto same_hash = jo_;
  same_hash.id = AccountId::make(clock_, random_);
  EXPECT_TRUE(is_right(same_hash, "right"));
  EXPECT_EQ(check_.hashes(), 2U);
  auto changed = jo_;
  changed.password_hash = account_with("other").password_hash;
  EXPECT_FALSE(is_right(changed, "right"));
  EXPECT_EQ(check_.hashes(), 3U);
}

TEST_F(PasswordCheckTest, DoesTheSameWorkWhereThereIsNothingToVerify) {
  EXPECT_FALSE(is_right(std::nullopt, "right"));
  EXPECT_EQ(check_.hashes(), 1U);
  auto without_password = jo_;
  without_password.password_hash.clear();
  EXPECT_FALSE(is_right(without_password, ""));
  EXPECT_EQ(check_.hashes(), 2U);
}

}  // namespace
}  // namespace bulkhead::tenants
