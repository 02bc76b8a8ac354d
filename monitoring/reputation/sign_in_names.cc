#include "monitoring/reputation/sign_in_names.h"

#include <algorithm>
#include <string>

#include "monitoring/reputation/distinct_count.h"

namespace bulkhead::reputation {

namespace {

constexpr std::chrono::hours kFailuresLast{1};
constexpr std::chrono::hours kNamesLast{24};

std::uint64_t pair_of(const IpAddress& client, std::string_view name) {
  return distinct_hash(client.text() + ' ' + std::string{name});
}

}  // namespace

bool SignInNames::failed(const IpAddress& client, std::string_view name, UtcTime now) {
  if (const bool* known = known_.find(pair_of(client, name)); known != nullptr && *known) return false;
  auto& names = tried_.at(distinct_hash_of_bytes(client.bytes()), now);
  std::erase_if(names, [now](const Tried& tried) { return now - tried.last >= kNamesLast; });
  const std::uint64_t hash = distinct_hash(name);
  auto tried = std::ranges::find(names, hash, &Tried::name);
  if (tried == names.end()) {
    if (names.size() >= kTriedMax) names.erase(std::ranges::min_element(names, {}, &Tried::last));
    names.push_back({.name = hash, .failures = 0, .first = now, .last = now});
    tried = names.end() - 1;
  }
  if (now - tried->first >= kFailuresLast) *tried = {.name = hash, .failures = 0, .first = now, .last = now};
  ++tried->failures;
  tried->last = now;
  return true;
}

std::uint32_t SignInNames::succeeded(const IpAddress& client, std::string_view name, UtcTime now) {
  known_.at(pair_of(client, name), now) = true;
  auto& names = tried_.at(distinct_hash_of_bytes(client.bytes()), now);
  const auto tried = std::ranges::find(names, distinct_hash(name), &Tried::name);
  if (tried == names.end()) return 0;
  const std::uint32_t forgiven = now - tried->first < kFailuresLast ? tried->failures : 0;
  names.erase(tried);
  return forgiven;
}

std::vector<std::uint64_t> SignInNames::tried(const IpAddress& client, UtcTime now) const {
  std::vector<std::uint64_t> hashes;
  const auto* names = tried_.find(distinct_hash_of_bytes(client.bytes()));
  if (names == nullptr) return hashes;
  for (const auto& tried : *names) {
    if (now - tried.last < kNamesLast) hashes.push_back(tried.name);
  }
  return hashes;
}

}  // namespace bulkhead::reputation
