// Answers and refusals of the DNS for as long as they hold; bounded in number and memory, the least recently used
// go first. Private to src/net.
#pragma once

#include <list>
#include <memory>
#include <string>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/net/dns_message.h"

namespace bulkhead::net {

using DnsOutcome = std::shared_ptr<const Result<DnsAnswer>>;

class DnsCache {
 public:
  struct Limits {
    std::size_t entries_max = 10000;
    std::size_t bytes_max = 16 << 20;
  };
  DnsCache(const Clock& clock, Limits limits) : clock_(clock), limits_(limits) {}
  DnsOutcome find(const std::string& key);  // null when nothing is known, or not any more
  void put(const std::string& key, DnsOutcome outcome, std::chrono::seconds ttl);
  void clear();
  std::size_t size() const { return entries_.size(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Entry {
    std::string key;
    DnsOutcome outcome;
    SteadyTime expiry;
    std::size_t bytes = 0;
  };
  using Position = std::list<Entry>::iterator;
  void erase(Position position);

  const Clock& clock_;
  Limits limits_;
  std::size_t bytes_ = 0;
  std::list<Entry> order_;  // the most recently used first
  std::unordered_map<std::string, Position> entries_;
};

}  // namespace bulkhead::net
