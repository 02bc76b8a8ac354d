#include "src/store/wal_file_system.h"

#include <string>

namespace bulkhead::store {

namespace {

constexpr std::uint64_t kStep = 1 << 20;

class WalFile final : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  WalFile(std::unique_ptr<rocksdb::FSWritableFile>&& target, std::unique_ptr<File> ahead)
      : FSWritableFileOwnerWrapper(std::move(target)), ahead_(std::move(ahead)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* context) override {
    prepare(data.size());
    return target()->Append(data, options, context);
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& verification,
                           rocksdb::IODebugContext* context) override {
    prepare(data.size());
    return target()->Append(data, options, verification, context);
  }

 private:
  // Writes only behind everything that was appended. A failure is no error: the append itself will find out.
  void prepare(std::uint64_t size) {
    end_ += size;
    while (ahead_ != nullptr && prepared_ < end_) {
      if (!ahead_->write_zeros(prepared_, kStep)) ahead_.reset();
      prepared_ += kStep;
    }
  }

  std::unique_ptr<File> ahead_;
  std::uint64_t end_ = 0;       // of what is appended
  std::uint64_t prepared_ = 0;  // of what is written, zeros or not
};

class WalFileSystem final : public rocksdb::FileSystemWrapper {
 public:
  WalFileSystem(const std::shared_ptr<rocksdb::FileSystem>& target, store::FileSystem& files)
      : FileSystemWrapper(target), files_(files) {}

  static const char* kClassName() { return "BulkheadWalFileSystem"; }
  const char* Name() const override { return kClassName(); }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* context) override {
    auto status = target()->NewWritableFile(path, options, result, context);
    if (!status.ok() || !path.ends_with(".log")) return status;
    auto ahead = files_.open(path, store::FileSystem::Mode::kReadWrite);
    if (ahead) *result = std::make_unique<WalFile>(std::move(*result), std::move(*ahead));
    return status;
  }

 private:
  store::FileSystem& files_;
};

}  // namespace

std::shared_ptr<rocksdb::FileSystem> make_wal_file_system(std::shared_ptr<rocksdb::FileSystem> target,
                                                          FileSystem& files) {
  return std::make_shared<WalFileSystem>(target, files);
}

}  // namespace bulkhead::store
