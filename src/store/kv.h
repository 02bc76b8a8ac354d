// The metadata store: ordered keys in families, atomic batches. RocksDB is behind it; nothing above may know.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace bulkhead::store {

// One family a concern; keys sort as they are read.
enum class Family : std::uint8_t { kMeta, kQueue, kMailbox, kTrace, kBlob };
inline constexpr std::size_t kFamilyCount = 5;

// Changes that become visible and durable together. Plain value.
class Batch {
 public:
  void put(Family family, std::string key, std::string value);
  // The stored value is `value` followed by the encoded BlobRef of the transaction's blob number `blob`
  // (BlobRef::kEncodedSize bytes), which only the committer knows.
  void put_with_blob(Family family, std::string key, std::string value, std::size_t blob);
  void remove(Family family, std::string key);
  void remove_range(Family family, std::string first, std::string past_last);
  // Adds to a little-endian signed 64-bit counter that starts at 0; no read is needed.
  void add(Family family, std::string key, std::int64_t delta);

  struct Operation {
    enum class Kind : std::uint8_t { kPut, kPutWithBlob, kRemove, kRemoveRange, kAdd } kind;
    Family family;
    std::string key;
    std::string value;  // put: value; remove_range: past_last
    std::size_t blob = 0;
    std::int64_t delta = 0;
  };
  const std::vector<Operation>& operations() const { return operations_; }
  bool empty() const { return operations_.empty(); }
  void append(Batch other);
  // Lives until the batch and its copies are gone: after the commit, or when nobody will try it any more.
  void hold(std::shared_ptr<const void> something) { held_.push_back(std::move(something)); }

 private:
  std::vector<Operation> operations_;
  std::vector<std::shared_ptr<const void>> held_;
};

// Reading side. Thread-safe; blocks on disk, so call it from the blocking pool unless the keys are known to be warm.
class Kv {
 public:
  virtual ~Kv() = default;
  virtual Result<std::optional<std::string>> get(Family family, std::string_view key) const = 0;
  // Calls `visit` for each key in [first, past_last) in order (reverse: from the last down) until it returns false.
  enum class Direction { kForward, kReverse };
  virtual Status scan(Family family, std::string_view first, std::string_view past_last, Direction direction,
                      const std::function<bool(std::string_view key, std::string_view value)>& visit) const = 0;
};

}  // namespace bulkhead::store
