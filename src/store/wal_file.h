// One file of RocksDB's log, in frames of our own, so that a file can be used again without being emptied.
//
//   header of 32 bytes: magic "BHWAL001"  8 salt  16 number of the log  24 CRC-32C of bytes 0..23  28 zeros
//   then frames:        CRC-32C, length (4 bytes each), the bytes of one append
//
// All little-endian. A frame's checksum covers the salt, its own offset, its length and its bytes. The salt is drawn
// anew for each life of a file: what an earlier one left behind is never taken for a frame, and the first place that
// holds none is the end of the log.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <rocksdb/file_system.h>

#include "src/store/file_system.h"

namespace bulkhead::store {

inline constexpr std::size_t kWalHeaderSize = 32;
inline constexpr std::size_t kWalFrameSize = 8;  // before the bytes

rocksdb::IOStatus wal_status(const Error& error);

// Appends to an empty or a used file; the header goes with the first append.
std::unique_ptr<rocksdb::FSWritableFile> make_wal_writer(std::unique_ptr<File> file, std::uint64_t number);
// Shows the bytes of all frames one after the other. A file of another number counts as empty.
std::unique_ptr<rocksdb::FSSequentialFile> make_wal_reader(std::unique_ptr<File> file, std::uint64_t number);

// What a file begins with: kForeign is a log that RocksDB wrote without frames.
enum class WalKind { kFramed, kBlank, kForeign };
Result<WalKind> wal_kind(const File& file);

}  // namespace bulkhead::store
