// Kv over RocksDB: one database, a column family per Family. Internal to the store.
#pragma once

#include <array>
#include <memory>
#include <string>

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/write_batch.h>

#include "src/base/log.h"
#include "src/store/blob_ref.h"
#include "src/store/kv.h"

namespace bulkhead::store {

class RocksKv final : public Kv {
 public:
  // `env`: the world that RocksDB lives in; it and the log outlive the kv.
  static Result<std::unique_ptr<RocksKv>> open(const std::string& path, rocksdb::Env* env, Log& log);
  ~RocksKv() override;

  Result<std::optional<std::string>> get(Family family, std::string_view key) const override;
  Status scan(Family family, std::string_view first, std::string_view past_last, Direction direction,
              const std::function<bool(std::string_view, std::string_view)>& visit) const override;

  // Adds the operations of `batch`; `blobs` are the places of its transaction's bodies.
  Status encode(const Batch& batch, const std::vector<BlobRef>& blobs, rocksdb::WriteBatch& out) const;
  // Writes with a synced log. kFull: nothing was written, and after the next successful call it never was. Any other
  // error is final: whether the batch survives is known only after a restart.
  Status write_synced(rocksdb::WriteBatch& batch);
  std::uint64_t bytes() const;

 private:
  RocksKv() = default;
  rocksdb::ColumnFamilyHandle* handle(Family family) const { return handles_[static_cast<std::size_t>(family)]; }

  bool must_resume_ = false;  // the committer's
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> handles_{};
};

}  // namespace bulkhead::store
