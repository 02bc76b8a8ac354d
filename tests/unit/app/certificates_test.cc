#include "src/app/certificates.h"

#include <gtest/gtest.h>

#include "tests/testlib/fake_directory.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

// acme has 192.0.2.10, the domain acme.example and a certificate; beta has 192.0.2.20 and beta.example, and none.
class CertificatesTest : public testing::Test {
 protected:
  CertificatesTest() {
    const auto acme = directory_.add_tenant("acme");
    const auto beta = directory_.add_tenant("beta");
    directory_.add_domain(acme, "acme.example");
    directory_.add_domain(beta, "beta.example");
    directory_.add_address("192.0.2.10", acme, "mail.beta.example");  // acme calls its address by another's name
    directory_.add_address("192.0.2.20", beta, "mail.beta.example");
    set(directory_.rows.tenants[0], "of-acme.example");
    EXPECT_TRUE(ensure_self_signed(reader_chain_, reader_key_, "node.example", log_));
    certificates_ = Certificates::load(reader_, log_).value();
    update();
  }
  template <class Owner>
  void set(Owner& owner, const std::string& name) {
    const auto pair = net::make_self_signed(name).value();
    owner.certificate_pem = pair.chain;
    owner.key_pem = pair.key;
  }
  void update() {
    directory_.publish();
    certificates_->update(directory_.snapshot());
  }
  std::string chosen(const std::string& server_name, const char* arrival) {
    return net::names_of(*certificates_->choose(server_name, {*IpAddress::parse(arrival), 465})).at(0);
  }

  testlib::TemporaryDirectory files_;
  const std::string reader_chain_ = files_.path() + "/chain.pem", reader_key_ = files_.path() + "/key.pem";
  CertificateReader reader_{reader_chain_, reader_key_};
  testlib::RecordingLog log_;
  testlib::FakeDirectory directory_;
  std::unique_ptr<Certificates> certificates_;
};

TEST_F(CertificatesTest, FollowTheArrivalAddressWithoutAServerName) {
  EXPECT_EQ(chosen("", "192.0.2.10"), "of-acme.example");
  EXPECT_EQ(chosen("", "192.0.2.20"), "node.example");
  EXPECT_EQ(chosen("", "192.0.2.99"), "node.example");
}

TEST_F(CertificatesTest, FollowTheServerNameOnAnyAddress) {
  EXPECT_EQ(chosen("acme.example", "192.0.2.99"), "of-acme.example");
  EXPECT_EQ(chosen("mail.acme.example", "192.0.2.99"), "of-acme.example");
  EXPECT_EQ(chosen("a.b.acme.example", "192.0.2.99"), "node.example");
  set(directory_.rows.domains[0], "of-the-domain.example");
  update();
  EXPECT_EQ(chosen("mail.acme.example", "192.0.2.10"), "of-the-domain.example");
}

TEST_F(CertificatesTest, ATenantsNameForItsAddressGivesItNoOtherName) {
  EXPECT_EQ(chosen("mail.beta.example", "192.0.2.20"), "node.example");
  EXPECT_EQ(chosen("beta.example", "192.0.2.99"), "node.example");
}

TEST_F(CertificatesTest, AreReplacedAndTakenAwayLive) {
  const auto before = certificates_->choose("", {*IpAddress::parse("192.0.2.10"), 465});
  set(directory_.rows.tenants[0], "renewed.example");
  update();
  EXPECT_EQ(chosen("", "192.0.2.10"), "renewed.example");
  EXPECT_EQ(net::names_of(*before).at(0), "of-acme.example") << "of a session that has begun";
  directory_.rows.tenants[0].certificate_pem.clear();
  update();
  EXPECT_EQ(chosen("", "192.0.2.10"), "node.example");
}

TEST_F(CertificatesTest, AreNotParsedAgainForAChangeOfSomethingElse) {
  const auto before = certificates_->choose("", {*IpAddress::parse("192.0.2.10"), 465});
  directory_.add_address("192.0.2.11", directory_.rows.tenants[0].id, "");
  update();
  EXPECT_EQ(certificates_->choose("", {*IpAddress::parse("192.0.2.10"), 465}), before);
  EXPECT_EQ(certificates_->choose("", {*IpAddress::parse("192.0.2.11"), 465}), before);
}

TEST_F(CertificatesTest, ABrokenOneIsLeftOutAndSaidSo) {
  log_.expect("the certificate of tenant acme is not used");
  directory_.rows.tenants[0].certificate_pem = "nonsense";
  update();
  EXPECT_EQ(chosen("", "192.0.2.10"), "node.example");
  EXPECT_TRUE(log_.has("the certificate of tenant acme is not used"));
}

}  // namespace
}  // namespace bulkhead::app
