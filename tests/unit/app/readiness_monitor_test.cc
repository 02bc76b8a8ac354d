#include "src/app/readiness_monitor.h"

#include <set>

#include <gtest/gtest.h>

#include "tests/testlib/fake_directory.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/recording_trace.h"

namespace bulkhead::app {
namespace {

class Host final : public netpolicy::HostAddressMonitor {
 public:
  std::shared_ptr<const netpolicy::HostAddresses> current() const override {
    return std::make_shared<const netpolicy::HostAddresses>();
  }
  void on_change(std::function<void()>) override {}
  void withhold(const std::string&, std::map<IpAddress, std::string> addresses) override {
    withheld = std::move(addresses);
  }
  std::map<IpAddress, std::string> withheld;
};

class ReadinessMonitorTest : public ::testing::Test {
 protected:
  ReadinessMonitorTest() {
    MonitorSettings settings;
    settings.gate = netpolicy::ReadinessGate::kRequire;
    monitor_.set(settings);
  }
  // The directory's next snapshot: this version, with these addresses.
  void publish(std::uint64_t version, const std::vector<std::string>& addresses) {
    directory_.rows.version = version - 1;  // publish() adds one
    directory_.rows.addresses.clear();
    for (const auto& ip : addresses) directory_.add_address(ip, std::nullopt, "mx.isp.example");
    directory_.publish();
    monitor_.directory_changed();
  }

  // A server that starts on the same store, with the default gate.
  ReadinessMonitor::Parts parts() {
    return {resolver_, directory_, host_, store_, trace_, clock_, random_, log_, std::string{"mx.isp.example"}};
  }
  std::set<std::string> withheld_by_default() {
    ReadinessMonitor started{parts()};
    started.set(MonitorSettings{});
    EXPECT_TRUE(started.restore());
    std::set<std::string> ips;
    for (const auto& [ip, why] : host_.withheld) ips.insert(ip.text());
    return ips;
  }

  testlib::ManualClock clock_;
  SeededRandom random_{1};
  testlib::RecordingLog log_;
  testlib::FakeResolver resolver_;
  testlib::FakeDirectory directory_;
  testlib::FakeStore store_;
  testlib::RecordingTrace trace_;
  Host host_;
  ReadinessMonitor monitor_{parts()};
};

TEST_F(ReadinessMonitorTest, WithholdsANewAddressAtOnce) {
  publish(5, {"192.0.2.1"});
  EXPECT_EQ(host_.withheld.size(), 1U);
  publish(6, {});
  EXPECT_TRUE(host_.withheld.empty());
}

TEST_F(ReadinessMonitorTest, NeverStepsBackToAnOlderDirectory) {
  publish(5, {"192.0.2.1", "192.0.2.2"});
  publish(4, {"192.0.2.1"});
  EXPECT_EQ(host_.withheld.size(), 2U) << "a thread that comes late brings what was true before";
  EXPECT_EQ(monitor_.withheld(), 2U);
}

TEST_F(ReadinessMonitorTest, WhatWasThereBeforeAnUpgradeIsNotNew) {
  directory_.add_address("9.9.9.9", std::nullopt, "mx.isp.example");
  directory_.publish();
  EXPECT_TRUE(withheld_by_default().empty());
  directory_.add_address("9.9.9.10", std::nullopt, "mx.isp.example");
  directory_.publish();
  EXPECT_EQ(withheld_by_default(), std::set<std::string>{"9.9.9.10"}) << "came while the server was away";
  EXPECT_EQ(withheld_by_default(), std::set<std::string>{"9.9.9.10"});
}

TEST_F(ReadinessMonitorTest, AFirstStartThatCannotBeStoredFails) {
  store_.fail_commits(Error{ErrorCode::kIo, "no space", ""});
  EXPECT_FALSE(monitor_.restore());
}

}  // namespace
}  // namespace bulkhead::app
