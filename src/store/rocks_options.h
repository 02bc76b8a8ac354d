// How the store runs RocksDB: little memory, quick start, a log that is synced by the committer only.
#pragma once

#include <rocksdb/options.h>

namespace bulkhead::store {

rocksdb::DBOptions rocks_database_options(rocksdb::Env* env);
rocksdb::ColumnFamilyOptions rocks_family_options();

}  // namespace bulkhead::store
