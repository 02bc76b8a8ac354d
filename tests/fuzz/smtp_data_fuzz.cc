// The octets of DATA, whole and split at a place that the input chooses: the outcome must be the same, and content
// without a fault has no bare CR or LF and no line that ends the data.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "src/proto/smtp/data_reader.h"

namespace {

using bulkhead::smtp::DataFault;
using bulkhead::smtp::DataReader;

void require(bool is_true) {
  if (!is_true) std::abort();
}

struct Outcome {
  std::string content;
  std::size_t consumed = 0;
  bool is_complete = false;
  DataFault fault = DataFault::kNone;
};

Outcome read(DataReader::Framing framing, std::string_view first, std::string_view second) {
  DataReader reader{framing, {.size_max = 4096, .line_size_max = 512}};
  Outcome outcome;
  for (const auto part : {first, second}) {
    if (outcome.is_complete) break;
    std::vector<std::string_view> pieces;
    const auto progress = reader.feed(part, pieces);
    require(progress.consumed == part.size() || progress.is_complete);
    for (const auto piece : pieces) outcome.content += piece;
    outcome.consumed += progress.consumed;
    outcome.is_complete = progress.is_complete;
  }
  reader.finish();
  outcome.fault = reader.fault();
  return outcome;
}

void check(DataReader::Framing framing, std::string_view input, std::size_t split) {
  const auto whole = read(framing, input, {});
  const auto parted = read(framing, input.substr(0, split), input.substr(split));
  require(whole.is_complete == parted.is_complete && whole.consumed == parted.consumed);
  require((whole.fault == DataFault::kNone) == (parted.fault == DataFault::kNone));
  if (whole.fault != DataFault::kNone || !whole.is_complete) return;
  require(whole.content == parted.content);
  for (std::size_t i = 0; i < whole.content.size(); ++i) {
    if (whole.content[i] == '\n') require(i > 0 && whole.content[i - 1] == '\r');
    if (whole.content[i] == '\r') require(i + 1 < whole.content.size() && whole.content[i + 1] == '\n');
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input{reinterpret_cast<const char*>(bytes) + 2, size - 2};
  const std::size_t split = (static_cast<std::size_t>(bytes[0]) << 8 | bytes[1]) % (input.size() + 1);
  check(DataReader::Framing::kDot, input, split);
  check(DataReader::Framing::kChunks, input, split);
  return 0;
}
