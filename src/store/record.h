// The record of one body in a segment: a header of 32 bytes, the body, zeros up to a multiple of 8.
//
//   0 magic "BHB1"  4 checksum of bytes 8..31  8 segment  12 checksum of the body  16 offset  24 length
//
// All little-endian, checksums CRC-32C. A record names its own segment and offset, and segment numbers are never
// used twice: what an earlier life of a recycled file left behind is therefore never taken for a record.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "src/store/file_system.h"

namespace bulkhead::store {

struct RecordHeader {
  std::uint32_t segment = 0;
  std::uint32_t body_checksum = 0;
  std::uint64_t offset = 0;
  std::uint64_t length = 0;
  bool operator==(const RecordHeader&) const = default;
};

inline constexpr std::size_t kRecordHeaderSize = 32;
inline constexpr std::size_t kRecordAlignment = 8;
inline constexpr std::uint64_t kBodySizeMax = 1ULL << 40;  // no body is larger; lengths beyond are damage

// What a body of `length` bytes takes in a segment.
constexpr std::uint64_t record_size(std::uint64_t length) {
  return (kRecordHeaderSize + length + kRecordAlignment - 1) / kRecordAlignment * kRecordAlignment;
}

std::array<char, kRecordHeaderSize> encode_header(const RecordHeader& header);
// Nothing unless magic, checksum and length are right.
std::optional<RecordHeader> decode_header(std::string_view bytes);

struct ScannedRecord {
  RecordHeader header;
  bool is_body_good = false;
};

// Reads the records of `segment` from `start` up to `end` one after the other and shows each to `visit`. Returns
// where the first place lies that holds none (`end` when all is well). Memory is bounded whatever the bytes say.
Result<std::uint64_t> scan_records(const File& file, std::uint32_t segment, std::uint64_t start, std::uint64_t end,
                                   const std::function<void(const ScannedRecord&)>& visit);

// Whether the `length` bytes from `offset` have this checksum; a file that ends before them has not.
Result<bool> has_checksum(const File& file, std::uint64_t offset, std::uint64_t length, std::uint32_t checksum);

}  // namespace bulkhead::store
