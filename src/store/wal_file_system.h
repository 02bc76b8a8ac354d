// RocksDB's files, with its log in files that are used again: a sync that changes neither size nor blocks of a file
// costs a fraction of one that does, and nothing has to be written ahead. See wal_file.h.
#pragma once

#include <memory>
#include <string>

#include <rocksdb/file_system.h>

#include "src/store/file_system.h"

namespace bulkhead::store {

// `files` must show the same tree as `target`; it outlives the result. `directory`: the database's.
std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> target,
                                                          FileSystem& files, std::string directory);

}  // namespace bulkhead::store
