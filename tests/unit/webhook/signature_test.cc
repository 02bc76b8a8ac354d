#include "src/webhook/signature.h"

#include <gtest/gtest.h>

namespace bulkhead::webhook {
namespace {

// The example of the specification's reference implementations.
TEST(WebhookSignature, IsThatOfTheSpecification) {
  const Secret secret{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"};
  EXPECT_EQ(sign(secret, {"msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, R"({"test": 2432232314})"}),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}

TEST(WebhookSignature, DependsOnIdTimeBodyAndSecret) {
  SeededRandom random{1};
  const Secret one = make_secret(random), other = make_secret(random);
  const auto signature = sign(one, {"a", 1, "b"});
  EXPECT_EQ(sign(one, {"a", 1, "b"}), signature);
  EXPECT_NE(sign(one, {"x", 1, "b"}), signature);
  EXPECT_NE(sign(one, {"a", 2, "b"}), signature);
  EXPECT_NE(sign(one, {"a", 1, "c"}), signature);
  EXPECT_NE(sign(other, {"a", 1, "b"}), signature);
}

TEST(WebhookSignature, ASecretThatWasMadeIsOne) {
  SeededRandom random{2};
  EXPECT_TRUE(check_secret(make_secret(random)));
}

TEST(WebhookSignature, RefusesWhatIsNoSecret) {
  // 23, 24, 64 and 65 bytes.
  EXPECT_FALSE(check_secret(Secret{"whsec_" + std::string(30, 'A') + "A="}));
  EXPECT_TRUE(check_secret(Secret{"whsec_" + std::string(32, 'A')}));
  EXPECT_TRUE(check_secret(Secret{"whsec_" + std::string(86, 'A') + "=="}));
  EXPECT_FALSE(check_secret(Secret{"whsec_" + std::string(87, 'A') + "="}));
  EXPECT_FALSE(check_secret(Secret{std::string(32, 'A')}));
  EXPECT_FALSE(check_secret(Secret{"whsec_" + std::string(31, 'A') + "!"}));
  EXPECT_FALSE(check_secret(Secret{"whsec_"}));
  EXPECT_FALSE(check_secret(Secret{"whsec_" + std::string(100000, 'A')}));
}

}  // namespace
}  // namespace bulkhead::webhook
