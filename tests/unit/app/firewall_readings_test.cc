#include "src/app/firewall_readings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(FirewallReadings, OfTheBusiestHundredAreKept) {
  FirewallReadings readings;
  readings.refused_users = 3;
  for (int i = 0; i < 101; ++i) readings.tenants.push_back({"t" + std::to_string(i), {1, 2}});
  const auto read = parse_readings(readings_text(readings));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->refused_users, 3U);
  EXPECT_EQ(read->tenants.size(), 100U);
  EXPECT_FALSE(parse_readings("{}").has_value());
  EXPECT_FALSE(parse_readings(R"({"at": 5})").has_value());
  EXPECT_FALSE(parse_readings("").has_value());
}

TEST(FirewallReadings, AreMetricsForAMinute) {
  testlib::ManualClock clock;
  const testlib::TemporaryDirectory directory;
  monitoring::Metrics metrics{{}, clock};
  provide_firewall_readings(metrics, directory.path(), clock);
  EXPECT_THAT(metrics.exposition(), Not(HasSubstr("\nbulkhead_firewall")));
  ASSERT_TRUE(
      write_readings(directory.path(), {clock.now(), 3, 4, 0, {{"acme", {7, 700}}, {"", {1, 10}}}}).has_value());
  clock.advance(std::chrono::seconds{60});
  EXPECT_THAT(metrics.exposition(), HasSubstr("bulkhead_firewall_tenant_bytes_total{tenant=\"acme\"} 700"));
  EXPECT_THAT(metrics.exposition(), HasSubstr("bulkhead_firewall_tenant_packets_total{tenant=\"shared\"} 1"));
  EXPECT_THAT(metrics.exposition(), HasSubstr("bulkhead_firewall_refused_total{reason=\"address\"} 4"));
  clock.advance(std::chrono::seconds{1});
  EXPECT_THAT(metrics.exposition(), Not(HasSubstr("\nbulkhead_firewall_refused_total")));
  EXPECT_THAT(metrics.exposition(), HasSubstr("bulkhead_firewall_reading_age_seconds 61"));
}

}  // namespace
}  // namespace bulkhead::app
