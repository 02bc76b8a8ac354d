// What the kernel has counted, handed from `bulkhead firewall follow` to the server in a small file.
//
// The server has no right to read the kernel's tables, and shall not have it: who may read them may also change them.
#pragma once

#include <string>
#include <vector>

#include "monitoring/metrics.h"
#include "netpolicy/firewall/firewall_plan.h"
#include "src/base/clock.h"

namespace bulkhead::app {

struct FirewallReadings {
  UtcTime at;
  std::uint64_t refused_users = 0, refused_addresses = 0;
  std::uint64_t repairs = 0;                      // times that the table was put back after somebody had changed it
  std::vector<netpolicy::TenantTraffic> tenants;  // the busiest first
};

// Of the 100 busiest tenants.
std::string readings_text(const FirewallReadings& readings);
// Nothing when it is no such text.
std::optional<FirewallReadings> parse_readings(std::string_view text);

// In the data directory; written whole, with the rights of the caller.
Status write_readings(const std::string& data, const FirewallReadings& readings);
std::optional<FirewallReadings> read_readings(const std::string& data);

// No series but the age when the readings are older than a minute.
void provide_firewall_readings(monitoring::Metrics& metrics, const std::string& data, const Clock& clock);

}  // namespace bulkhead::app
