// What delivery is told by the configuration, and its bounds.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "src/base/ip_address.h"

namespace bulkhead::delivery {

// RFC 5321 §4.5.3.2: what a client waits for at least, but for connecting, where the next host is tried soon.
struct Timeouts {
  std::chrono::milliseconds connect{30'000};
  std::chrono::milliseconds greeting{300'000};
  std::chrono::milliseconds command{300'000};
  std::chrono::milliseconds data_block{180'000};
  std::chrono::milliseconds end_of_data{600'000};
  std::chrono::milliseconds quit{2'000};
  std::chrono::milliseconds opening{600'000};  // connecting to all hosts of a domain and greeting, together
};

struct Settings {
  std::string node_name;                 // HELO name of a source address that has none
  std::uint16_t port = 25;               // of MX hosts
  std::vector<SocketAddress> listeners;  // our own SMTP endpoints: an MX that leads there is a loop
  Timeouts timeouts;
  std::size_t messages_per_connection = 100;
  std::size_t recipients_per_transaction = 100;  // RFC 5321 §4.5.3.1.8: what every server takes
  std::size_t hosts_max = 20;                    // MX hosts looked at in one attempt
  std::size_t connects_max = 10;                 // addresses tried in one attempt
  std::chrono::milliseconds idle{3'000};         // how long an unused connection waits for its lane's next message
  std::size_t idle_connections_max = 200;        // of a shard
  std::chrono::milliseconds dead_host{60'000};   // how long a failed connect is remembered
  std::chrono::milliseconds probe_after{1'000};  // until it is tried again all the same, when there is no other host
  std::size_t dead_hosts_max = 10'000;
};

}  // namespace bulkhead::delivery
