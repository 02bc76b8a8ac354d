#include "src/net/dns_cache.h"

namespace bulkhead::net {

namespace {

// An estimate that counts what an answer can make large, and the bookkeeping roughly.
std::size_t bytes_of(const std::string& key, const Result<DnsAnswer>& outcome) {
  constexpr std::size_t kBookkeeping = 250;
  std::size_t bytes = kBookkeeping + 2 * key.size();
  if (!outcome) return bytes + outcome.error().message.size();
  for (const auto& mx : outcome->mx) bytes += sizeof mx + mx.exchange.capacity();
  for (const auto& text : outcome->texts) bytes += sizeof text + text.capacity();
  return bytes + outcome->addresses.size() * sizeof(IpAddress);
}

}  // namespace

DnsOutcome DnsCache::find(const std::string& key) {
  const auto found = entries_.find(key);
  if (found == entries_.end()) return nullptr;
  if (found->second->expiry <= clock_.steady()) {
    erase(found->second);
    return nullptr;
  }
  order_.splice(order_.begin(), order_, found->second);
  return found->second->outcome;
}

void DnsCache::put(const std::string& key, DnsOutcome outcome, std::chrono::seconds ttl) {
  if (const auto found = entries_.find(key); found != entries_.end()) erase(found->second);
  const std::size_t bytes = bytes_of(key, *outcome);
  order_.push_front(Entry{key, std::move(outcome), clock_.steady() + ttl, bytes});
  entries_.emplace(key, order_.begin());
  bytes_ += bytes;
  while (entries_.size() > limits_.entries_max || (bytes_ > limits_.bytes_max && entries_.size() > 1)) {
    erase(std::prev(order_.end()));
  }
}

void DnsCache::erase(Position position) {
  bytes_ -= position->bytes;
  entries_.erase(position->key);
  order_.erase(position);
}

void DnsCache::clear() {
  entries_.clear();
  order_.clear();
  bytes_ = 0;
}

}  // namespace bulkhead::net
