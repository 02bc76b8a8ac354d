// Follows the addresses of a network namespace of the test's own. Such a namespace belongs to a thread, so the whole
// test runs in one; where that is not permitted it is skipped, and says so.
#include "netpolicy/host_addresses.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>
#include <sched.h>

#include "tests/testlib/recording_log.h"

namespace bulkhead::netpolicy {
namespace {

IpAddress ip(std::string_view text) {
  return IpAddress::parse(text).value();
}

// Children inherit the namespace of the thread that starts them.
void run(const std::string& command) {
  ASSERT_EQ(std::system(command.c_str()), 0) << command;
}

class Changes {
 public:
  explicit Changes(HostAddressMonitor& monitor) : monitor_(monitor) {
    monitor.on_change([this] {
      const std::lock_guard lock{mutex_};
      changed_.notify_all();
    });
  }
  // Waits until `address` is there (or not); false after ten seconds.
  bool wait_for(const IpAddress& address, bool is_there) {
    std::unique_lock lock{mutex_};
    return changed_.wait_for(lock, std::chrono::seconds{10},
                             [&] { return monitor_.current()->contains(address) == is_there; });
  }

 private:
  HostAddressMonitor& monitor_;
  std::mutex mutex_;
  std::condition_variable changed_;
};

void follow_addresses() {
  testlib::RecordingLog log;
  run("ip link set lo up");
  run("ip link add v0 type veth peer name v1 && ip link set v0 up && ip link set v1 up");
  auto monitor = HostAddressMonitor::start(log).value();
  EXPECT_TRUE(monitor->current()->contains(ip("127.0.0.1")));
  EXPECT_TRUE(monitor->current()->contains(ip("127.99.3.4")));
  EXPECT_TRUE(monitor->current()->contains(ip("::1")));
  EXPECT_FALSE(monitor->current()->contains(ip("192.0.2.1")));

  Changes changes{*monitor};
  run("ip addr add 192.0.2.1/24 dev v0");
  EXPECT_TRUE(changes.wait_for(ip("192.0.2.1"), true));
  EXPECT_FALSE(monitor->current()->contains(ip("192.0.2.2")));
  run("ip addr add 2001:db8::1/64 dev v0");
  EXPECT_TRUE(changes.wait_for(ip("2001:db8::1"), true));
  run("ip addr del 192.0.2.1/24 dev v0");
  EXPECT_TRUE(changes.wait_for(ip("192.0.2.1"), false));
  run("ip addr add 192.0.2.7 peer 192.0.2.8 dev v0");
  EXPECT_TRUE(changes.wait_for(ip("192.0.2.7"), true));
  EXPECT_FALSE(monitor->current()->contains(ip("192.0.2.8")));
  run("ip link set v0 down");
  EXPECT_TRUE(changes.wait_for(ip("192.0.2.7"), false));
  run("ip link set v0 up");
  EXPECT_TRUE(changes.wait_for(ip("192.0.2.7"), true));
  run("ip addr del 127.0.0.1/8 dev lo");
  EXPECT_TRUE(changes.wait_for(ip("127.99.3.4"), false));
  monitor.reset();
}

void follow_many() {
  testlib::RecordingLog log;
  run("ip link set lo up");
  auto monitor = HostAddressMonitor::start(log).value();
  Changes changes{*monitor};
  run("for i in $(seq 1 200); do for j in $(seq 1 10); do echo addr add 10.$j.0.$i/32 dev lo; done; done | ip -batch "
      "-");
  EXPECT_TRUE(changes.wait_for(ip("10.10.0.200"), true));
  EXPECT_TRUE(monitor->current()->contains(ip("10.1.0.1")));
  EXPECT_FALSE(monitor->current()->contains(ip("10.11.0.1")));
  monitor.reset();
}

void in_own_namespace(void (*test)()) {
  bool is_permitted = false;
  std::thread{[&] {
    is_permitted = ::unshare(CLONE_NEWNET) == 0 && std::system("ip link >/dev/null 2>&1") == 0;
    if (is_permitted) test();
  }}.join();
  if (!is_permitted) GTEST_SKIP() << "needs the right to make a network namespace (root) and ip(8)";
}

TEST(HostAddressMonitor, FollowsAddressesAsTheyComeAndGo) {
  in_own_namespace(follow_addresses);
}

TEST(HostAddressMonitor, FollowsABurstOfTwoThousandAddresses) {
  in_own_namespace(follow_many);
}

TEST(HostAddressMonitor, KnowsTheLoopbackAddressOfThisHostAndStops) {
  testlib::RecordingLog log;
  const auto monitor = HostAddressMonitor::start(log).value();
  EXPECT_TRUE(monitor->current()->contains(ip("127.0.0.1")));
  EXPECT_FALSE(monitor->current()->contains(ip("192.0.2.123")));
}

}  // namespace
}  // namespace bulkhead::netpolicy
