#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include "src/store/file_system.h"

namespace bulkhead::store {

namespace {

tl::unexpected<Error> failed(std::string_view call, const std::string& path) {
  return fail(system_error(call, path, errno));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

// What the loops of pwritev walk over: at most kCount vectors at a time, the first of which may be half written.
class Vectors {
 public:
  explicit Vectors(std::span<const std::string_view> pieces) : pieces_(pieces) { skip_empty(); }
  bool empty() const { return next_ == pieces_.size(); }
  std::span<iovec> fill() {
    std::size_t count = 0;
    std::size_t done = done_;
    for (std::size_t i = next_; i < pieces_.size() && count < kCount; ++i, done = 0) {
      const std::string_view rest = pieces_[i].substr(done);
      vectors_[count++] = {const_cast<char*>(rest.data()), rest.size()};
    }
    return {vectors_.data(), count};
  }
  void advance(std::size_t written) {
    done_ += written;
    skip_empty();
  }

 private:
  void skip_empty() {
    while (next_ < pieces_.size() && done_ >= pieces_[next_].size()) done_ -= pieces_[next_++].size();
  }
  static constexpr std::size_t kCount = 512;  // below IOV_MAX (1024)
  std::span<const std::string_view> pieces_;
  std::size_t next_ = 0;  // the first piece that is not written whole
  std::size_t done_ = 0;  // bytes of it that are
  std::array<iovec, kCount> vectors_;
};

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::pwrite(fd_.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("pwrite", path_);
      if (written == 0) return fail(system_error("pwrite", path_, ENOSPC));
      offset += static_cast<std::uint64_t>(written);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Status write_pieces(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    Vectors vectors{pieces};
    while (!vectors.empty()) {
      const auto batch = vectors.fill();
      const ssize_t written =
          ::pwritev(fd_.get(), batch.data(), static_cast<int>(batch.size()), static_cast<off_t>(offset));
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("pwritev", path_);
      if (written == 0) return fail(system_error("pwritev", path_, ENOSPC));
      offset += static_cast<std::uint64_t>(written);
      vectors.advance(static_cast<std::size_t>(written));
    }
    return {};
  }

  // In moderate pieces: each makes a folio of its size in the page cache, and the kernel looks through a whole folio to
  // find the few pages of it that a later append has changed.
  Status write_zeros(std::uint64_t offset, std::uint64_t size) override {
    static constexpr std::array<char, 64 << 10> kZeros{};
    while (size > 0) {
      const std::size_t step = static_cast<std::size_t>(std::min<std::uint64_t>(size, kZeros.size()));
      const auto written = write_at(offset, {kZeros.data(), step});
      if (!written) return written;
      offset += step;
      size -= step;
    }
    return {};
  }

  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) const override {
    std::size_t total = 0;
    while (total < size) {
      const ssize_t got = ::pread(fd_.get(), buffer + total, size - total, static_cast<off_t>(offset + total));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed("pread", path_);
      if (got == 0) break;
      total += static_cast<std::size_t>(got);
    }
    return total;
  }

  Status sync_data() override {
    // Not repeated on EINTR either: after any error the kernel may have dropped the dirty pages.
    if (::fdatasync(fd_.get()) != 0) return failed("fdatasync", path_);
    return {};
  }

  Status preallocate(std::uint64_t size) override {
    int result;
    do {
      result = ::fallocate(fd_.get(), FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size));
    } while (result != 0 && errno == EINTR);
    // A file system without fallocate works, only a little slower.
    if (result != 0 && errno != EOPNOTSUPP) return failed("fallocate", path_);
    return {};
  }

  Status truncate(std::uint64_t size) override {
    if (::ftruncate(fd_.get(), static_cast<off_t>(size)) != 0) return failed("ftruncate", path_);
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) return failed("fstat", path_);
    return static_cast<std::uint64_t>(status.st_size);
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, Mode mode) override {
    int flags = O_CLOEXEC;
    if (mode == Mode::kRead) flags |= O_RDONLY;
    if (mode == Mode::kReadWrite) flags |= O_RDWR;
    if (mode == Mode::kCreateNew) flags |= O_RDWR | O_CREAT | O_EXCL;
    const int fd = ::open(path.c_str(), flags, 0600);
    if (fd < 0) return failed("open", path);
    return std::unique_ptr<File>{std::make_unique<PosixFile>(fd, path)};
  }

  Status make_directory(const std::string& path) override {
    for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
      const std::string part = path.substr(0, end);
      if (::mkdir(part.c_str(), 0700) != 0 && errno != EEXIST) return failed("mkdir", part);
      if (end == std::string::npos) return {};
    }
  }

  Result<std::vector<std::string>> list(const std::string& path) override {
    DIR* directory = ::opendir(path.c_str());
    if (directory == nullptr) return failed("opendir", path);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(directory)) {
      const std::string_view name = entry->d_name;
      if (name != "." && name != "..") names.emplace_back(name);
    }
    ::closedir(directory);
    std::sort(names.begin(), names.end());
    return names;
  }

  Status rename(const std::string& from, const std::string& to) override {
    if (::rename(from.c_str(), to.c_str()) != 0) return failed("rename", from);
    return {};
  }

  Status remove(const std::string& path) override {
    if (::unlink(path.c_str()) != 0) return failed("unlink", path);
    return {};
  }

  Status sync_directory(const std::string& path) override {
    const Descriptor directory{::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.get() < 0) return failed("open", path);
    if (::fsync(directory.get()) != 0) return failed("fsync", path);
    return {};
  }

  Result<std::uint64_t> free_space(const std::string& path) override {
    struct statvfs status {};
    if (::statvfs(path.c_str(), &status) != 0) return failed("statvfs", path);
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
  }
};

}  // namespace

std::unique_ptr<FileSystem> make_posix_file_system() {
  return std::make_unique<PosixFileSystem>();
}

}  // namespace bulkhead::store
