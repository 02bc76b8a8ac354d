#include "tests/testlib/crash_file_system.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace bulkhead::testlib {

namespace {

constexpr std::size_t kSector = 512;

std::string directory_of(const std::string& path) {
  return path.substr(0, path.rfind('/'));
}

}  // namespace

// An open file of the simulated disk.
class CrashFile final : public store::File {
 public:
  CrashFile(CrashFileSystem& disk, std::shared_ptr<CrashFileSystem::Inode> inode, std::string path)
      : disk_(disk), inode_(std::move(inode)), path_(std::move(path)), life_(disk.life_) {}

  Status write_at(std::uint64_t offset, std::string_view bytes) override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fresh;
    return disk_.write(*inode_, path_, {offset, std::string{bytes}});
  }
  Status write_pieces(std::uint64_t offset, std::span<const std::string_view> pieces) override {
    std::string whole;
    for (const auto piece : pieces) whole += piece;
    return write_at(offset, whole);
  }
  Status write_zeros(std::uint64_t offset, std::uint64_t size) override {
    return write_at(offset, std::string(size, '\0'));
  }
  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) const override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fail(fresh.error());
    if (offset >= inode_->now.size()) return 0;
    return inode_->now.copy(buffer, size, offset);
  }
  Status sync_data() override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fresh;
    return disk_.sync(*inode_, path_);
  }
  Status preallocate(std::uint64_t size) override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fresh;
    if (const auto counted = disk_.change_call(); !counted) return counted;
    const std::uint64_t had = std::max<std::uint64_t>(inode_->reserved, inode_->now.size());
    if (size > had && disk_.used() + size - had > disk_.capacity_) {
      return fail(system_error("fallocate", path_, ENOSPC));
    }
    inode_->reserved = std::max(inode_->reserved, size);
    return {};
  }
  Status truncate(std::uint64_t size) override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fresh;
    if (const auto counted = disk_.change_call(); !counted) return counted;
    CrashFileSystem::Change change{size, {}, true};
    CrashFileSystem::apply(change, inode_->now);
    inode_->unsynced.push_back(std::move(change));
    return {};
  }
  Result<std::uint64_t> size() const override {
    const std::lock_guard lock{disk_.mutex_};
    if (const auto fresh = is_fresh(); !fresh) return fail(fresh.error());
    return inode_->now.size();
  }

 private:
  Status is_fresh() const {
    if (life_ != disk_.life_) return fail(system_error("use", path_, EBADF));
    return disk_.alive();
  }
  CrashFileSystem& disk_;
  std::shared_ptr<CrashFileSystem::Inode> inode_;
  std::string path_;
  std::uint64_t life_;
};

bool CrashFileSystem::Fault::strikes(const std::string& path) {
  return left > 0 && path.find(path_part) != std::string::npos && --left == 0;
}

void CrashFileSystem::crash_before_call(std::uint64_t n) {
  const std::lock_guard lock{mutex_};
  crash_at_ = calls_ + n;
}

void CrashFileSystem::fail_sync(std::uint64_t n, std::string path_part) {
  const std::lock_guard lock{mutex_};
  sync_fault_ = {n, std::move(path_part)};
}

void CrashFileSystem::fail_write(std::uint64_t n, std::string path_part) {
  const std::lock_guard lock{mutex_};
  write_fault_ = {n, std::move(path_part)};
}

void CrashFileSystem::set_capacity(std::uint64_t bytes) {
  const std::lock_guard lock{mutex_};
  capacity_ = bytes;
}

void CrashFileSystem::flip_bit(const std::string& path, std::uint64_t offset) {
  const std::lock_guard lock{mutex_};
  Inode& inode = *names_.at(path);
  for (std::string* bytes : {&inode.now, &inode.durable}) {
    if (offset < bytes->size()) (*bytes)[offset] = static_cast<char>((*bytes)[offset] ^ 0x10);
  }
}

bool CrashFileSystem::has_crashed() const {
  const std::lock_guard lock{mutex_};
  return has_crashed_;
}

std::uint64_t CrashFileSystem::calls() const {
  const std::lock_guard lock{mutex_};
  return calls_;
}

std::vector<std::string> CrashFileSystem::paths() const {
  const std::lock_guard lock{mutex_};
  std::vector<std::string> paths;
  for (const auto& [path, inode] : names_) paths.push_back(path);
  return paths;
}

void CrashFileSystem::apply(const Change& change, std::string& bytes) {
  if (change.is_truncation) {
    bytes.resize(change.offset);
    return;
  }
  if (bytes.size() < change.offset + change.bytes.size()) bytes.resize(change.offset + change.bytes.size());
  std::memcpy(bytes.data() + change.offset, change.bytes.data(), change.bytes.size());
}

void CrashFileSystem::apply(const Rename& change, Names& names) {
  if (!change.from.empty()) names.erase(change.from);
  if (!change.to.empty()) names[change.to] = change.inode;
}

void CrashFileSystem::apply_torn(const Change& change, std::string& bytes, Random& random) {
  if (change.is_truncation) {
    if (random.below(2) == 0) apply(change, bytes);
    return;
  }
  const bool is_prefix = random.below(2) == 0;
  const std::uint64_t prefix = random.below(change.bytes.size() + 1);
  for (std::uint64_t at = 0; at < change.bytes.size();) {
    const std::uint64_t step = std::min(kSector - (change.offset + at) % kSector, change.bytes.size() - at);
    const bool survives = is_prefix ? at < prefix : random.below(2) == 0;
    if (survives) apply(Change{change.offset + at, change.bytes.substr(at, step)}, bytes);
    at += step;
  }
}

