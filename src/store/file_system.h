// The file operations that durability depends on, as an interface: tests inject short writes, failed syncs, crashes
// between any two calls and the loss of what was not synced.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace bulkhead::store {

// Reads may come from any thread; writes and syncs from one at a time.
class File {
 public:
  virtual ~File() = default;
  virtual Status write_at(std::uint64_t offset, std::string_view bytes) = 0;  // all of it, or an error
  // The pieces one after the other, in as few system calls as there can be.
  virtual Status write_pieces(std::uint64_t offset, std::span<const std::string_view> pieces) = 0;
  // Zeros that are really written, so that later writes there change neither size nor blocks.
  virtual Status write_zeros(std::uint64_t offset, std::uint64_t size) = 0;
  virtual Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) const = 0;  // 0 at the end
  virtual Status sync_data() = 0;                                                                       // fdatasync
  // Reserves the blocks of the first `size` bytes; the file's size stays as it is. kFull when there are too few.
  virtual Status preallocate(std::uint64_t size) = 0;
  virtual Status truncate(std::uint64_t size) = 0;
  virtual Result<std::uint64_t> size() const = 0;
};

// Thread-safe. Paths are absolute.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  enum class Mode { kRead, kReadWrite, kCreateNew };
  virtual Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) = 0;
  virtual Status make_directory(const std::string& path) = 0;                  // parents too; existing is no error
  virtual Result<std::vector<std::string>> list(const std::string& path) = 0;  // names, sorted
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  virtual Status sync_directory(const std::string& path) = 0;
  virtual Result<std::uint64_t> free_space(const std::string& path) = 0;
};

// The operating system's files.
std::unique_ptr<FileSystem> make_posix_file_system();

}  // namespace bulkhead::store
