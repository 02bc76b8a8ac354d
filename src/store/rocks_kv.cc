#include "src/store/rocks_kv.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>

#include "src/store/encoding.h"
#include "src/store/rocks_log.h"
#include "src/store/rocks_options.h"

namespace bulkhead::store {

namespace {

constexpr std::array<const char*, kFamilyCount> kNames{"default", "queue", "mailbox", "trace", "blob"};
// Holds the tables' indexes and filters, too: what is kept of tables does not grow with them.
constexpr std::size_t kBlockCacheSize = 24 << 20;

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string_view view(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

Error error_of(std::string_view what, const rocksdb::Status& status) {
  ErrorCode code = ErrorCode::kIo;
  if (status.IsNoSpace()) code = ErrorCode::kFull;
  if (status.IsCorruption()) code = ErrorCode::kCorrupt;
  std::string advice = code == ErrorCode::kFull ? "free some space on that disk" : "";
  return {code, fmt::format("the metadata store cannot {}: {}", what, status.ToString()), std::move(advice)};
}

}  // namespace

Result<std::unique_ptr<RocksKv>> RocksKv::open(const std::string& path, rocksdb::Env* env, Log& log) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(kBlockCacheSize);
  table.cache_index_and_filter_blocks = true;
  table.pin_l0_filter_and_index_blocks_in_cache = true;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  rocksdb::ColumnFamilyOptions family = rocks_family_options();
  family.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  std::vector<rocksdb::ColumnFamilyDescriptor> families;
  for (const char* name : kNames) families.emplace_back(name, family);

  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* db = nullptr;
  auto options = rocks_database_options(env);
  options.info_log = make_rocks_log(log);
  const auto status = rocksdb::DB::Open(options, path, families, &handles, &db);
  if (!status.ok()) return fail(error_of("open " + path, status));
  std::unique_ptr<RocksKv> kv{new RocksKv};
  kv->db_.reset(db);
  std::copy(handles.begin(), handles.end(), kv->handles_.begin());
  return kv;
}

RocksKv::~RocksKv() {
  if (db_ == nullptr) return;
  for (auto* handle : handles_) db_->DestroyColumnFamilyHandle(handle);
  // What Close cannot write is in the log; the next start reads it there.
  db_->Close().PermitUncheckedError();
}

Result<std::optional<std::string>> RocksKv::get(Family family, std::string_view key) const {
  std::string value;
  const auto status = db_->Get(rocksdb::ReadOptions{}, handle(family), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return fail(error_of("read", status));
  return std::optional<std::string>{std::move(value)};
}

Status RocksKv::scan(Family family, std::string_view first, std::string_view past_last, Direction direction,
                     const std::function<bool(std::string_view, std::string_view)>& visit) const {
  const rocksdb::Slice lower = slice(first);
  const rocksdb::Slice upper = slice(past_last);
  rocksdb::ReadOptions options;
  options.iterate_lower_bound = &lower;
  if (!past_last.empty()) options.iterate_upper_bound = &upper;
  const std::unique_ptr<rocksdb::Iterator> it{db_->NewIterator(options, handle(family))};
  const bool is_forward = direction == Direction::kForward;
  for (is_forward ? it->SeekToFirst() : it->SeekToLast(); it->Valid(); is_forward ? it->Next() : it->Prev()) {
    if (!visit(view(it->key()), view(it->value()))) return {};
  }
  if (!it->status().ok()) return fail(error_of("read", it->status()));
  return {};
}

Status RocksKv::encode(const Batch& batch, const std::vector<BlobRef>& blobs, rocksdb::WriteBatch& out) const {
  using Kind = Batch::Operation::Kind;
  std::string suffix;
  for (const auto& operation : batch.operations()) {
    auto* const family = handle(operation.family);
    rocksdb::Status status;
    switch (operation.kind) {
      case Kind::kPut:
        status = out.Put(family, operation.key, operation.value);
        break;
      case Kind::kPutWithBlob: {
        suffix.clear();
        blobs[operation.blob].append_to(suffix);
        const rocksdb::Slice key = slice(operation.key);
        const std::array<rocksdb::Slice, 2> value{slice(operation.value), slice(suffix)};
        status = out.Put(family, rocksdb::SliceParts(&key, 1), rocksdb::SliceParts(value.data(), 2));
        break;
      }
      case Kind::kRemove:
        status = out.Delete(family, operation.key);
        break;
      case Kind::kRemoveRange:
        status = out.DeleteRange(family, operation.key, operation.value);
        break;
      case Kind::kAdd: {
        suffix.clear();
        append_le<std::uint64_t>(suffix, static_cast<std::uint64_t>(operation.delta));
        status = out.Merge(family, operation.key, suffix);
        break;
      }
    }
    if (!status.ok()) return fail(error_of("take the batch", status));
  }
  return {};
}

Status RocksKv::write_synced(rocksdb::WriteBatch& batch) {
  if (must_resume_) {
    const auto resumed = db_->Resume();
    if (!resumed.ok()) return fail(error_of("go on after the disk was full", resumed));
    must_resume_ = false;
  }
  rocksdb::WriteOptions options;
  options.sync = true;
  const auto status = db_->Write(options, &batch);
  if (status.ok()) return {};
  must_resume_ = true;
  return fail(error_of("write", status));
}

std::uint64_t RocksKv::bytes() const {
  std::uint64_t total = 0;
  for (auto* family : handles_) {
    std::uint64_t size = 0;
    if (db_->GetIntProperty(family, rocksdb::DB::Properties::kTotalSstFilesSize, &size)) total += size;
    if (db_->GetIntProperty(family, rocksdb::DB::Properties::kSizeAllMemTables, &size)) total += size;
  }
  return total;
}

}  // namespace bulkhead::store
