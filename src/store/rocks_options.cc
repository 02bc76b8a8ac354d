#include "src/store/rocks_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/merge_operator.h>
#include <rocksdb/table.h>
#include <rocksdb/write_buffer_manager.h>

#include "src/store/encoding.h"

namespace bulkhead::store {

namespace {

constexpr std::size_t kMiB = 1 << 20;

// Batch::add: little-endian signed 64-bit sums, wrapping.
class SumOperator final : public rocksdb::AssociativeMergeOperator {
 public:
  bool Merge(const rocksdb::Slice&, const rocksdb::Slice* existing, const rocksdb::Slice& value, std::string* result,
             rocksdb::Logger*) const override {
    const auto number = [](const rocksdb::Slice& slice) {
      return static_cast<std::uint64_t>(decode_counter({slice.data(), slice.size()}));
    };
    result->clear();
    append_le<std::uint64_t>(*result, (existing ? number(*existing) : 0) + number(value));
    return true;
  }
  const char* Name() const override { return "bulkhead.Sum"; }
};

}  // namespace

rocksdb::DBOptions rocks_database_options(rocksdb::Env* env) {
  rocksdb::DBOptions options;
  options.env = env;
  options.create_if_missing = true;
  options.create_missing_column_families = true;
  // After a torn write at the end of the log everything before it is there and nothing behind it.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  // avoid_flush_during_recovery stays off: a log with a torn end would be kept, and the next crash would lose what
  // came after it (StoreCrash shows it).
  options.max_background_jobs = 2;
  options.max_open_files = 256;
  options.max_total_wal_size = 64 * kMiB;
  options.write_buffer_manager = std::make_shared<rocksdb::WriteBufferManager>(48 * kMiB);
  options.allow_concurrent_memtable_write = false;  // one writer: the committer
  options.avoid_unnecessary_blocking_io = true;
  options.skip_stats_update_on_db_open = true;
  options.skip_checking_sst_file_sizes_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_manifest_file_size = 16 * kMiB;
  return options;
}

rocksdb::ColumnFamilyOptions rocks_family_options() {
  rocksdb::ColumnFamilyOptions options;
  options.write_buffer_size = 16 * kMiB;
  options.max_write_buffer_number = 3;
  options.target_file_size_base = 16 * kMiB;
  options.max_bytes_for_level_base = 64 * kMiB;
  options.level_compaction_dynamic_level_bytes = true;
  options.compression = rocksdb::kLZ4Compression;
  options.merge_operator = std::make_shared<SumOperator>();
  return options;
}

}  // namespace bulkhead::store
