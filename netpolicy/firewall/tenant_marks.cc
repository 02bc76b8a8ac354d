#include "netpolicy/firewall/tenant_marks.h"

#include <algorithm>
#include <vector>

namespace bulkhead::netpolicy {

namespace {

constexpr Mark kPrefix = 0xB0000000;
constexpr Mark kNumbers = 0x0FFFFFFF;

// FNV-1a of the id's octets: must never change, or the marks of running servers and firewalls would differ.
Mark wish_of(const TenantId& id) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char octet : id.bytes()) {
    hash ^= static_cast<unsigned char>(octet);
    hash *= 0x100000001b3ULL;
  }
  return static_cast<Mark>((hash ^ (hash >> 28U)) & kNumbers);
}

}  // namespace

TenantMarks::TenantMarks(const tenants::Snapshot& directory) {
  std::vector<TenantId> ids;
  for (const auto& tenant : directory.tenants()) ids.push_back(tenant.id);
  std::ranges::sort(ids);  // in order of their making
  for (const auto& id : ids) {
    Mark number = wish_of(id);
    while (owners_.contains(kPrefix | number)) number = (number + 1) & kNumbers;
    marks_.emplace(id, kPrefix | number);
    owners_.emplace(kPrefix | number, id);
  }
}

Mark TenantMarks::of(const TenantId& tenant) const {
  const auto found = marks_.find(tenant);
  return found == marks_.end() ? 0 : found->second;
}

std::optional<TenantId> TenantMarks::owner(Mark mark) const {
  const auto found = owners_.find(mark);
  return found == owners_.end() ? std::nullopt : std::optional{found->second};
}

}  // namespace bulkhead::netpolicy
