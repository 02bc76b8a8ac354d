// The node's configuration file. What concerns tenants is in the directory.
//
// Declares and checks; decides nothing. docs/reference/configuration.md describes each key, and a test compares.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/ip_address.h"
#include "src/base/result.h"

namespace bulkhead::app {

struct Configuration {
  struct Node {
    std::string name;  // fully qualified host name; default: the host's own
    std::string data = "/var/lib/bulkhead";
    std::uint32_t threads = 0;      // 0: one shard a core
    std::string user = "bulkhead";  // dropped to after binding when started as root; "" = stay
    bool operator==(const Node&) const = default;
  } node;
  struct Directory {
    std::string engine = "sqlite";
    std::string url;
    bool operator==(const Directory&) const = default;
  } directory;
  struct Listen {
    std::vector<SocketAddress> smtp, submission, submissions, http, https, metrics;
    std::string admin = "/run/bulkhead/admin.sock";
    bool operator==(const Listen&) const = default;
  } listen;
  struct Dns {
    std::vector<SocketAddress> servers;  // empty: the system's
    bool operator==(const Dns&) const = default;
  } dns;
  struct Tls {
    std::string certificate, key;  // PEM files; both or neither
    bool operator==(const Tls&) const = default;
  } tls;
  struct Smtp {  // as a server; RFC 5321 §4.5.3.2.7 is where the five minutes come from
    std::chrono::seconds command_timeout = std::chrono::minutes{5};
    std::chrono::seconds data_timeout = std::chrono::minutes{5};
    std::chrono::seconds handshake_timeout{30};
    std::uint32_t data_bytes_per_minute = 1000;  // the least, over five minutes
    std::uint64_t message_size = 134217728;      // bytes
    std::uint32_t messages_per_session = 10000;
    std::uint32_t errors_per_session = 20;
    bool operator==(const Smtp&) const = default;
  } smtp;
  struct Delivery {
    std::uint16_t port = 25;
    // RFC 5321 §4.5.3.2.1 to 6, but for connecting: the next host is tried soon.
    std::chrono::seconds connect_timeout{30};
    std::chrono::seconds greeting_timeout = std::chrono::minutes{5};
    std::chrono::seconds command_timeout = std::chrono::minutes{5};
    std::chrono::seconds data_timeout = std::chrono::minutes{3};
    std::chrono::seconds end_of_data_timeout = std::chrono::minutes{10};
    std::uint32_t connections_per_lane = 50;
    std::uint32_t messages_per_connection = 100;
    bool operator==(const Delivery&) const = default;
  } delivery;
  struct Queue {
    std::vector<std::chrono::seconds> retry;  // empty: the built-in intervals
    std::chrono::seconds expire_after = std::chrono::hours{24 * 5};
    std::chrono::seconds warn_after = std::chrono::hours{4};
    std::uint32_t deliveries_max = 0;  // 0: what an eighth of the machine's memory holds
    bool operator==(const Queue&) const = default;
  } queue;
  struct Reputation {
    std::string reply_rules;  // a file; "" for the shipped rules
    bool shadow = false;      // every rule only reports
    bool operator==(const Reputation&) const = default;
  } reputation;
  struct Trace {
    std::chrono::seconds retention = std::chrono::hours{24 * 90};  // 0: for ever
    bool operator==(const Trace&) const = default;
  } trace;
  struct Monitor {
    std::optional<std::vector<std::string>> zones;  // as written, well-formed; nothing: the default ones
    std::chrono::seconds interval = std::chrono::hours{1};
    std::chrono::seconds confirm_after = std::chrono::minutes{2};
    std::string readiness = "new";  // "off", "warn", "new", "require"
    std::chrono::seconds readiness_interval = std::chrono::hours{1};
    std::chrono::seconds readiness_patience = std::chrono::hours{1};
    bool operator==(const Monitor&) const = default;
  } monitor;
  struct Limits {
    std::uint32_t sessions = 20000;           // over all SMTP listeners
    std::uint32_t sessions_per_client = 100;  // from one client address
    bool operator==(const Limits&) const = default;
  } limits;
  struct Notify {
    std::string operator_address;  // is told of every case; "" nobody
    std::string tenant;            // whose mail the notices are, "" the one of the operator's domain
    bool tells_tenants = true;     // of their own cases
    std::string webhook;           // the operator's, "" none
    std::string webhook_secret_file;
    bool operator==(const Notify&) const = default;
  } notify;
  struct Firewall {
    bool marks = false;  // outgoing sockets carry their tenant's mark
    bool operator==(const Firewall&) const = default;
  } firewall;
};

// One thing that is wrong with the file; `line` is 0 when it concerns the file as a whole.
struct ConfigurationFault {
  std::string file;
  std::uint32_t line = 0;
  std::string key;
  std::string message;       // what is wrong and what would be right
  std::string text() const;  // "FILE:LINE: KEY: MESSAGE"
};

struct ConfigurationReading {
  Configuration configuration;
  std::vector<ConfigurationFault> faults;  // all of them at once; empty: usable
};

// Reads TOML text. Never throws; bounded by the size of the text, of which at most 1 MiB is read.
ConfigurationReading parse_configuration(std::string_view text, const std::string& file);
ConfigurationReading read_configuration(const std::string& file);

// What another reading of the file changes. `live`: sections whose new values hold at once; `at_start`: those whose do
// at the next start.
struct ConfigurationChange {
  std::vector<std::string> live, at_start;
};
ConfigurationChange compare(const Configuration& before, const Configuration& after);

// Every key that exists, as "section.key".
std::vector<std::string> configuration_keys();

}  // namespace bulkhead::app
