// The host's addresses, kept current by netlink (RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "netpolicy/source_choice.h"
#include "src/base/log.h"
#include "src/base/result.h"

namespace bulkhead::netpolicy {

class HostAddressMonitor {
 public:
  // Reads the present addresses and starts a thread that follows changes. A lost notification (ENOBUFS) reads all anew.
  static Result<std::unique_ptr<HostAddressMonitor>> start(Log& log);
  virtual ~HostAddressMonitor() = default;
  virtual std::shared_ptr<const HostAddresses> current() const = 0;  // any thread
  // Runs on the monitor's thread after each change. Set before anything happens that must not be missed.
  virtual void on_change(std::function<void()> observer) = 0;
  // In place of what `who` withheld before: nothing leaves from these addresses until they are given back, and mail
  // that would, waits (HostAddresses::withheld). Observers are told, on the caller's thread. Any thread.
  virtual void withhold(const std::string& /*who*/, std::map<IpAddress, std::string> /*addresses*/) {}
};

}  // namespace bulkhead::netpolicy
