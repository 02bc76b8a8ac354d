// The host's addresses, kept current by netlink (RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR).
#pragma once

#include <functional>
#include <memory>

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
};

}  // namespace bulkhead::netpolicy