void CrashFileSystem::restart(Loss loss, std::uint64_t seed) {
  const std::lock_guard lock{mutex_};
  SeededRandom random{seed};
  if (loss != Loss::kNothing) {
    const std::uint64_t kept = loss == Loss::kTorn ? random.below(unsynced_names_.size() + 1) : 0;
    for (std::uint64_t i = 0; i < kept; ++i) apply(unsynced_names_[i], durable_names_);
    names_ = durable_names_;
    for (auto& [path, inode] : names_) {
      for (const Change& change : inode->unsynced) {
        if (loss == Loss::kTorn) apply_torn(change, inode->durable, random);
      }
      inode->now = inode->durable;
      inode->unsynced.clear();
    }
    unsynced_names_.clear();
  }
  durable_names_ = names_;
  unsynced_names_.clear();
  has_crashed_ = false;
  crash_at_ = 0;
  ++life_;
  sync_fault_ = write_fault_ = {};
}

Status CrashFileSystem::alive() const {
  if (has_crashed_) return fail(system_error("use", "the disk", EIO));
  return {};
}

Status CrashFileSystem::change_call() {
  if (!has_crashed_ && ++calls_ == crash_at_) has_crashed_ = true;
  return alive();
}

std::uint64_t CrashFileSystem::used() const {
  std::uint64_t total = 0;
  for (const auto& [path, inode] : names_) total += std::max<std::uint64_t>(inode->reserved, inode->now.size());
  return total;
}

Status CrashFileSystem::write(Inode& inode, const std::string& path, Change change) {
  const auto counted = change_call();
  const std::uint64_t had = std::max<std::uint64_t>(inode.reserved, inode.now.size());
  const std::uint64_t end = change.offset + change.bytes.size();
  const bool is_full = end > had && used() + end - had > capacity_;
  const bool has_fault = write_fault_.strikes(path);
  if (is_full || has_fault) change.bytes.resize(change.bytes.size() / 2);
  // A write that the power cut catches may be on the disk, in part or whole.
  apply(change, inode.now);
  inode.unsynced.push_back(std::move(change));
  if (!counted) return counted;
  if (is_full) return fail(system_error("pwrite", path, ENOSPC));
  if (has_fault) return fail(system_error("pwrite", path, EIO));
  return {};
}

Status CrashFileSystem::sync(Inode& inode, const std::string& path) {
  if (const auto counted = change_call(); !counted) return counted;
  if (sync_fault_.strikes(path)) {
    // As Linux does it: the dirty pages are dropped, the next sync reports success.
    inode.unsynced.clear();
    return fail(system_error("fdatasync", path, EIO));
  }
  for (const Change& change : inode.unsynced) apply(change, inode.durable);
  inode.unsynced.clear();
  return {};
}

void CrashFileSystem::note(Rename change) {
  apply(change, names_);
  unsynced_names_.push_back(std::move(change));
}

Result<std::unique_ptr<store::File>> CrashFileSystem::open(const std::string& path, Mode mode) {
  const std::lock_guard lock{mutex_};
  if (const auto living = alive(); !living) return fail(living.error());
  auto found = names_.find(path);
  if (mode == Mode::kCreateNew) {
    if (const auto counted = change_call(); !counted) return fail(counted.error());
    if (found != names_.end()) return fail(system_error("open", path, EEXIST));
    if (!directories_.contains(directory_of(path))) return fail(system_error("open", path, ENOENT));
    note({"", path, std::make_shared<Inode>()});
    found = names_.find(path);
  }
  if (found == names_.end()) return fail(system_error("open", path, ENOENT));
  return std::unique_ptr<store::File>{std::make_unique<CrashFile>(*this, found->second, path)};
}

Status CrashFileSystem::make_directory(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (const auto counted = change_call(); !counted) return counted;
  for (std::string part = path; !part.empty(); part = directory_of(part)) directories_.insert(part);
  return {};
}

Result<std::vector<std::string>> CrashFileSystem::list(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (const auto living = alive(); !living) return fail(living.error());
  if (!directories_.contains(path)) return fail(system_error("opendir", path, ENOENT));
  std::vector<std::string> names;
  for (const auto& [file, inode] : names_) {
    if (directory_of(file) == path) names.push_back(file.substr(path.size() + 1));
  }
  for (const auto& directory : directories_) {
    if (directory_of(directory) == path) names.push_back(directory.substr(path.size() + 1));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Status CrashFileSystem::rename(const std::string& from, const std::string& to) {
  const std::lock_guard lock{mutex_};
  if (const auto counted = change_call(); !counted) return counted;
  const auto found = names_.find(from);
  if (found == names_.end()) return fail(system_error("rename", from, ENOENT));
  note({from, to, found->second});
  return {};
}

Status CrashFileSystem::remove(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (const auto counted = change_call(); !counted) return counted;
  if (!names_.contains(path)) return fail(system_error("unlink", path, ENOENT));
  note({path, "", nullptr});
  return {};
}

Status CrashFileSystem::sync_directory(const std::string& path) {
  const std::lock_guard lock{mutex_};
  if (const auto counted = change_call(); !counted) return counted;
  if (sync_fault_.strikes(path)) return fail(system_error("fsync", path, EIO));
  std::vector<Rename> others;
  for (auto& change : unsynced_names_) {
    if (directory_of(change.to.empty() ? change.from : change.to) == path) {
      apply(change, durable_names_);
    } else {
      others.push_back(std::move(change));
    }
  }
  unsynced_names_ = std::move(others);
  return {};
}

Result<std::uint64_t> CrashFileSystem::free_space(const std::string&) {
  const std::lock_guard lock{mutex_};
  if (const auto living = alive(); !living) return fail(living.error());
  const std::uint64_t taken = used();
  return taken < capacity_ ? capacity_ - taken : 0;
}

}  // namespace bulkhead::testlib
