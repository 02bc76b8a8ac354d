// The node's configuration file: what cannot be changed live. Everything else is in the directory.
//
// Declares and checks; decides nothing. docs/reference/configuration.md describes each key, and a test compares.
#pragma once

#include <chrono>
#include <cstdint>
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
  } node;
  struct Directory {
    std::string engine = "sqlite";
    std::string url;
  } directory;
  struct Listen {
    std::vector<SocketAddress> smtp, submission, submissions, http, https, metrics;
    std::string admin = "/run/bulkhead/admin.sock";
  } listen;
  struct Dns {
    std::vector<SocketAddress> servers;  // empty: the system's
  } dns;
  struct Tls {
    std::string certificate, key;  // PEM files; both or neither
  } tls;
  struct Delivery {
    std::uint16_t port = 25;
    std::uint32_t connections_per_lane = 20;
    std::uint32_t messages_per_connection = 100;
  } delivery;
  struct Queue {
    std::vector<std::chrono::seconds> retry;  // empty: the built-in intervals
    std::chrono::seconds expire_after = std::chrono::hours{24 * 5};
    std::chrono::seconds warn_after = std::chrono::hours{4};
  } queue;
  struct Limits {
    std::uint32_t sessions = 20000;           // over all SMTP listeners
    std::uint32_t sessions_per_client = 100;  // from one client address
  } limits;
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

// Every key that exists, as "section.key".
std::vector<std::string> configuration_keys();

}  // namespace bulkhead::app
