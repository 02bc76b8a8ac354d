#include "src/store/local_store.h"

#include <algorithm>
#include <limits>

#include "src/store/blob_log.h"
#include "src/store/committer.h"
#include "src/store/compactor.h"
#include "src/store/crc32c.h"
#include "src/store/recent_bodies.h"
#include "src/store/rocks_kv.h"
#include "src/store/space_watch.h"
#include "src/store/wal_file_system.h"

namespace bulkhead::store {

namespace {

constexpr std::uint64_t kReadMax = 1ULL << 30;  // of one read_blob

class LocalStore final : public Store {
 public:
  struct Parts {
    Options options;
    FileSystem& files;
    const Clock& clock;
    Log& log;
    std::unique_ptr<rocksdb::Env> env;
    std::unique_ptr<RocksKv> kv;
    std::unique_ptr<BlobLog> blobs;
  };

  explicit LocalStore(Parts parts)
      : parts_(std::move(parts)),
        space_({parts_.options.directory, parts_.options.free_space_min}, parts_.files, parts_.clock),
        recent_(parts_.options.recent_bodies_max),
        committer_({*parts_.blobs, *parts_.kv, space_, recent_, parts_.clock, parts_.log}),
        compactor_({parts_.options.directory, parts_.options.segment_size, parts_.options.free_space_min,
                    parts_.options.compaction},
                   {*parts_.blobs, committer_, *parts_.kv, parts_.files, parts_.clock, parts_.log}) {
    space_.keep_reserve();
  }
  ~LocalStore() override { close(); }

  void commit(Transaction transaction, UniqueFunction<void(Result<Committed>)> done) override {
    committer_.commit(std::move(transaction), std::move(done));
  }
  std::unique_ptr<BlobWriter> new_blob() override {
    return std::make_unique<LogBlobWriter>(parts_.blobs->segments(), parts_.options.spill_at);
  }
  Status health() const override { return committer_.health(); }
  Status accepts_new() const override {
    auto status = committer_.health();
    return status ? space_.check() : status;
  }
  Result<std::string> read_blob(const BlobRef& blob, std::uint64_t offset, std::uint64_t size) const override;
  SharedBody recent_body(const BlobRef& blob) const override;
  Status verify_blob(const BlobRef& blob) const override;
  const Kv& kv() const override { return *parts_.kv; }
  StoreUsage usage() const override;
  Status reclaim() override;
  void close() override;

 private:
  struct Place {
    std::shared_ptr<File> file;
    std::uint64_t offset = 0;
  };
  struct Record {
    Place place;
    RecordHeader header;
  };
  Result<Place> locate(const BlobRef& blob) const;
  Result<Place> locate_moved(const BlobRef& blob) const;
  Result<Record> find(const BlobRef& blob) const;

