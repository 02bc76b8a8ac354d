#include "monitoring/reputation/record_table.h"

#include <algorithm>

namespace bulkhead::reputation {

Record* RecordTable::find(const Key& key) {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &slots_[found->second].record;
}

const Record* RecordTable::find(const Key& key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &slots_[found->second].record;
}

Record& RecordTable::at(const Key& key, UtcTime now, std::vector<Evicted>& evicted) {
  if (Record* const known = find(key)) return *known;
  if (slots_.size() >= size_max_ && !slots_.empty()) evict(now, evicted);
  index_.emplace(key, slots_.size());
  slots_.push_back({key, {}});
  return slots_.back().record;
}

void RecordTable::evict(UtcTime now, std::vector<Evicted>& evicted) {
  constexpr std::size_t kLooks = 16;
  std::size_t least = hand_ % slots_.size();
  double least_interest = slots_[least].record.interest(now);
  for (std::size_t i = 1; i < std::min(kLooks, slots_.size()); ++i) {
    const std::size_t place = (hand_ + i) % slots_.size();
    const double interest = slots_[place].record.interest(now);
    if (interest >= least_interest) continue;
    least = place;
    least_interest = interest;
  }
  hand_ = (hand_ + kLooks) % slots_.size();
  evicted.push_back({slots_[least].key, slots_[least].record.state});
  index_.erase(slots_[least].key);
  if (least + 1 != slots_.size()) {
    slots_[least] = std::move(slots_.back());
    index_[slots_[least].key] = least;
  }
  slots_.pop_back();
}

void RecordTable::visit(const std::function<void(const Key&, const Record&)>& visitor) const {
  for (const auto& slot : slots_) visitor(slot.key, slot.record);
}

}  // namespace bulkhead::reputation
