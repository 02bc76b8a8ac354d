#include "src/app/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace bulkhead::app {
namespace {

using std::chrono::seconds;

TEST(Settings, DefaultsAreThoseOfTheParts) {
  const auto reading = parse_configuration("", "test.toml");
  const auto smtp = smtpd_settings(reading.configuration);
  const auto delivery = delivery_settings(reading.configuration);
  EXPECT_EQ(smtp.command_timeout, smtpd::Settings{}.command_timeout);
  EXPECT_EQ(smtp.data_timeout, smtpd::Settings{}.data_timeout);
  EXPECT_EQ(smtp.handshake_timeout, smtpd::Settings{}.handshake_timeout);
  EXPECT_EQ(smtp.data_bytes_per_minute_min, smtpd::Settings{}.data_bytes_per_minute_min);
  EXPECT_EQ(smtp.message_size_max, smtpd::Settings{}.message_size_max);
  EXPECT_EQ(smtp.messages_per_session_max, smtpd::Settings{}.messages_per_session_max);
  EXPECT_EQ(smtp.errors_max, smtpd::Settings{}.errors_max);
  EXPECT_EQ(delivery.timeouts.connect, delivery::Timeouts{}.connect);
  EXPECT_EQ(delivery.timeouts.greeting, delivery::Timeouts{}.greeting);
  EXPECT_EQ(delivery.timeouts.command, delivery::Timeouts{}.command);
  EXPECT_EQ(delivery.timeouts.data_block, delivery::Timeouts{}.data_block);
  EXPECT_EQ(delivery.timeouts.end_of_data, delivery::Timeouts{}.end_of_data);
}

TEST(Settings, TheMonitorAsksTheDefaultListsUnlessOthersAreNamed) {
  const auto usual = monitor_settings(parse_configuration("", "test.toml").configuration);
  EXPECT_EQ(usual.lists.zones.size(), listings::default_zones().size());
  EXPECT_EQ(usual.gate, netpolicy::ReadinessGate::kNew);
  const auto reading = parse_configuration(R"(
[monitor]
zones = ["bl.example rate=2", "{key}.dbl.example kind=domain key=abc"]
interval = "5m"
confirm_after = "30s"
readiness = "require"
readiness_interval = "10m"
readiness_patience = "20m"
)",
                                           "test.toml");
  ASSERT_TRUE(reading.faults.empty()) << reading.faults[0].text();
  const auto settings = monitor_settings(reading.configuration);
  ASSERT_EQ(settings.lists.zones.size(), 2U);
  EXPECT_EQ(settings.lists.zones[0].rate, 2);
  EXPECT_EQ(settings.lists.zones[1].suffix, "abc.dbl.example");
  EXPECT_EQ(settings.lists.interval, seconds{300});
  EXPECT_EQ(settings.lists.confirm_after, seconds{30});
  EXPECT_EQ(settings.gate, netpolicy::ReadinessGate::kRequire);
  EXPECT_EQ(settings.readiness_interval, seconds{600});
  EXPECT_EQ(settings.readiness_patience, seconds{1200});
  EXPECT_TRUE(monitor_settings(parse_configuration("[monitor]\nzones = []", "t").configuration).lists.zones.empty());
}

TEST(Settings, EachKeyReachesItsPart) {
  const auto reading = parse_configuration(R"(
[smtp]
command_timeout = "1s"
data_timeout = "2s"
handshake_timeout = "3s"
data_bytes_per_minute = 4
message_size = 65536
messages_per_session = 6
errors_per_session = 7
[delivery]
connect_timeout = "8s"
greeting_timeout = "9s"
command_timeout = "10s"
data_timeout = "11s"
end_of_data_timeout = "12s"
)",
                                           "test.toml");
  ASSERT_TRUE(reading.faults.empty()) << reading.faults[0].text();
  const auto smtp = smtpd_settings(reading.configuration);
  EXPECT_EQ(smtp.command_timeout, seconds{1});
  EXPECT_EQ(smtp.data_timeout, seconds{2});
  EXPECT_EQ(smtp.handshake_timeout, seconds{3});
  EXPECT_EQ(smtp.data_bytes_per_minute_min, 4U);
  EXPECT_EQ(smtp.message_size_max, 65536U);
  EXPECT_EQ(smtp.messages_per_session_max, 6U);
  EXPECT_EQ(smtp.errors_max, 7U);
  const auto timeouts = delivery_settings(reading.configuration).timeouts;
  EXPECT_EQ(timeouts.connect, seconds{8});
  EXPECT_EQ(timeouts.greeting, seconds{9});
  EXPECT_EQ(timeouts.command, seconds{10});
  EXPECT_EQ(timeouts.data_block, seconds{11});
  EXPECT_EQ(timeouts.end_of_data, seconds{12});
}

TEST(ConfigurationChange, NamesWhatHoldsAtOnceAndWhatAtTheNextStart) {
  const auto before = parse_configuration("", "t").configuration;
  EXPECT_TRUE(compare(before, before).live.empty());
  EXPECT_TRUE(compare(before, before).at_start.empty());
  const auto after = parse_configuration(
      "[smtp]\nmessage_size = 65536\n[queue]\nretry = [\"1m\"]\n[dns]\nservers = [\"192.0.2.53:53\"]\n"
      "[listen]\nsmtp = [\"192.0.2.1:25\"]\n[notify]\noperator = \"ops@isp.example\"",
      "t");
  ASSERT_TRUE(after.faults.empty()) << after.faults[0].text();
  const auto change = compare(before, after.configuration);
  EXPECT_EQ(change.live, (std::vector<std::string>{"[smtp]", "[queue]", "[dns]", "[notify]"}));
  EXPECT_EQ(change.at_start, (std::vector<std::string>{"[listen]"}));
}

TEST(Settings, BoundsATimeout) {
  EXPECT_TRUE(parse_configuration("[smtp]\ndata_timeout = \"1d\"", "t").faults.empty());
  EXPECT_EQ(parse_configuration("[smtp]\ndata_timeout = \"86401s\"", "t").faults.size(), 1U);
  EXPECT_EQ(parse_configuration("[smtp]\ndata_timeout = \"0s\"", "t").faults.size(), 1U);
}

}  // namespace
}  // namespace bulkhead::app
