#include "src/trace/segment.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/trace/file_bytes.h"

namespace bulkhead::trace {

namespace {

constexpr std::uint64_t kNumberMask = SegmentIndex::kBlocksMax - 1;

void add_entries(std::vector<std::uint64_t>& entries, std::vector<std::uint64_t> keys, std::uint64_t block) {
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  for (const auto key : keys) entries.push_back(key | block);
}

bool may_match(const Query& query, const BlockHeader& header) {
  if (query.since && header.last < *query.since) return false;
  if (query.until && header.first > *query.until) return false;
  return !query.kind || has_kind(header.kinds, *query.kind);
}

}  // namespace

Result<std::unique_ptr<Segment>> Segment::create(store::FileSystem& files, std::string directory,
                                                 const SegmentHeader& header) {
  std::unique_ptr<Segment> segment{new Segment{files, std::move(directory)}};
  const auto path = segment_path(segment->directory_, header.segment);
  if (auto removed = files.remove(path); !removed && removed.error().code != ErrorCode::kNotFound) {
    return fail(removed.error());
  }
  auto file = files.open(path, store::FileSystem::Mode::kCreateNew);
  if (!file) return fail(file.error());
  if (auto written = (*file)->write_at(0, header.encode()); !written) return fail(written.error());
  if (auto synced = files.sync_directory(segment->directory_); !synced) return fail(synced.error());
  segment->file_ = std::move(*file);
  segment->header_ = header;
  segment->has_entries_ = true;
  return segment;
}

Result<std::unique_ptr<Segment>> Segment::open_file(store::FileSystem& files, std::string directory,
                                                    std::uint32_t number) {
  std::unique_ptr<Segment> segment{new Segment{files, std::move(directory)}};
  auto file = files.open(segment_path(segment->directory_, number), store::FileSystem::Mode::kReadWrite);
  if (!file) return fail(file.error());
  const auto bytes = read_exactly(**file, 0, SegmentHeader::kSize);
  if (!bytes) return fail(bytes.error());
  const auto header = SegmentHeader::decode(*bytes);
  if (!header) return fail(header.error());
  segment->header_ = *header;
  segment->header_.segment = number;
  segment->file_ = std::move(*file);
  return segment;
}

Status Segment::scan_to(std::uint64_t end) {
  auto scan = scan_segment(*file_, number(), end);
  if (!scan) return fail(scan.error());
  blocks_ = std::move(scan->blocks);
  damaged_ = scan->damaged.size();
  end_ = end;
  return {};
}

Result<std::unique_ptr<Segment>> Segment::open_closed(store::FileSystem& files, std::string directory,
                                                      std::uint32_t number) {
  auto segment = open_file(files, std::move(directory), number);
  if (!segment) return segment;
  Segment& self = **segment;
  const auto end = self.file_->size();
  if (!end) return fail(end.error());
  self.is_closed_ = true;
  auto index = SegmentIndex::open(files, index_path(self.directory_, number), *end);
  if (index) {
    self.blocks_ = (*index)->blocks();
    self.end_ = *end;
    self.index_ = std::move(*index);
    return segment;
  }
  if (auto scanned = self.scan_to(*end); !scanned) return fail(scanned.error());
  return segment;
}

Result<std::unique_ptr<Segment>> Segment::open_current(store::FileSystem& files, std::string directory,
                                                       std::uint32_t number, std::uint64_t end) {
  auto segment = open_file(files, std::move(directory), number);
  if (!segment) return segment;
  if (auto scanned = (*segment)->scan_to(end); !scanned) return fail(scanned.error());
  return segment;
}

Status Segment::append(const BlockBuilder::Sealed& block, std::vector<std::uint64_t> keys) {
  if (auto known = ensure_entries(); !known) return known;
  if (auto written = file_->write_at(end(), block.bytes); !written) return written;
  if (auto synced = file_->sync_data(); !synced) return synced;
  const std::lock_guard lock{mutex_};
  add_entries(entries_, std::move(keys), block.header.number);
  blocks_.push_back({end_, block.header});
  end_ += block.bytes.size();
  return {};
}

void Segment::drop_last() {
  const std::lock_guard lock{mutex_};
  const std::uint64_t number = blocks_.back().header.number;
  std::erase_if(entries_, [number](std::uint64_t entry) { return (entry & kNumberMask) == number; });
  end_ = blocks_.back().offset;
  blocks_.pop_back();
}

Status Segment::close() {
  if (auto known = ensure_entries(); !known) return known;
  if (auto cut = file_->truncate(end()); !cut) return cut;
  if (auto synced = file_->sync_data(); !synced) return synced;
  const std::lock_guard lock{mutex_};
  is_closed_ = true;
  std::sort(entries_.begin(), entries_.end());
  return move_to_index();
}

// After a restart the open segment's keys, and a closed one's that lost its index, are made again from its events:
// about a second for the largest segment, at the first search or append and not at start-up.
Status Segment::ensure_entries() const {
  const std::lock_guard lock{mutex_};
  if (has_entries_ || index_) return {};
  std::vector<std::uint64_t> entries;
  for (const auto& place : blocks_) {
    const auto events = read(place);
    if (!events) continue;  // a damaged block is reported by whoever reads it and by verify
    std::vector<std::uint64_t> keys;
    for (const auto& numbered : *events) append_keys(numbered.event, keys);
    add_entries(entries, std::move(keys), place.header.number);
  }
  std::sort(entries.begin(), entries.end());
  entries_ = std::move(entries);
  has_entries_ = true;
  return is_closed_ ? move_to_index() : Status{};
}

Status Segment::move_to_index() const {
  const auto path = index_path(directory_, number());
  if (auto written = SegmentIndex::write(files_, path, end_, blocks_, entries_); !written) return written;
  auto index = SegmentIndex::open(files_, path, end_);
  if (!index) return fail(index.error());
  index_ = std::move(*index);
  entries_ = {};
  has_entries_ = false;
  return {};
}

// The caller holds the lock, or knows that the index is in place for good.
Result<std::vector<std::uint32_t>> Segment::find(std::uint64_t key) const {
  if (index_) return index_->find(key);
  std::vector<std::uint32_t> found;
  for (const auto entry : entries_) {
    if ((entry & ~kNumberMask) == key) found.push_back(static_cast<std::uint32_t>(entry & kNumberMask));
  }
  std::sort(found.begin(), found.end());
  return found;
}

Result<std::vector<BlockPlace>> Segment::candidates(const Query& query, const std::vector<std::uint64_t>& keys) const {
  if (!keys.empty()) {
    if (auto known = ensure_entries(); !known) return fail(known.error());
  }
  const std::lock_guard lock{mutex_};
  std::vector<BlockPlace> places;
  for (const auto& place : blocks_) {
    if (may_match(query, place.header)) places.push_back(place);
  }
  for (const auto key : keys) {
    if (places.empty()) break;
    const auto found = find(key);
    if (!found) return fail(found.error());
    std::erase_if(places, [&](const BlockPlace& place) {
      return !std::binary_search(found->begin(), found->end(), place.header.number);
    });
  }
  return places;
}

Result<std::vector<NumberedEvent>> Segment::read(const BlockPlace& place) const {
  const auto block = read_block(*file_, place);
  if (!block) return fail(block.error());
  if (sha256(block->hashed()) != block->hash()) {
    return fail(ErrorCode::kCorrupt,
                fmt::format("trace segment {}, block {}: its contents fail their hash", number(), place.header.number));
  }
  return unpack(place.header, block->packed());
}

std::uint64_t Segment::end() const {
  const std::lock_guard lock{mutex_};
  return end_;
}

std::uint64_t Segment::size_bytes() const {
  const std::lock_guard lock{mutex_};
  return end_ + (index_ ? index_->size_bytes() : 0);
}

std::size_t Segment::block_count() const {
  const std::lock_guard lock{mutex_};
  return blocks_.size();
}

std::optional<UtcTime> Segment::newest() const {
  const std::lock_guard lock{mutex_};
  std::optional<UtcTime> newest;
  for (const auto& place : blocks_) newest = std::max(newest.value_or(place.header.last), place.header.last);
  return newest;
}

}  // namespace bulkhead::trace
