#include <iterator>

#include "src/store/kv.h"

namespace bulkhead::store {

using Kind = Batch::Operation::Kind;

void Batch::put(Family family, std::string key, std::string value) {
  operations_.push_back({Kind::kPut, family, std::move(key), std::move(value)});
}

void Batch::put_with_blob(Family family, std::string key, std::string value, std::size_t blob) {
  operations_.push_back({Kind::kPutWithBlob, family, std::move(key), std::move(value), blob});
}

void Batch::remove(Family family, std::string key) {
  operations_.push_back({Kind::kRemove, family, std::move(key), {}});
}

void Batch::remove_range(Family family, std::string first, std::string past_last) {
  operations_.push_back({Kind::kRemoveRange, family, std::move(first), std::move(past_last)});
}

void Batch::add(Family family, std::string key, std::int64_t delta) {
  operations_.push_back({Kind::kAdd, family, std::move(key), {}, 0, delta});
}

void Batch::append(Batch other) {
  held_.insert(held_.end(), other.held_.begin(), other.held_.end());
  if (operations_.empty()) {
    operations_ = std::move(other.operations_);
    return;
  }
  operations_.insert(operations_.end(), std::make_move_iterator(other.operations_.begin()),
                     std::make_move_iterator(other.operations_.end()));
}

}  // namespace bulkhead::store
