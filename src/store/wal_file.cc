#include "src/store/wal_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

#include "src/base/random.h"
#include "src/store/crc32c.h"
#include "src/store/encoding.h"
#include "src/store/padded_append.h"

namespace bulkhead::store {

namespace {

using rocksdb::IODebugContext;
using rocksdb::IOOptions;
using rocksdb::IOStatus;
using rocksdb::Slice;

constexpr std::string_view kMagic = "BHWAL001";

std::uint32_t frame_checksum(std::uint64_t salt, std::uint64_t offset, std::string_view bytes) {
  std::array<char, 20> place;
  store_le<std::uint64_t>(place.data(), salt);
  store_le<std::uint64_t>(place.data() + 8, offset);
  store_le<std::uint32_t>(place.data() + 16, static_cast<std::uint32_t>(bytes.size()));
  return crc32c(crc32c(0, {place.data(), place.size()}), bytes);
}

class WalWriter final : public rocksdb::FSWritableFile {
 public:
  WalWriter(std::unique_ptr<File> file, std::uint64_t number) : file_(std::move(file)), number_(number) {
    place_.prepared = file_->size().value_or(0);
  }

  using FSWritableFile::Append;
  IOStatus Append(const Slice& data, const IOOptions&, IODebugContext*) override {
    // Only the header is not yet there before the first append.
    const std::string header = place_.tail == 0 ? make_header() : std::string{};
    const std::uint64_t offset = place_.tail + header.size();
    std::array<char, kWalFrameSize> frame;
    store_le<std::uint32_t>(frame.data(), frame_checksum(salt_, offset, {data.data(), data.size()}));
    store_le<std::uint32_t>(frame.data() + 4, static_cast<std::uint32_t>(data.size()));
    std::vector<std::string_view> pieces{header, {frame.data(), frame.size()}, {data.data(), data.size()}};
    const std::uint64_t size = header.size() + frame.size() + data.size();
    const auto prepared = append_padded(*file_, place_, pieces, size);
    if (!prepared) return wal_status(prepared.error());
    place_.prepared = *prepared;
    place_.tail += size;
    appended_ += data.size();
    return IOStatus::OK();
  }

