#include "netpolicy/host_addresses.h"

#include <array>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "netpolicy/netlink.h"
#include "src/base/thread_name.h"

namespace bulkhead::netpolicy {

namespace {

using HostAddressesPtr = std::shared_ptr<const HostAddresses>;

struct Sockets {
  Descriptor notifications, dumps, stop;
};

// Each notification, whatever it says, makes the list be read anew: a burst of them is taken together and costs one
// reading, and a lost one differs in nothing.
class NetlinkMonitor final : public HostAddressMonitor {
 public:
  NetlinkMonitor(Sockets sockets, HostAddresses first, Log& log)
      : sockets_(std::move(sockets)),
        log_(log),
        current_(std::make_shared<const HostAddresses>(std::move(first))),
        thread_([this] { follow(); }) {}
  ~NetlinkMonitor() override {
    const std::uint64_t one = 1;
    // An eventfd takes the first increment without fail.
    [[maybe_unused]] const auto written = ::write(sockets_.stop.get(), &one, sizeof one);
    thread_.join();
  }

  HostAddressesPtr current() const override { return current_.load(std::memory_order_acquire); }
  void on_change(std::function<void()> observer) override {
    const std::lock_guard lock{observers_mutex_};
    observers_.push_back(std::move(observer));
  }
  void withhold(const std::string& who, std::map<IpAddress, std::string> addresses) override;

 private:
  void follow();
  bool wait();
  void drain();
  bool read_anew();
  bool publish(HostAddresses addresses);
  void tell();

  Sockets sockets_;
  Log& log_;
  std::atomic<HostAddressesPtr> current_;
  std::mutex changing_;                                               // held by who makes new addresses from the old
  std::map<std::string, std::map<IpAddress, std::string>> withheld_;  // under changing_
  std::mutex observers_mutex_;
  std::vector<std::function<void()>> observers_;
  bool must_read_again_ = false;
  std::thread thread_;
};

void NetlinkMonitor::follow() {
  name_this_thread("netlink");
  while (wait()) {
    drain();
    must_read_again_ = !read_anew();
  }
}

// False when the monitor is to stop.
bool NetlinkMonitor::wait() {
  constexpr int kRetryMilliseconds = 1000;
  std::array<pollfd, 2> waiting{{{sockets_.notifications.get(), POLLIN, 0}, {sockets_.stop.get(), POLLIN, 0}}};
  while (::poll(waiting.data(), waiting.size(), must_read_again_ ? kRetryMilliseconds : -1) < 0 && errno == EINTR) {
  }
  return waiting[1].revents == 0;
}

// ENOBUFS, a notification lost, is as good as one received.
void NetlinkMonitor::drain() {
  std::array<char, 16384> ignored;
  for (;;) {
    const auto size = ::recv(sockets_.notifications.get(), ignored.data(), ignored.size(), MSG_DONTWAIT);
    if (size < 0 && errno != EINTR && errno != ENOBUFS) return;
  }
}

bool NetlinkMonitor::read_anew() {
  auto read = read_host_addresses(sockets_.dumps.get());
  if (!read) {
    if (!must_read_again_) log_.error("cannot read this host's addresses: {}", read.error().message);
    // What is left of a broken answer must not be taken for the next one.
    if (auto fresh = open_netlink(0)) sockets_.dumps = std::move(*fresh);
    return false;
  }
  bool is_news = false;
  {
    const std::lock_guard lock{changing_};
    read->withheld = current()->withheld;
    is_news = publish(std::move(*read));
  }
  if (is_news) tell();
  return true;
}

// Under changing_. False when nothing has changed.
bool NetlinkMonitor::publish(HostAddresses addresses) {
  if (addresses == *current()) return false;
  current_.store(std::make_shared<const HostAddresses>(std::move(addresses)), std::memory_order_release);
  return true;
}

void NetlinkMonitor::tell() {
  const std::lock_guard lock{observers_mutex_};
  for (const auto& observer : observers_) observer();
}

void NetlinkMonitor::withhold(const std::string& who, std::map<IpAddress, std::string> addresses) {
  bool is_news = false;
  {
    const std::lock_guard lock{changing_};
    withheld_[who] = std::move(addresses);
    HostAddresses all = *current();
    all.withheld.clear();
    for (const auto& [name, some] : withheld_) all.withheld.insert(some.begin(), some.end());
    is_news = publish(std::move(all));
  }
  if (is_news) tell();
}

Result<Sockets> open_sockets() {
  Sockets sockets;
  auto notifications = open_netlink(RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR);
  if (!notifications) return fail(notifications.error());
  auto dumps = open_netlink(0);
  if (!dumps) return fail(dumps.error());
  sockets.notifications = std::move(*notifications);
  sockets.dumps = std::move(*dumps);
  sockets.stop = Descriptor{::eventfd(0, EFD_CLOEXEC)};
  if (sockets.stop.get() < 0) return fail(system_error("eventfd", "", errno));
  return sockets;
}

}  // namespace

Result<std::unique_ptr<HostAddressMonitor>> HostAddressMonitor::start(Log& log) {
  // Listening begins before reading, so that no change falls between the two.
  auto sockets = open_sockets();
  if (!sockets) return fail(sockets.error());
  auto first = read_host_addresses(sockets->dumps.get());
  if (!first) return fail(first.error());
  return std::unique_ptr<HostAddressMonitor>{
      std::make_unique<NetlinkMonitor>(std::move(*sockets), std::move(*first), log)};
}

}  // namespace bulkhead::netpolicy
