#include "src/store/live_scan.h"

#include <algorithm>
#include <array>

#include "src/store/record.h"

namespace bulkhead::store {

namespace {

constexpr std::uint64_t kCostOfLook = 4096;  // a header brings a page from the disk

tl::unexpected<Error> corrupt(std::uint32_t segment, std::string_view what) {
  return fail(ErrorCode::kCorrupt, fmt::format("segment {} {}", segment, what));
}

}  // namespace

Result<LiveScan> LiveScan::begin(const Kv& kv, Source source) {
  LiveScan scan{kv, std::move(source)};
  if (scan.source_.segment.row.has_copies) return scan;
  auto dead = find_deaths(kv, scan.source_.segment.number);
  if (!dead) return fail(dead.error());
  scan.dead_ = std::move(*dead);
  return scan;
}

Result<bool> LiveScan::go_on(std::uint64_t& budget) {
  const std::uint64_t end = source_.segment.row.tail;
  while (at_ < end && budget > 0) {
    const std::uint64_t before = at_;
    if (const auto visited = visit_one(); !visited) return fail(visited.error());
    budget -= std::min({budget, kCostOfLook, at_ - before});
  }
  if (at_ < end) return false;
  if (live_ > source_.segment.row.live) {
    return corrupt(source_.segment.number, "has no complete books of its dead bodies");
  }
  return true;
}

Status LiveScan::visit_one() {
  const auto& [number, row] = source_.segment;
  std::array<char, kRecordHeaderSize> bytes;
  const auto got = source_.file->read_at(at_, bytes.data(), bytes.size());
  if (!got) return corrupt(number, "cannot be read: " + got.error().message);
  const auto header = decode_header({bytes.data(), *got});
  const bool is_here = header && (row.has_copies || (header->segment == number && header->offset == at_));
  if (!is_here || record_size(header->length) > row.tail - at_) {
    return corrupt(number, fmt::format("has no record at offset {}", at_));
  }
  const BlobPlace name{header->segment, header->offset};
  const std::uint64_t size = record_size(header->length);
  const auto living = lives(name);
  if (!living) return fail(living.error());
  if (*living) {
    if (found_.size() == kBodiesMax) return fail(ErrorCode::kLimit, "more bodies live than one commit moves");
    found_.push_back({name, at_, {}, size});
    live_ += static_cast<std::int64_t>(size);
  }
  at_ += size;
  return {};
}

Result<bool> LiveScan::lives(const BlobPlace& name) const {
  if (!source_.segment.row.has_copies) return !std::binary_search(dead_.begin(), dead_.end(), at_);
  const auto place = find_moved(kv_, name);
  if (!place) return fail(place.error());
  return *place == BlobPlace{source_.segment.number, at_};
}

}  // namespace bulkhead::store