  IOStatus Sync(const IOOptions&, IODebugContext*) override {
    const auto synced = file_->sync_data();
    // Final whatever the code, ENOSPC and EDQUOT included: what the pages held is gone, a second try would lie.
    return synced ? IOStatus::OK() : IOStatus::IOError(synced.error().message);
  }
  IOStatus Fsync(const IOOptions& options, IODebugContext* context) override { return Sync(options, context); }
  bool IsSyncThreadSafe() const override { return true; }
  IOStatus Flush(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Truncate(std::uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  IOStatus Close(const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }
  std::uint64_t GetFileSize(const IOOptions&, IODebugContext*) override { return appended_; }
  IOStatus Allocate(std::uint64_t, std::uint64_t, const IOOptions&, IODebugContext*) override { return IOStatus::OK(); }

 private:
  std::string make_header() {
    salt_ = SystemRandom{}.next();
    std::string header{kMagic};
    append_le<std::uint64_t>(header, salt_);
    append_le<std::uint64_t>(header, number_);
    append_le<std::uint32_t>(header, crc32c(0, header));
    header.resize(kWalHeaderSize);
    return header;
  }

  std::unique_ptr<File> file_;
  const std::uint64_t number_;
  std::uint64_t salt_ = 0;
  AppendPlace place_;
  std::uint64_t appended_ = 0;  // as RocksDB counts
};

class WalReader final : public rocksdb::FSSequentialFile {
 public:
  WalReader(std::unique_ptr<File> file, std::uint64_t number) : file_(std::move(file)), number_(number) {}

  IOStatus Read(std::size_t wanted, const IOOptions&, Slice* result, char* scratch, IODebugContext*) override {
    std::size_t size = 0;
    while (size < wanted) {
      if (at_ == frame_.size()) {
        const auto next = load_frame();
        if (!next) return wal_status(next.error());
        if (!*next) break;
      }
      const std::size_t part = frame_.copy(scratch + size, wanted - size, at_);
      at_ += part;
      size += part;
    }
    *result = Slice(scratch, size);
    return IOStatus::OK();
  }

  IOStatus Skip(std::uint64_t size) override {
    std::array<char, 4096> scratch;
    Slice got;
    while (size > 0) {
      const auto status = Read(std::min<std::uint64_t>(size, scratch.size()), {}, &got, scratch.data(), nullptr);
      if (!status.ok() || got.empty()) return status;
      size -= got.size();
    }
    return IOStatus::OK();
  }

 private:
  // False at the end of the log.
  Result<bool> load_frame() {
    if (is_at_end_) return false;
    if (offset_ == 0) {
      const auto begun = load_header();
      if (!begun || !*begun) return begun;
    }
    const auto loaded = load_frame_at(offset_);
    if (loaded && !*loaded) is_at_end_ = true;
    return loaded;
  }

  Result<bool> load_header() {
    std::array<char, kWalHeaderSize> header;
    const auto got = file_->read_at(0, header.data(), header.size());
    if (!got) return fail(got.error());
    const bool is_ours = *got == header.size() && std::string_view{header.data(), 8} == kMagic &&
                         load_le<std::uint32_t>(header.data() + 24) == crc32c(0, {header.data(), 24}) &&
                         load_le<std::uint64_t>(header.data() + 16) == number_;
    const auto size = file_->size();
    if (!size) return fail(size.error());
    size_ = *size;
    salt_ = load_le<std::uint64_t>(header.data() + 8);
    offset_ = kWalHeaderSize;
    is_at_end_ = !is_ours;
    return is_ours;
  }

  Result<bool> load_frame_at(std::uint64_t offset) {
    std::array<char, kWalFrameSize> head;
    const auto got = file_->read_at(offset, head.data(), head.size());
    if (!got) return fail(got.error());
    if (*got < head.size()) return false;
    const std::uint64_t length = load_le<std::uint32_t>(head.data() + 4);
    if (length == 0 || length > size_ - offset - kWalFrameSize) return false;
    std::string bytes(static_cast<std::size_t>(length), '\0');
    const auto body = file_->read_at(offset + kWalFrameSize, bytes.data(), bytes.size());
    if (!body) return fail(body.error());
    if (*body < length || frame_checksum(salt_, offset, bytes) != load_le<std::uint32_t>(head.data())) return false;
    frame_ = std::move(bytes);
    at_ = 0;
    offset_ = offset + kWalFrameSize + length;
    return true;
  }

  std::unique_ptr<File> file_;
  const std::uint64_t number_;
  std::uint64_t size_ = 0;
  std::uint64_t salt_ = 0;
  std::uint64_t offset_ = 0;  // of the next frame
  std::string frame_;
  std::size_t at_ = 0;  // what of it was read
  bool is_at_end_ = false;
};

}  // namespace

IOStatus wal_status(const Error& error) {
  if (error.code == ErrorCode::kNotFound) return IOStatus::PathNotFound(error.message);
  if (error.code == ErrorCode::kFull) return IOStatus::NoSpace(error.message);
  return IOStatus::IOError(error.message);
}

std::unique_ptr<rocksdb::FSWritableFile> make_wal_writer(std::unique_ptr<File> file, std::uint64_t number) {
  return std::make_unique<WalWriter>(std::move(file), number);
}

std::unique_ptr<rocksdb::FSSequentialFile> make_wal_reader(std::unique_ptr<File> file, std::uint64_t number) {
  return std::make_unique<WalReader>(std::move(file), number);
}

Result<WalKind> wal_kind(const File& file) {
  std::array<char, 8> begin{};
  const auto got = file.read_at(0, begin.data(), begin.size());
  if (!got) return fail(got.error());
  const std::string_view bytes{begin.data(), begin.size()};
  if (bytes == kMagic) return WalKind::kFramed;
  return bytes.find_first_not_of('\0') == std::string_view::npos ? WalKind::kBlank : WalKind::kForeign;
}

}  // namespace bulkhead::store
