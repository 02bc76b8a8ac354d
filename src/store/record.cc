#include "src/store/record.h"

#include <algorithm>
#include <vector>

#include "src/store/crc32c.h"
#include "src/store/encoding.h"

namespace bulkhead::store {

namespace {

constexpr std::uint32_t kMagic = 0x31424842;  // "BHB1"
constexpr std::size_t kChunkSize = 64 << 10;

}  // namespace

std::array<char, kRecordHeaderSize> encode_header(const RecordHeader& header) {
  std::array<char, kRecordHeaderSize> bytes;
  store_le<std::uint32_t>(bytes.data(), kMagic);
  store_le<std::uint32_t>(bytes.data() + 8, header.segment);
  store_le<std::uint32_t>(bytes.data() + 12, header.body_checksum);
  store_le<std::uint64_t>(bytes.data() + 16, header.offset);
  store_le<std::uint64_t>(bytes.data() + 24, header.length);
  store_le<std::uint32_t>(bytes.data() + 4, crc32c(0, {bytes.data() + 8, kRecordHeaderSize - 8}));
  return bytes;
}

std::optional<RecordHeader> decode_header(std::string_view bytes) {
  if (bytes.size() < kRecordHeaderSize || load_le<std::uint32_t>(bytes.data()) != kMagic) return std::nullopt;
  if (load_le<std::uint32_t>(bytes.data() + 4) != crc32c(0, bytes.substr(8, kRecordHeaderSize - 8))) {
    return std::nullopt;
  }
  RecordHeader header;
  header.segment = load_le<std::uint32_t>(bytes.data() + 8);
  header.body_checksum = load_le<std::uint32_t>(bytes.data() + 12);
  header.offset = load_le<std::uint64_t>(bytes.data() + 16);
  header.length = load_le<std::uint64_t>(bytes.data() + 24);
  if (header.length > kBodySizeMax) return std::nullopt;
  return header;
}

Result<bool> has_checksum(const File& file, std::uint64_t offset, std::uint64_t length, std::uint32_t checksum) {
  std::vector<char> chunk(static_cast<std::size_t>(std::min<std::uint64_t>(length, kChunkSize)));
  std::uint32_t crc = 0;
  while (length > 0) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(length, kChunkSize));
    const auto got = file.read_at(offset, chunk.data(), wanted);
    if (!got) return fail(got.error());
    if (*got < wanted) return false;
    crc = crc32c(crc, {chunk.data(), wanted});
    offset += wanted;
    length -= wanted;
  }
  return crc == checksum;
}

Result<std::uint64_t> scan_records(const File& file, std::uint32_t segment, std::uint64_t start, std::uint64_t end,
                                   const std::function<void(const ScannedRecord&)>& visit) {
  std::uint64_t at = start;
  std::array<char, kRecordHeaderSize> bytes;
  while (at < end && end - at >= kRecordHeaderSize) {
    const auto got = file.read_at(at, bytes.data(), bytes.size());
    if (!got) return fail(got.error());
    const auto header = decode_header({bytes.data(), *got});
    if (!header || header->segment != segment || header->offset != at) return at;
    if (record_size(header->length) > end - at) return at;
    const auto good = has_checksum(file, at + kRecordHeaderSize, header->length, header->body_checksum);
    if (!good) return fail(good.error());
    visit({*header, *good});
    at += record_size(header->length);
  }
  return at;
}

}  // namespace bulkhead::store
