#include "monitoring/reputation/sign_in_names.h"

#include <chrono>
#include <string>
#include <utility>

#include "monitoring/reputation/distinct_count.h"

namespace bulkhead::reputation {

SignInNames::Pair& SignInNames::at(const IpAddress& client, std::string_view name, UtcTime now) {
  if (younger_.size() >= generation_max_ || now - began_ >= std::chrono::hours{24 * 7}) {
    older_ = std::exchange(younger_, {});
    began_ = now;
  }
  // The address as text: the hash folds letters, which its bytes are not.
  const std::uint64_t hash = distinct_hash(client.text() + ' ' + std::string{name});
  const auto [pair, is_new] = younger_.try_emplace(hash);
  if (is_new) {
    if (const auto before = older_.find(hash); before != older_.end()) pair->second = before->second;
  }
  return pair->second;
}

bool SignInNames::failed(const IpAddress& client, std::string_view name, UtcTime now) {
  Pair& pair = at(client, name, now);
  if (pair.has_signed_in) return false;
  ++pair.failures;
  return true;
}

std::uint32_t SignInNames::succeeded(const IpAddress& client, std::string_view name, UtcTime now) {
  Pair& pair = at(client, name, now);
  pair.has_signed_in = true;
  return std::exchange(pair.failures, 0);
}

}  // namespace bulkhead::reputation
