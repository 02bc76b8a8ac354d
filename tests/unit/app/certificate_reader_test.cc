#include "src/app/certificate_reader.h"

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/app/certificates.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

using ::testing::HasSubstr;

class CertificateReaderTest : public testing::Test {
 protected:
  void write(const std::string& name) {
    const auto pair = net::make_self_signed(name).value();
    std::ofstream{chain_} << pair.chain;
    std::ofstream{key_} << pair.key;
    ::chmod(key_.c_str(), 0600);
  }
  testlib::TemporaryDirectory directory_;
  const std::string chain_ = directory_.path() + "/chain.pem", key_ = directory_.path() + "/key.pem";
};

TEST_F(CertificateReaderTest, ReadsBothFiles) {
  write("mx.example");
  CertificateReader reader{chain_, key_};
  const auto pair = reader.read();
  ASSERT_TRUE(pair) << pair.error().message;
  EXPECT_TRUE(net::parse_certificate(pair->chain, pair->key));
}

TEST_F(CertificateReaderTest, NamesTheFileThatIsMissing) {
  write("mx.example");
  ::unlink(key_.c_str());
  CertificateReader reader{chain_, key_};
  const auto pair = reader.read();
  ASSERT_FALSE(pair);
  EXPECT_THAT(pair.error().message, HasSubstr(key_));
}

TEST_F(CertificateReaderTest, ReadsThroughItsHelperWhatIsThereNow) {
  CertificateReader reader{chain_, key_};
  ASSERT_TRUE(reader.start_helper());
  EXPECT_THAT(reader.read().error().message, HasSubstr(chain_));
  write("one.example");
  const auto one = reader.read();
  ASSERT_TRUE(one) << one.error().message;
  write("two.example");
  const auto two = reader.read();
  ASSERT_TRUE(two) << two.error().message;
  EXPECT_NE(one->chain, two->chain);
  EXPECT_TRUE(net::parse_certificate(two->chain, two->key));
}

TEST_F(CertificateReaderTest, KeepsTheOldCertificateWhenTheNewOneIsBroken) {
  write("mx.example");
  testlib::RecordingLog log;
  CertificateReader reader{chain_, key_};
  const auto certificates = Certificates::load(reader, log).value();
  std::ofstream{key_} << "no key";
  EXPECT_FALSE(certificates->reload());
  const auto chosen = certificates->choose("", *SocketAddress::parse("127.0.0.1:25"));
  ASSERT_NE(chosen, nullptr);
  EXPECT_THAT(net::names_of(*chosen), ::testing::Contains("mx.example"));
}

}  // namespace
}  // namespace bulkhead::app
