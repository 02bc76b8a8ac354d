// What deliveries are counted and chosen by: tenant, site, account, sender, client address, recipient's domain.
//
// Each value is interned: deliveries hold a number of four bytes, and the row behind it counts them, so that "how much
// is there of this account" is answered without looking at a message. A value is known by a keyed 64-bit hash: the
// key is random for each run, so that nobody can make two values that meet. Names are not kept; whoever shows one
// reads it from a message that has it. Not thread-safe; one table a shard.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "src/base/random.h"
#include "src/queue/message.h"
#include "src/queue/slot_index.h"

namespace bulkhead::queue {

enum class AttributeKind : std::uint8_t { kTenant, kSite, kAccount, kSender, kClientIp, kDomain };
inline constexpr std::size_t kAttributeKinds = 6;

using AttributeRef = std::uint32_t;
inline constexpr AttributeRef kNoAttribute = 0;

// The hash of values, the same on all shards of a run. 0 stands for "has none".
class AttributeHash {
 public:
  AttributeHash() = default;  // for tests: the same in every run
  explicit AttributeHash(Random& random);
  // Letters of ASCII count as lower case.
  std::uint64_t operator()(AttributeKind kind, std::string_view value) const;
  std::uint64_t of_tenant(const TenantId& tenant) const { return (*this)(AttributeKind::kTenant, tenant.bytes()); }
  std::uint64_t of_account(const AccountId& account) const { return (*this)(AttributeKind::kAccount, account.bytes()); }
  std::uint64_t of_client(const IpAddress& address) const { return (*this)(AttributeKind::kClientIp, address.bytes()); }

 private:
  std::uint64_t key_[2] = {0x9E3779B97F4A7C15ULL, 0xD1B54A32D192ED03ULL};
};

// The values of a delivery besides those of its lane.
struct AttributeKeys {
  std::uint64_t account = 0, sender = 0, client_ip = 0, domain = 0;
  bool operator==(const AttributeKeys&) const = default;
};
// Of the delivery whose first recipient is `index`. The sender is always there: <> is one.
AttributeKeys keys_of(const AttributeHash& hash, const Message& message, std::uint16_t index);

struct AttributeRow {
  std::uint64_t key = 0;
  std::uint32_t holders = 0;     // what refers to the row; at none it goes
  std::uint32_t deliveries = 0;  // in the queue, whatever their state
  std::uint32_t active = 0;      // of these, handed out now
  std::uint32_t sole = 0;        // of these, the only delivery of their message
  std::uint32_t messages = 0;    // with several deliveries; counted on the message's owner shard
  AttributeKind kind = AttributeKind::kTenant;
};

class AttributeTable {
 public:
  // The row of a value, made when there is none; one more holder. kNoAttribute for 0.
  AttributeRef acquire(AttributeKind kind, std::uint64_t key);
  void release(AttributeRef ref);
  AttributeRow& operator[](AttributeRef ref) { return chunks_[ref / kChunk][ref % kChunk]; }
  const AttributeRow& operator[](AttributeRef ref) const { return chunks_[ref / kChunk][ref % kChunk]; }
  // kNoAttribute when nobody has the value.
  AttributeRef find(std::uint64_t key) const;
  // The values of a kind that deliveries have.
  template <class Visitor>
  void visit(AttributeKind kind, const Visitor& visitor) const {
    visit_rows(kind, [&visitor](const AttributeRow& row) {
      if (row.deliveries > 0) visitor(row);
    });
  }
  // The same with those that only messages of deliveries elsewhere have.
  template <class Visitor>
  void visit_rows(AttributeKind kind, const Visitor& visitor) const {
    for (AttributeRef ref = 1; ref < end(); ++ref) {
      const AttributeRow& row = (*this)[ref];
      if (row.holders > 0 && row.kind == kind) visitor(row);
    }
  }
  // Past the last one; rows without holders are free.
  AttributeRef end() const { return static_cast<AttributeRef>(chunks_.size() * kChunk); }
  std::size_t size() const { return size_; }
  std::size_t memory_bytes() const { return chunks_.size() * kChunk * sizeof(AttributeRow) + index_.memory_bytes(); }

 private:
  static constexpr std::size_t kChunk = 256;
  std::vector<std::unique_ptr<AttributeRow[]>> chunks_;
  std::vector<AttributeRef> free_;
  SlotIndex index_;
  std::size_t size_ = 0;
};

}  // namespace bulkhead::queue
