// Any bytes as an event, as a block and as a segment's headers: an error or a value, bounded, and values survive the
// way back.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/trace/block.h"
#include "src/trace/event_codec.h"
#include "src/trace/segment_scan.h"

using namespace bulkhead;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view input{reinterpret_cast<const char*>(bytes), size};
  if (const auto event = trace::decode_event(input, UtcTime{})) {
    std::string again;
    trace::append_event(again, *event, UtcTime{});
    const auto second = trace::decode_event(again, UtcTime{});
    if (!second || !(*second == *event)) std::abort();
  }
  (void)trace::SegmentHeader::decode(input);
  if (auto header = trace::BlockHeader::decode(input)) {
    header->raw_size &= 0xFFFFF;  // the fuzzer's memory is smaller than a server's
    (void)trace::unpack(*header, input.substr(trace::BlockHeader::kSize));
  }
  return 0;
}
