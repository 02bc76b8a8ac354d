#include "src/store/padded_append.h"

#include <algorithm>
#include <array>

namespace bulkhead::store {

namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kAheadStep = 256 << 10;
// A sync that has to note blocks as written costs the file system about half as much as this (ext4: a journal commit of
// 12 KiB, with a flush of its own). Zeros ahead avoid it, but everything is then written twice.
constexpr std::uint64_t kAppendThatPaysItself = 24 << 10;

}  // namespace

Result<std::uint64_t> append_padded(File& file, const AppendPlace& place, std::vector<std::string_view>& pieces,
                                    std::uint64_t size) {
  static constexpr std::array<char, kPage> kZeros{};
  const std::uint64_t end = place.tail + size;
  const std::uint64_t padded = std::max(end, std::min((end + kPage - 1) / kPage * kPage, place.limit));
  pieces.emplace_back(kZeros.data(), static_cast<std::size_t>(padded - end));
  if (const auto written = file.write_pieces(place.tail, pieces); !written) return fail(written.error());
  if (padded <= place.prepared) return place.prepared;
  if (size >= kAppendThatPaysItself || padded >= place.limit) return padded;
  const std::uint64_t step = std::min(kAheadStep, place.limit - padded);
  // What was appended stands. To call it failed for want of room beyond it would refuse what recovery brings back.
  if (const auto ahead = file.write_zeros(padded, step); !ahead) return padded;
  return padded + step;
}

}  // namespace bulkhead::store
