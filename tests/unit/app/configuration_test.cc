#include "src/app/configuration.h"

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/app/duration.h"

namespace bulkhead::app {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using ::testing::HasSubstr;

std::string fault_of(std::string_view text) {
  const auto reading = parse_configuration(text, "test.toml");
  EXPECT_EQ(reading.faults.size(), 1U);
  return reading.faults.empty() ? "" : reading.faults[0].text();
}

TEST(Configuration, TakesAnEmptyFileWithDefaults) {
  const auto reading = parse_configuration("", "test.toml");
  ASSERT_TRUE(reading.faults.empty());
  EXPECT_EQ(reading.configuration.listen.smtp.size(), 2U);
  EXPECT_EQ(reading.configuration.listen.submissions[1].text(), "[::]:465");
  EXPECT_EQ(reading.configuration.delivery.port, 25);
  EXPECT_FALSE(reading.configuration.node.name.empty());
}

TEST(Configuration, SaysWhatIsWrongWithTheMonitor) {
  EXPECT_THAT(fault_of("[monitor]\nzones = \"bl.example\""), HasSubstr("monitor.zones: expected a list"));
  EXPECT_THAT(fault_of("[monitor]\nzones = [\"bl.example colour=red\"]"), HasSubstr("'colour' is no setting"));
  EXPECT_THAT(fault_of("[monitor]\nzones = [\"bl.example\", \"BL.example rate=2\"]"), HasSubstr("listed twice"));
  EXPECT_THAT(fault_of("[monitor]\nreadiness = \"yes\""), HasSubstr("\"warn\", \"new\" or \"require\""));
  EXPECT_THAT(fault_of("[monitor]\ninterval = \"0s\""), HasSubstr("at least 1s"));
}

TEST(Configuration, ReadsEverySection) {
  const auto reading = parse_configuration(R"(
[node]
name = "MX1.isp.example."
data = "/srv/mail"
threads = 2
user = ""
[listen]
smtp = ["127.0.0.1:2525"]
imap = []
admin = "/tmp/a.sock"
[dns]
servers = ["127.0.0.1:5353"]
[delivery]
port = 2526
[queue]
retry = ["1s", "5m"]
expire_after = "2d"
warn_after = "1h"
)",
                                           "test.toml");
  ASSERT_TRUE(reading.faults.empty()) << reading.faults[0].text();
  const auto& c = reading.configuration;
  EXPECT_EQ(c.node.name, "mx1.isp.example");
  EXPECT_EQ(c.node.threads, 2U);
  EXPECT_EQ(c.listen.smtp.size(), 1U);
  EXPECT_EQ(c.dns.servers[0].port, 5353);
  EXPECT_EQ(c.delivery.port, 2526);
  EXPECT_EQ(c.queue.retry[1], seconds{300});
  EXPECT_EQ(c.queue.expire_after, hours{48});
}

TEST(Configuration, NamesFileLineKeyAndWhatWouldBeRight) {
  EXPECT_EQ(fault_of("[node]\nthreads = \"many\""), "test.toml:2: node.threads: expected a whole number from 0 to 256");
  EXPECT_EQ(fault_of("[listen]\nstmp = []"), "test.toml:2: listen.stmp: no such key; did you mean listen.smtp?");
  EXPECT_THAT(fault_of("[listen]\nsmtp = [\"localhost:25\"]"), HasSubstr("not \"localhost:25\""));
  EXPECT_THAT(fault_of("[listen]\nimap = [\"0.0.0.0:143\"]"), HasSubstr("not served by this version"));
  EXPECT_THAT(fault_of("[delivery]\nport = 65536"), HasSubstr("from 1 to 65535"));
  EXPECT_THAT(fault_of("[tls]\ncertificate = \"/x.pem\""), HasSubstr("belong together"));
  EXPECT_THAT(fault_of("[queue]\nexpire_after = \"1h\"\nwarn_after = \"1h\""), HasSubstr("shorter"));
  EXPECT_THAT(fault_of("[listen]\nhttp = [\"127.0.0.1:25\"]\nsmtp = [\"127.0.0.1:25\"]"), HasSubstr("already taken"));
  EXPECT_THAT(fault_of("name = \"x\""), HasSubstr("outside of any section"));
  EXPECT_THAT(fault_of("[node\n"), HasSubstr("test.toml:1"));
  EXPECT_THAT(fault_of("[directory]\nengine = \"mariadb\""), HasSubstr("not served"));
}

TEST(Configuration, TakesCharactersBeyondAsciiInStringsAndComments) {
  EXPECT_TRUE(parse_configuration("# \xc3\xa9\n[node]\nname = \"b\xc3\xbc.example\"\n", "test.toml").faults.empty());
}

TEST(Configuration, ReportsAllFaultsAtOnce) {
  const auto reading = parse_configuration("[node]\nthreads = -1\nnmae = \"x\"\n[delivery]\nport = 0\n", "test.toml");
  EXPECT_EQ(reading.faults.size(), 3U);
}

TEST(Configuration, SaysThatAMissingFileCannotBeOpened) {
  EXPECT_THAT(read_configuration("/nonexistent/x.toml").faults.at(0).text(), HasSubstr("cannot be opened"));
}

TEST(Configuration, IsDescribedKeyByKeyInTheReference) {
  std::ifstream page{"docs/reference/configuration.md"};
  ASSERT_TRUE(page) << "run from the repository's top";
  std::stringstream text;
  text << page.rdbuf();
  for (const auto& key : configuration_keys()) EXPECT_THAT(text.str(), HasSubstr("`" + key + "`"));
}

TEST(Duration, ReadsNumberAndUnit) {
  EXPECT_EQ(parse_duration("90s"), seconds{90});
  EXPECT_EQ(parse_duration("5d"), hours{120});
  EXPECT_EQ(to_text(seconds{5400}), "90m");
  EXPECT_EQ(to_text(seconds{0}), "0s");
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5w", "99999999999999999999s", "9223372036854775807d"}) {
    EXPECT_FALSE(parse_duration(text)) << text;
  }
}

TEST(Configuration, ADirectoryIsNoEmptyFile) {
  const auto reading = read_configuration("/tmp");
  ASSERT_EQ(reading.faults.size(), 1U);
  EXPECT_NE(reading.faults[0].message.find("is a directory"), std::string::npos);
}

}  // namespace
}  // namespace bulkhead::app
