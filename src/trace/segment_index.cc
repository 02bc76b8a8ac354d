#include "src/trace/segment_index.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/trace/file_bytes.h"
#include "src/trace/query.h"
#include "src/trace/wire.h"

namespace bulkhead::trace {

namespace {

constexpr std::uint32_t kMagic = 0x31495442;  // "BTI1"
constexpr std::size_t kFixedSize = 4 + 8 + 4 + 4;
constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kWordsPerPage = kPageSize / 8 - 1;
// A word that pads the last page; no entry is as large, since a segment has fewer blocks.
constexpr std::uint64_t kPadding = ~0ULL;

// Catches bit rot, not malice: whoever can write here can remove the file, and the segment itself is signed.
std::uint64_t checksum(std::string_view bytes) {
  std::uint64_t sum = 0x9E3779B97F4A7C15ULL;
  WireReader reader{bytes};
  while (!reader.is_at_end()) {
    sum = (sum ^ reader.fixed<std::uint64_t>()) * 0xff51afd7ed558ccdULL;
    sum ^= sum >> 32;
  }
  return sum;
}

std::string make_page(std::span<const std::uint64_t> words) {
  std::string page;
  page.reserve(kPageSize);
  for (std::size_t i = 0; i < kWordsPerPage; ++i) append_fixed(page, i < words.size() ? words[i] : kPadding);
  append_fixed(page, checksum(page));
  return page;
}

}  // namespace

Status SegmentIndex::write(store::FileSystem& files, const std::string& path, std::uint64_t end,
                           const std::vector<BlockPlace>& blocks, std::span<const std::uint64_t> entries) {
  const std::size_t pages = (entries.size() + kWordsPerPage - 1) / kWordsPerPage;
  std::string out;
  append_fixed(out, kMagic);
  append_fixed(out, end);
  append_fixed(out, static_cast<std::uint32_t>(blocks.size()));
  append_fixed(out, static_cast<std::uint32_t>(pages));
  for (const auto& block : blocks) {
    append_fixed(out, block.offset);
    out += block.header.encode();
  }
  for (std::size_t page = 0; page < pages; ++page) append_fixed(out, entries[page * kWordsPerPage]);
  out.append(view(sha256(out)));
  for (std::size_t page = 0; page < pages; ++page) {
    const auto words = entries.subspan(page * kWordsPerPage);
    out += make_page(words.subspan(0, std::min(words.size(), kWordsPerPage)));
  }
  return write_whole(files, path, out);
}

Result<std::unique_ptr<SegmentIndex>> SegmentIndex::open(store::FileSystem& files, const std::string& path,
                                                         std::uint64_t end) {
  auto file = files.open(path, store::FileSystem::Mode::kRead);
  if (!file) return fail(file.error());
  const auto damaged = [&path] { return fail(ErrorCode::kCorrupt, fmt::format("{} is damaged", path)); };
  const auto size = (*file)->size();
  const auto fixed = read_exactly(**file, 0, kFixedSize);
  if (!size || !fixed) return damaged();
  WireReader reader{*fixed};
  if (reader.fixed<std::uint32_t>() != kMagic || reader.fixed<std::uint64_t>() != end) return damaged();
  const std::uint64_t blocks = reader.fixed<std::uint32_t>();
  const std::uint64_t pages = reader.fixed<std::uint32_t>();
  const std::uint64_t table_size = kFixedSize + blocks * (8 + BlockHeader::kSize) + pages * 8;
  if (*size != table_size + sizeof(Hash) + pages * kPageSize) return damaged();
  const auto table = read_exactly(**file, 0, table_size + sizeof(Hash));
  if (!table) return damaged();
  const auto hashed = std::string_view{*table}.substr(0, table_size);
  if (view(sha256(hashed)) != std::string_view{*table}.substr(table_size)) return damaged();

  std::unique_ptr<SegmentIndex> index{new SegmentIndex};
  WireReader rows{hashed.substr(kFixedSize)};
  for (std::uint64_t i = 0; i < blocks; ++i) {
    const auto offset = rows.fixed<std::uint64_t>();
    const auto header = BlockHeader::decode(rows.bytes(BlockHeader::kSize));
    if (!header) return damaged();
    index->blocks_.push_back({offset, *header});
  }
  for (std::uint64_t i = 0; i < pages; ++i) index->first_words_.push_back(rows.fixed<std::uint64_t>());
  index->pages_at_ = table_size + sizeof(Hash);
  index->size_bytes_ = *size;
  index->file_ = std::move(*file);
  return index;
}

Result<std::vector<std::uint64_t>> SegmentIndex::read_page(std::size_t page) const {
  const auto bytes = read_exactly(*file_, pages_at_ + page * kPageSize, kPageSize);
  if (!bytes) return fail(bytes.error());
  WireReader reader{*bytes};
  std::vector<std::uint64_t> words(kWordsPerPage);
  for (auto& word : words) word = reader.fixed<std::uint64_t>();
  if (reader.fixed<std::uint64_t>() != checksum(std::string_view{*bytes}.substr(0, kPageSize - 8))) {
    return fail(ErrorCode::kCorrupt, fmt::format("page {} of a trace index fails its checksum", page));
  }
  return words;
}

Result<std::vector<std::uint32_t>> SegmentIndex::find(std::uint64_t key) const {
  std::vector<std::uint32_t> found;
  const std::uint64_t last = key | ((1ULL << kKeyShift) - 1);
  // The page whose first word is the last one not above the key may hold its beginning.
  const auto after = std::upper_bound(first_words_.begin(), first_words_.end(), key);
  auto page = static_cast<std::size_t>(after - first_words_.begin());
  for (page = page == 0 ? 0 : page - 1; page < first_words_.size() && first_words_[page] <= last; ++page) {
    const auto words = read_page(page);
    if (!words) return fail(words.error());
    for (auto it = std::lower_bound(words->begin(), words->end(), key); it != words->end() && *it <= last; ++it) {
      if (*it != kPadding) found.push_back(static_cast<std::uint32_t>(*it & (SegmentIndex::kBlocksMax - 1)));
    }
  }
  return found;
}

}  // namespace bulkhead::trace
