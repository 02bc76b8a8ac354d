// A disk in memory that knows what was synced, fails on demand, and loses power between any two calls.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "src/base/random.h"
#include "src/store/file_system.h"

namespace bulkhead::testlib {

// Thread-safe. What is modelled: a file's bytes are durable after its sync_data, a name after the sync_directory of
// its directory. Directories themselves are durable at once. Calls that change nothing are not counted.
class CrashFileSystem final : public store::FileSystem {
 public:
  explicit CrashFileSystem(std::uint64_t capacity = 1ULL << 30) : capacity_(capacity) {}

  // Faults. "The n-th" counts from now, 1 is the next.
  void crash_before_call(std::uint64_t n);  // changing calls; from then on every call fails until restart()
  void fail_sync(std::uint64_t n, std::string path_part = "");   // of files whose path contains it; EIO, once
  void fail_write(std::uint64_t n, std::string path_part = "");  // half of it is written, then EIO; once
  void set_capacity(std::uint64_t bytes);
  void flip_bit(const std::string& path, std::uint64_t offset);
  bool has_crashed() const;
  std::uint64_t calls() const;
  std::vector<std::string> paths() const;

  enum class Loss {
    kNothing,   // the process was killed: the kernel still has everything
    kUnsynced,  // power cut: only what was synced is there
    kTorn,      // power cut: of what was not synced, some sectors and some names are there
  };
  // The machine comes back; every open file is gone.
  void restart(Loss loss, std::uint64_t seed);

  Result<std::unique_ptr<store::File>> open(const std::string& path, Mode mode) override;
  Status make_directory(const std::string& path) override;
  Result<std::vector<std::string>> list(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  Result<std::uint64_t> free_space(const std::string& path) override;

 private:
  friend class CrashFile;
  struct Change {
    std::uint64_t offset = 0;
    std::string bytes;
    bool is_truncation = false;  // to `offset`
  };
  struct Inode {
    std::string now, durable;
    std::vector<Change> unsynced;
    std::uint64_t reserved = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct Rename {
    std::string from, to;          // either may be empty: creation, removal
    std::shared_ptr<Inode> inode;  // of `to`
  };
  struct Fault {
    std::uint64_t left = 0;  // 0: none
    std::string path_part;
    bool strikes(const std::string& path);
  };

  static void apply(const Change& change, std::string& bytes);
  static void apply(const Rename& change, Names& names);
  static void apply_torn(const Change& change, std::string& bytes, Random& random);
  Status change_call();  // counts; fails when the power is gone
  Status alive() const;
  Status write(Inode& inode, const std::string& path, Change change);
  Status sync(Inode& inode, const std::string& path);
  std::uint64_t used() const;
  void note(Rename change);

  mutable std::mutex mutex_;
  std::uint64_t capacity_;
  Names names_, durable_names_;
  std::vector<Rename> unsynced_names_;
  std::set<std::string> directories_;
  std::uint64_t calls_ = 0;
  std::uint64_t crash_at_ = 0;  // 0: never
  bool has_crashed_ = false;
  std::uint64_t life_ = 1;  // files of an earlier one are stale
  Fault sync_fault_, write_fault_;
};

}  // namespace bulkhead::testlib
