// A bounded cache of what addresses and account ids lead to, unknown ones included. Thread-safe.
//
// An entry belongs to a generation: forget_all() begins a new one, in constant time. Whatever is forgotten moves a
// mark, too: what was read from the database before it cannot be put any more.
#pragma once

#include <atomic>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "tenants/directory.h"

namespace bulkhead::tenants {

// What an address is: nothing of ours, an account, or an alias.
using AddressMeaning = std::variant<std::monostate, Account, Alias>;
using AddressMeaningPtr = std::shared_ptr<const AddressMeaning>;

class AddressCache {
 public:
  explicit AddressCache(std::size_t entries_max);

  // To be taken before the database is read, and given to put().
  std::uint64_t mark() const { return mark_.load(std::memory_order_acquire); }
  AddressMeaningPtr get(const std::string& key);  // null: not known here
  void put(const std::string& key, AddressMeaningPtr meaning, std::uint64_t mark);
  void forget_all();
  void forget(const std::vector<std::string>& keys);
  std::size_t size() const;

 private:
  struct Entry {
    std::string key;
    AddressMeaningPtr meaning;
    std::uint64_t generation = 0;
  };
  // The least recently used stands last. The index's keys are views of the entries' keys.
  struct Part {
    mutable std::mutex mutex;
    std::list<Entry> entries;
    std::unordered_map<std::string_view, std::list<Entry>::iterator> index;
  };
  Part& part_of(const std::string& key) { return parts_[std::hash<std::string>{}(key) % parts_.size()]; }

  std::vector<Part> parts_;
  std::size_t entries_max_per_part_;
  std::uint64_t generation() const { return generation_.load(std::memory_order_acquire); }

  std::atomic<std::uint64_t> generation_{1};
  std::atomic<std::uint64_t> mark_{1};
};

}  // namespace bulkhead::tenants
