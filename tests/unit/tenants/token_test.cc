#include "tenants/token.h"

#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

class TokensTest : public DirectoryTest {
 protected:
  NewToken add(const std::string& name, std::optional<TenantId> tenant = {}, std::optional<UtcTime> expires = {}) {
    auto made = make_token(name, tenant, expires, random_);
    made.token = directory_->create_token(made.token).value();
    return made;
  }
  const Token* verify(const Secret& secret) {
    snapshot_ = std::make_unique<Snapshot>(directory_->snapshot_rows().value(), std::vector<Account>{});
    return verify_token(*snapshot_, secret, clock_.now());
  }
  std::unique_ptr<Snapshot> snapshot_;
};

TEST_F(TokensTest, AreOpenedByTheirSecretOnly) {
  const auto tenant = add_tenant("acme");
  const auto first = add("first");
  const auto second = add("second", tenant.id);
  EXPECT_EQ(first.secret.reveal().size(), 43U);
  EXPECT_EQ(first.secret.reveal().find_first_of("+/="), std::string_view::npos);
  EXPECT_EQ(verify(first.secret)->name, "first");
  EXPECT_FALSE(verify(first.secret)->tenant.has_value());
  EXPECT_EQ(verify(second.secret)->tenant, tenant.id);
  EXPECT_EQ(verify(Secret{}), nullptr);
  EXPECT_EQ(verify(Secret{first.token.hash}), nullptr);
  EXPECT_EQ(verify(Secret{std::string{first.secret.reveal()} + "A"}), nullptr);
}

TEST_F(TokensTest, ExpireAtTheirTime) {
  const auto made = add("short", std::nullopt, clock_.now() + std::chrono::hours{1});
  clock_.advance(std::chrono::hours{1} - std::chrono::microseconds{1});
  EXPECT_NE(verify(made.secret), nullptr);
  clock_.advance(std::chrono::microseconds{1});
  EXPECT_EQ(verify(made.secret), nullptr);
}

TEST_F(TokensTest, AreGoneOnceRemoved) {
  const auto made = add("first");
  ASSERT_TRUE(directory_->remove_token(made.token.id));
  EXPECT_EQ(verify(made.secret), nullptr);
  EXPECT_TRUE(fails_with(directory_->remove_token(made.token.id), ErrorCode::kNotFound, "no token"));
}

TEST_F(TokensTest, HaveUniqueNamesAndWellFormedHashes) {
  add("first");
  EXPECT_TRUE(fails_with(directory_->create_token(make_token("first", {}, {}, random_).token), ErrorCode::kExists,
                         "token first"));
  auto token = make_token("second", {}, {}, random_).token;
  token.hash = "secret in clear";
  EXPECT_TRUE(fails_with(directory_->create_token(token), ErrorCode::kInvalid, "token hash"));
  token = make_token("", {}, {}, random_).token;
  EXPECT_TRUE(fails_with(directory_->create_token(token), ErrorCode::kInvalid, "token name"));
}

// FIPS 180-2, appendix B.1.
TEST(TokenHash, IsSha256) {
  EXPECT_EQ(token_hash(Secret{"abc"}), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace bulkhead::tenants
