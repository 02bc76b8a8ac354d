// The store's record reader on arbitrary bytes: it ends, stays inside the file, and calls a body good only if it is.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "src/base/check.h"
#include "src/store/crc32c.h"
#include "src/store/record.h"

namespace {

using bulkhead::Result;
using bulkhead::Status;

// The input as a file that can only be read.
class InputFile final : public bulkhead::store::File {
 public:
  explicit InputFile(std::string_view bytes) : bytes_(bytes) {}
  Result<std::size_t> read_at(std::uint64_t offset, char* buffer, std::size_t size) const override {
    if (offset >= bytes_.size()) return 0;
    return bytes_.copy(buffer, size, static_cast<std::size_t>(offset));
  }
  Result<std::uint64_t> size() const override { return bytes_.size(); }
  Status write_at(std::uint64_t, std::string_view) override { return refuse(); }
  Status write_pieces(std::uint64_t, std::span<const std::string_view>) override { return refuse(); }
  Status write_zeros(std::uint64_t, std::uint64_t) override { return refuse(); }
  Status sync_data() override { return refuse(); }
  Status preallocate(std::uint64_t) override { return refuse(); }
  Status truncate(std::uint64_t) override { return refuse(); }

 private:
  static Status refuse() { return bulkhead::fail(bulkhead::ErrorCode::kForbidden, "read only"); }
  std::string_view bytes_;
};

}  // namespace

// The first byte chooses the segment and how far beyond the bytes the tail claims to be.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  using namespace bulkhead::store;
  if (size == 0) return 0;
  const std::string_view bytes{reinterpret_cast<const char*>(input) + 1, size - 1};
  const std::uint32_t segment = input[0] & 0x0F;
  const std::uint64_t end = bytes.size() + (input[0] >> 4) * 64ULL;
  std::uint64_t expected = 0;
  const auto visit = [&](const ScannedRecord& record) {
    const RecordHeader& header = record.header;
    BULKHEAD_CHECK(header.segment == segment && header.offset == expected);
    expected += record_size(header.length);
    BULKHEAD_CHECK(expected <= end);
    const std::uint64_t body = header.offset + kRecordHeaderSize;
    const bool is_good =
        body + header.length <= bytes.size() &&
        crc32c_portable(0, bytes.substr(static_cast<std::size_t>(body), static_cast<std::size_t>(header.length))) ==
            header.body_checksum;
    BULKHEAD_CHECK(record.is_body_good == is_good);
  };
  const auto tail = scan_records(InputFile{bytes}, segment, 0, end, visit);
  BULKHEAD_CHECK(tail.has_value() && *tail == expected);
  return 0;
}