  Parts parts_;
  SpaceWatch space_;
  RecentBodies recent_;
  Committer committer_;
  Compactor compactor_;
  std::mutex closing_;
  bool is_closed_ = false;
};

tl::unexpected<Error> corrupt(const BlobRef& blob, std::string_view what) {
  return fail(ErrorCode::kCorrupt, fmt::format("the body at segment {} offset {} {}", blob.segment, blob.offset, what));
}

// Looks nowhere else as long as the body's own segment is there.
Result<LocalStore::Place> LocalStore::locate(const BlobRef& blob) const {
  auto file = parts_.blobs->segments().open(blob.segment);
  if (file) return Place{std::move(*file), blob.offset};
  if (file.error().code != ErrorCode::kNotFound) return fail(file.error());
  return locate_moved(blob);
}

// Asked again where the segment of copies is gone meanwhile, too: a row that says so was there before it went.
Result<LocalStore::Place> LocalStore::locate_moved(const BlobRef& blob) const {
  std::optional<BlobPlace> last;
  while (true) {
    const auto place = find_moved(*parts_.kv, blob.name());
    if (!place) return fail(place.error());
    if (!*place || *place == last) {
      return fail(ErrorCode::kNotFound,
                  fmt::format("nobody holds the body at segment {} offset {} any more", blob.segment, blob.offset));
    }
    last = *place;
    auto file = parts_.blobs->segments().open(last->segment);
    if (file) return Place{std::move(*file), last->offset};
    if (file.error().code != ErrorCode::kNotFound) return fail(file.error());
  }
}

// Wherever it lies, the record says where the body was first written.
bool is_of(const RecordHeader& header, const BlobRef& blob) {
  return header.segment == blob.segment && header.offset == blob.offset && header.length == blob.length;
}

Result<LocalStore::Record> LocalStore::find(const BlobRef& blob) const {
  auto place = locate(blob);
  if (!place) return fail(place.error());
  std::array<char, kRecordHeaderSize> bytes;
  const auto got = place->file->read_at(place->offset, bytes.data(), bytes.size());
  if (!got) return fail(got.error());
  const auto header = decode_header({bytes.data(), *got});
  if (!header || !is_of(*header, blob)) return corrupt(blob, "has no record there");
  return Record{std::move(*place), *header};
}

Result<std::string> LocalStore::read_blob(const BlobRef& blob, std::uint64_t offset, std::uint64_t size) const {
  if (offset >= blob.length) return std::string{};
  size = std::min({size, blob.length - offset, kReadMax});
  const bool is_whole = offset == 0 && size == blob.length;
  if (is_whole) {
    // Header and body in one call.
    const auto place = locate(blob);
    if (!place) return fail(place.error());
    std::string bytes(kRecordHeaderSize + size, '\0');
    const auto got = place->file->read_at(place->offset, bytes.data(), bytes.size());
    if (!got) return fail(got.error());
    const auto header = decode_header(std::string_view{bytes}.substr(0, *got));
    if (*got < bytes.size() || !header || !is_of(*header, blob)) return corrupt(blob, "has no whole record there");
    bytes.erase(0, kRecordHeaderSize);
    if (crc32c(0, bytes) != header->body_checksum) return corrupt(blob, "fails its checksum");
    return bytes;
  }
  const auto record = find(blob);
  if (!record) return fail(record.error());
  std::string bytes(size, '\0');
  const auto got = record->place.file->read_at(record->place.offset + kRecordHeaderSize + offset, bytes.data(), size);
  if (!got) return fail(got.error());
  if (*got < size) return corrupt(blob, "ends too early");
  return bytes;
}

SharedBody LocalStore::recent_body(const BlobRef& blob) const {
  SharedBody body;
  body.owner = recent_.find(blob);
  if (body.owner) body.bytes = std::string_view{*body.owner}.substr(kRecordHeaderSize, blob.length);
  return body;
}

Status LocalStore::verify_blob(const BlobRef& blob) const {
  const auto record = find(blob);
  if (!record) return fail(record.error());
  const auto& [place, header] = *record;
  const auto good = has_checksum(*place.file, place.offset + kRecordHeaderSize, blob.length, header.body_checksum);
  if (!good) return fail(good.error());
  if (!*good) return corrupt(blob, "fails its checksum");
  return {};
}

StoreUsage LocalStore::usage() const {
  StoreUsage usage;
  const SegmentFiles& segments = parts_.blobs->segments();
  usage.segments = segments.count();
  usage.bytes = segments.shared_count() * parts_.options.segment_size + parts_.blobs->own_bytes() + parts_.kv->bytes();
  usage.segments_compacted = compactor_.segments();
  usage.compacted_bytes = compactor_.bytes();
  usage.live_bytes = parts_.blobs->live_bytes();
  usage.commits = committer_.commits();
  usage.groups = committer_.groups();
  usage.commit_latency_p50 = committer_.latency().percentile(0.50);
  usage.commit_latency_p99 = committer_.latency().percentile(0.99);
  if (const auto status = accepts_new(); !status) {
    usage.is_writable = false;
    usage.trouble = status.error().message;
  }
  return usage;
}

Status LocalStore::reclaim() {
  space_.keep_reserve();
  compactor_.round();
  return parts_.blobs->segments().reclaim();
}

void LocalStore::close() {
  const std::lock_guard lock{closing_};
  if (std::exchange(is_closed_, true)) return;
  const bool is_healthy = committer_.health().has_value();
  committer_.close();
  if (!is_healthy) return;
  Batch batch;
  parts_.blobs->close_row(batch);
  rocksdb::WriteBatch encoded;
  auto status = parts_.kv->encode(batch, {}, encoded);
  if (status) status = parts_.kv->write_synced(encoded);
  if (!status) parts_.log.warning("store: the orderly end could not be noted: {}", status.error().message);
}

Status check_options(Store::Options& options) {
  constexpr std::uint64_t kSegmentSizeMin = 64 << 10;
  if (options.directory.empty() || options.directory.front() != '/') {
    return fail(ErrorCode::kInvalid, "the store's directory must be an absolute path");
  }
  if (options.segment_size < kSegmentSizeMin || options.segment_size > std::numeric_limits<std::uint32_t>::max()) {
    return fail(ErrorCode::kInvalid, "a segment must have between 64 KiB and 4 GiB");
  }
  // What does not spill must fit into a shared segment, several times.
  options.spill_at = std::min(options.spill_at, options.segment_size / 4);
  return {};
}

// The batch that says which segment numbers this run may give out goes first, before any is.
Status reserve_numbers(LocalStore::Parts& parts) {
  Batch batch;
  parts.blobs->rows(batch);
  rocksdb::WriteBatch encoded;
  auto status = parts.kv->encode(batch, {}, encoded);
  if (status) status = parts.kv->write_synced(encoded);
  if (status) parts.blobs->committed();
  return status;
}

// A failure is no error: segments are made as they are needed, too.
void stock_segments(LocalStore::Parts& parts) {
  constexpr std::uint64_t kShareMax = 16;  // of the free space, one part of so many
  const std::uint64_t size = parts.options.segments_in_stock * parts.options.segment_size;
  const auto free = parts.files.free_space(parts.options.directory);
  if (size == 0 || !free || *free / kShareMax < size) return;
  if (const auto stocked = parts.blobs->segments().stock(parts.options.segments_in_stock); !stocked) {
    parts.log.warning("store: no segments in stock: {}", stocked.error().message);
  }
}

}  // namespace

Result<std::unique_ptr<Store>> open_local_store(Store::Options options, FileSystem& files, const Clock& clock, Log& log,
                                                std::shared_ptr<rocksdb::FileSystem> rocks_files) {
  if (const auto valid = check_options(options); !valid) return fail(valid.error());
  LocalStore::Parts parts{options, files, clock, log, nullptr, nullptr, nullptr};
  const std::string blobs = options.directory + "/blobs";
  const std::string kv_directory = options.directory + "/kv";
  auto status = files.make_directory(blobs);
  if (status) status = files.make_directory(kv_directory);
  if (status) status = files.sync_directory(options.directory);
  if (!status) return fail(status.error());

  SpaceWatch{{options.directory, options.free_space_min}, files, clock}.make_room_for_start();
  if (rocks_files == nullptr) rocks_files = rocksdb::FileSystem::Default();
  parts.env = rocksdb::NewCompositeEnv(make_wal_file_system(std::move(rocks_files), files, kv_directory));
  auto kv = RocksKv::open(kv_directory, parts.env.get(), log);
  if (!kv) return fail(kv.error());
  parts.kv = std::move(*kv);
  auto log_of_blobs = BlobLog::open({blobs, options.segment_size}, {files, *parts.kv, log});
  if (!log_of_blobs) return fail(log_of_blobs.error());
  parts.blobs = std::move(*log_of_blobs);
  const bool is_new = parts.blobs->is_new();
  if (const auto reserved = reserve_numbers(parts); !reserved) return fail(reserved.error());
  if (is_new) stock_segments(parts);
  return std::unique_ptr<Store>{std::make_unique<LocalStore>(std::move(parts))};
}

Result<std::unique_ptr<Store>> Store::open(Options options, FileSystem& files, const Clock& clock, Log& log) {
  return open_local_store(std::move(options), files, clock, log, nullptr);
}

}  // namespace bulkhead::store
