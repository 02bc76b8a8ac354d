// The number that each tenant's outgoing sockets carry (SO_MARK), so that the kernel can tell tenants apart.
//
// A function of the directory alone: the server, which marks, and `bulkhead firewall`, which tells the kernel what to
// expect, come to the same numbers without talking to each other. All marks are 0xBxxxxxxx, out of the way of the small
// numbers that routing rules use.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "tenants/live_directory.h"

namespace bulkhead::netpolicy {

using Mark = std::uint32_t;

// Immutable. Where two tenants would have the same number, the younger takes the next free one.
class TenantMarks {
 public:
  explicit TenantMarks(const tenants::Snapshot& directory);
  Mark of(const TenantId& tenant) const;  // 0: no such tenant
  std::optional<TenantId> owner(Mark mark) const;

 private:
  std::unordered_map<TenantId, Mark> marks_;
  std::unordered_map<Mark, TenantId> owners_;
};

// The marks of now, for all threads.
class LiveTenantMarks {
 public:
  explicit LiveTenantMarks(const tenants::Snapshot& directory) { update(directory); }
  void update(const tenants::Snapshot& directory) { current_ = std::make_shared<const TenantMarks>(directory); }
  Mark of(const TenantId& tenant) const { return current_.load()->of(tenant); }

 private:
  std::atomic<std::shared_ptr<const TenantMarks>> current_;
};

}  // namespace bulkhead::netpolicy
