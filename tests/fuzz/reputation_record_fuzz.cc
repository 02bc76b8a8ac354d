// Stored reputation records of any octets: refused, or read into a record that is stored and read the same again.

#include <cstdint>
#include <string_view>

#include "monitoring/reputation/key.h"
#include "monitoring/reputation/record.h"
#include "src/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::reputation;
  const std::string_view bytes{reinterpret_cast<const char*>(data), size};
  const bulkhead::UtcTime now{std::chrono::hours{500000}};
  if (const auto key = Key::decode(bytes)) BULKHEAD_CHECK(key->encoded() == bytes);
  const auto record = decode_record(bytes, now);
  if (!record) return 0;
  const std::string again = encode(*record);
  const auto same = decode_record(again, now);
  BULKHEAD_CHECK(same.has_value() && encode(*same) == again);
  return 0;
}
