// RocksDB on any store::FileSystem, so that it lives, crashes and loses power on the same simulated disk as the
// blob log. For tests; in production RocksDB uses the operating system's files directly.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include "src/store/file_system.h"

namespace bulkhead::store {

inline rocksdb::IOStatus to_io_status(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return rocksdb::IOStatus::PathNotFound(error.message);
  if (error.code == ErrorCode::kFull) return rocksdb::IOStatus::NoSpace(error.message);
  return rocksdb::IOStatus::IOError(error.message);
}
inline rocksdb::IOStatus to_io_status(const Status& status) {
  return status ? rocksdb::IOStatus::OK() : to_io_status(status.error());
}

class RocksReader final : public rocksdb::FSRandomAccessFile, public rocksdb::FSSequentialFile {
 public:
  explicit RocksReader(std::unique_ptr<File> file) : file_(std::move(file)) {}
  rocksdb::IOStatus Read(uint64_t offset, size_t size, const rocksdb::IOOptions&, rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext*) const override {
    const auto got = file_->read_at(offset, scratch, size);
    if (!got) return to_io_status(got.error());
    *result = {scratch, *got};
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus Read(size_t size, const rocksdb::IOOptions& options, rocksdb::Slice* result, char* scratch,
                         rocksdb::IODebugContext* context) override {
    auto status = std::as_const(*this).Read(at_, size, options, result, scratch, context);
    if (status.ok()) at_ += result->size();
    return status;
  }
  rocksdb::IOStatus Skip(uint64_t size) override {
    at_ += size;
    return rocksdb::IOStatus::OK();
  }
  rocksdb::IOStatus InvalidateCache(size_t, size_t) override { return rocksdb::IOStatus::OK(); }
  bool use_direct_io() const override { return false; }
  size_t GetRequiredBufferAlignment() const override { return 4096; }

 private:
  std::unique_ptr<File> file_;
  uint64_t at_ = 0;
};

class RocksWriter final : public rocksdb::FSWritableFile {
 public:
  explicit RocksWriter(std::unique_ptr<File> file) : file_(std::move(file)) {}
  using FSWritableFile::Append;
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    const auto written = file_->write_at(at_, {data.data(), data.size()});
    if (written) at_ += data.size();
    return to_io_status(written);
  }
  rocksdb::IOStatus Truncate(uint64_t size, const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return to_io_status(file_->truncate(size));
  }
  rocksdb::IOStatus Close(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override { return {}; }
  rocksdb::IOStatus Flush(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override { return {}; }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return to_io_status(file_->sync_data());
  }
  uint64_t GetFileSize(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override { return at_; }

 private:
  std::unique_ptr<File> file_;
  uint64_t at_ = 0;
};

class RocksDirectory final : public rocksdb::FSDirectory {
 public:
  RocksDirectory(FileSystem& files, std::string path) : files_(files), path_(std::move(path)) {}
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override {
    return to_io_status(files_.sync_directory(path_));
  }

 private:
  FileSystem& files_;
  std::string path_;
};

class SilentLogger final : public rocksdb::Logger {
 public:
  using Logger::Logv;
  void Logv(const char*, va_list) override {}
  size_t GetLogFileSize() const override { return 0; }
};

class RocksOnFiles final : public rocksdb::FileSystem {
 public:
  explicit RocksOnFiles(store::FileSystem& files) : files_(files) {}
  static const char* kClassName() { return "RocksOnFiles"; }
  const char* Name() const override { return kClassName(); }

  using IO = rocksdb::IOStatus;
  using Context = rocksdb::IODebugContext;
  using Mode = store::FileSystem::Mode;

  IO NewSequentialFile(const std::string& path, const rocksdb::FileOptions&,
                       std::unique_ptr<rocksdb::FSSequentialFile>* result, Context*) override {
    auto file = files_.open(clean(path), Mode::kRead);
    if (file) *result = std::make_unique<RocksReader>(std::move(*file));
    return file ? IO::OK() : to_io_status(file.error());
  }
  IO NewRandomAccessFile(const std::string& path, const rocksdb::FileOptions&,
                         std::unique_ptr<rocksdb::FSRandomAccessFile>* result, Context*) override {
    auto file = files_.open(clean(path), Mode::kRead);
    if (file) *result = std::make_unique<RocksReader>(std::move(*file));
    return file ? IO::OK() : to_io_status(file.error());
  }
  IO NewWritableFile(const std::string& path, const rocksdb::FileOptions&,
                     std::unique_ptr<rocksdb::FSWritableFile>* result, Context*) override {
    auto file = files_.open(clean(path), Mode::kCreateNew);
    if (!file && file.error().code == ErrorCode::kExists) {
      file = files_.open(clean(path), Mode::kReadWrite);
      if (file) {
        const auto emptied = (*file)->truncate(0);
        if (!emptied) return to_io_status(emptied);
      }
    }
    if (file) *result = std::make_unique<RocksWriter>(std::move(*file));
    return file ? IO::OK() : to_io_status(file.error());
  }
  IO NewDirectory(const std::string& path, const rocksdb::IOOptions&, std::unique_ptr<rocksdb::FSDirectory>* result,
                  Context*) override {
    *result = std::make_unique<RocksDirectory>(files_, clean(path));
    return IO::OK();
  }
  IO FileExists(const std::string& path, const rocksdb::IOOptions&, Context*) override {
    const auto file = files_.open(clean(path), Mode::kRead);
    if (file || files_.list(clean(path))) return IO::OK();
    return file.error().code == ErrorCode::kNotFound ? IO::NotFound() : to_io_status(file.error());
  }
  IO GetChildren(const std::string& path, const rocksdb::IOOptions&, std::vector<std::string>* names,
                 Context*) override {
    auto listed = files_.list(clean(path));
    if (listed) *names = std::move(*listed);
    return listed ? IO::OK() : to_io_status(listed.error());
  }
  IO DeleteFile(const std::string& path, const rocksdb::IOOptions&, Context*) override {
    return to_io_status(files_.remove(clean(path)));
  }
  IO CreateDir(const std::string& path, const rocksdb::IOOptions&, Context*) override {
    return to_io_status(files_.make_directory(clean(path)));
  }
  IO CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions&, Context*) override {
    return to_io_status(files_.make_directory(clean(path)));
  }
  IO DeleteDir(const std::string&, const rocksdb::IOOptions&, Context*) override { return IO::OK(); }
  IO GetFileSize(const std::string& path, const rocksdb::IOOptions&, uint64_t* size, Context*) override {
    const auto file = files_.open(clean(path), Mode::kRead);
    if (!file) return to_io_status(file.error());
    const auto got = (*file)->size();
    if (got) *size = *got;
    return got ? IO::OK() : to_io_status(got.error());
  }
  IO GetFileModificationTime(const std::string&, const rocksdb::IOOptions&, uint64_t* time, Context*) override {
    *time = 0;
    return IO::OK();
  }
  IO RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions&, Context*) override {
    return to_io_status(files_.rename(clean(from), clean(to)));
  }
  IO LockFile(const std::string&, const rocksdb::IOOptions&, rocksdb::FileLock** lock, Context*) override {
    *lock = new rocksdb::FileLock;
    return IO::OK();
  }
  IO UnlockFile(rocksdb::FileLock* lock, const rocksdb::IOOptions&, Context*) override {
    delete lock;
    return IO::OK();
  }
  IO GetTestDirectory(const rocksdb::IOOptions&, std::string* path, Context*) override {
    *path = "/test";
    return IO::OK();
  }
  IO NewLogger(const std::string&, const rocksdb::IOOptions&, std::shared_ptr<rocksdb::Logger>* result,
               Context*) override {
    *result = std::make_shared<SilentLogger>();
    return IO::OK();
  }
  IO GetAbsolutePath(const std::string& path, const rocksdb::IOOptions&, std::string* result, Context*) override {
    *result = path;
    return IO::OK();
  }
  IO IsDirectory(const std::string& path, const rocksdb::IOOptions&, bool* is_directory, Context*) override {
    *is_directory = files_.list(clean(path)).has_value();
    return IO::OK();
  }

 private:
  // RocksDB joins with "//" and ends directories with "/" at times.
  static std::string clean(const std::string& path) {
    std::string result;
    for (const char c : path) {
      if (c != '/' || result.empty() || result.back() != '/') result += c;
    }
    if (result.size() > 1 && result.back() == '/') result.pop_back();
    return result;
  }
  store::FileSystem& files_;
};

}  // namespace bulkhead::store
