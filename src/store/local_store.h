// The store on local disks: a blob log and RocksDB behind one committer. Use Store::open; tests bring an environment.
#pragma once

#include <memory>

#include <rocksdb/file_system.h>

#include "src/store/store.h"

namespace bulkhead::store {

// `rocks_files` is RocksDB's view of the same files as `files` (null: the operating system's).
Result<std::unique_ptr<Store>> open_local_store(Store::Options options, FileSystem& files, const Clock& clock, Log& log,
                                                std::shared_ptr<rocksdb::FileSystem> rocks_files);

}  // namespace bulkhead::store
