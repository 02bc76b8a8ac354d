#include "src/store/wal_file_system.h"

#include <charconv>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "src/store/wal_file.h"

namespace bulkhead::store {

namespace {

constexpr std::string_view kSuffix = ".log";
constexpr std::string_view kSpareSuffix = ".spare";  // RocksDB leaves files with such names alone
constexpr std::size_t kSparesMax = 3;
constexpr std::uint64_t kSpareSizeMin = 64 << 10;
constexpr std::uint64_t kSpareSizeMax = 64 << 20;
constexpr std::uint64_t kReserved = 8 << 20;  // of a new file

// "DIRECTORY/000012.log" → 12.
std::optional<std::uint64_t> log_number(std::string_view path) {
  if (!path.ends_with(kSuffix)) return std::nullopt;
  const std::string_view name = path.substr(path.rfind('/') + 1);
  const std::string_view digits = name.substr(0, name.size() - kSuffix.size());
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  using IO = rocksdb::IOStatus;
  using Context = rocksdb::IODebugContext;
  using Mode = store::FileSystem::Mode;

  WalFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, store::FileSystem& files, std::string directory)
      : FileSystemWrapper(target), files_(files), directory_(std::move(directory)) {
    const auto names = files_.list(directory_);
    if (!names) return;  // a new database
    for (const std::string& name : *names) {
      if (name.ends_with(kSpareSuffix)) spares_.push_back(directory_ + "/" + name);
    }
  }

  static const char* kClassName() { return "BulkheadWalFileSystem"; }
  const char* Name() const override { return kClassName(); }

  IO NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                     std::unique_ptr<rocksdb::FSWritableFile>* result, Context* context) override {
    const auto number = log_number(path);
    if (!number) return target()->NewWritableFile(path, options, result, context);
    auto file = open_log(path);
    if (!file) return wal_status(file.error());
    *result = make_wal_writer(std::move(*file), *number);
    return IO::OK();
  }

  IO NewSequentialFile(const std::string& path, const rocksdb::FileOptions& options,
                       std::unique_ptr<rocksdb::FSSequentialFile>* result, Context* context) override {
    const auto number = log_number(path);
    if (!number) return target()->NewSequentialFile(path, options, result, context);
    auto file = files_.open(path, Mode::kRead);
    if (!file) return wal_status(file.error());
    const auto kind = wal_kind(**file);
    if (!kind) return wal_status(kind.error());
    if (*kind == WalKind::kForeign) return target()->NewSequentialFile(path, options, result, context);
    *result = make_wal_reader(std::move(*file), *number);
    return IO::OK();
  }

  IO DeleteFile(const std::string& path, const rocksdb::IOOptions& options, Context* context) override {
    if (log_number(path) && keep_as_spare(path)) return IO::OK();
    return target()->DeleteFile(path, options, context);
  }

 private:
  Result<std::unique_ptr<File>> open_log(const std::string& path) {
    const std::string spare = take_spare();
    if (!spare.empty() && files_.rename(spare, path)) return files_.open(path, Mode::kReadWrite);
    auto file = files_.open(path, Mode::kCreateNew);
    // One that a crash left behind: what is in it has another salt.
    if (!file && file.error().code == ErrorCode::kExists) return files_.open(path, Mode::kReadWrite);
    // Without it the log grows all the same.
    if (file) [[maybe_unused]]
      const auto reserved = (*file)->preallocate(kReserved);
    return file;
  }

  std::string take_spare() {
    const std::lock_guard lock{mutex_};
    if (spares_.empty()) return {};
    std::string spare = std::move(spares_.back());
    spares_.pop_back();
    return spare;
  }

  // Only what has been written in frames, or not at all, can be told from a later life.
  bool is_reusable(const std::string& path) {
    const auto file = files_.open(path, Mode::kRead);
    if (!file) return false;
    const auto size = (*file)->size();
    if (!size || *size < kSpareSizeMin || *size > kSpareSizeMax) return false;
    const auto kind = wal_kind(**file);
    return kind && *kind != WalKind::kForeign;
  }

  bool keep_as_spare(const std::string& path) {
    const std::lock_guard lock{mutex_};
    if (spares_.size() >= kSparesMax || !is_reusable(path)) return false;
    std::string spare = path.substr(0, path.size() - kSuffix.size()) + std::string{kSpareSuffix};
    if (!files_.rename(path, spare)) return false;
    spares_.push_back(std::move(spare));
    return true;
  }

  store::FileSystem& files_;
  const std::string directory_;
  std::mutex mutex_;                 // guards what follows
  std::vector<std::string> spares_;  // paths
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> target,
                                                          FileSystem& files, std::string directory) {
  return std::make_shared<WalFileSystem>(target, files, std::move(directory));
}

}  // namespace bulkhead::store
