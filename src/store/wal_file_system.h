// RocksDB's files, with its log written ahead: a sync that changes neither size nor blocks of a file costs a quarter
// of one that does, so each log is filled with zeros a step ahead of what is appended to it.
//
// RocksDB reads zeros after the last record as the end of a log.
#pragma once

#include <memory>

#include <rocksdb/file_system.h>

#include "src/store/file_system.h"

namespace bulkhead::store {

// `files` must show the same tree as `target`; it outlives the result.
std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> target,
                                                          FileSystem& files);

}  // namespace bulkhead::store
