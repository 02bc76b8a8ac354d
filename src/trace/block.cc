#include "src/trace/block.h"

#include <algorithm>

#include <zstd.h>

#include "src/base/check.h"
#include "src/trace/event_codec.h"
#include "src/trace/wire.h"

namespace bulkhead::trace {

namespace {

// Settling is background work and disk is what the trace costs; levels above gain little for several times the time.
constexpr int kCompressionLevel = 6;

std::string compress(std::string_view raw) {
  std::string packed(ZSTD_compressBound(raw.size()), '\0');
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), raw.data(), raw.size(), kCompressionLevel);
  BULKHEAD_CHECK(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

void append_time(std::string& out, UtcTime time) {
  append_fixed(out, static_cast<std::uint64_t>(time.time_since_epoch().count()));
}

UtcTime read_time(WireReader& reader) {
  return UtcTime{std::chrono::microseconds{static_cast<std::int64_t>(reader.fixed<std::uint64_t>())}};
}

}  // namespace

void add_kind(KindSet& kinds, EventKind kind) {
  const auto bit = static_cast<unsigned>(kind) & 127U;
  kinds[bit / 64] |= 1ULL << (bit % 64);
}

bool has_kind(const KindSet& kinds, EventKind kind) {
  const auto bit = static_cast<unsigned>(kind) & 127U;
  return (kinds[bit / 64] >> (bit % 64) & 1) != 0;
}

std::string BlockHeader::encode() const {
  std::string out;
  out.reserve(kSize);
  append_fixed(out, kMagic);
  append_fixed(out, segment);
  append_fixed(out, number);
  append_time(out, first);
  append_time(out, last);
  append_fixed(out, count);
  append_fixed(out, raw_size);
  append_fixed(out, packed_size);
  append_fixed(out, kinds[0]);
  append_fixed(out, kinds[1]);
  out.append(view(previous));
  BULKHEAD_CHECK(out.size() == kSize);
  return out;
}

Result<BlockHeader> BlockHeader::decode(std::string_view bytes) {
  WireReader reader{bytes};
  BlockHeader header;
  if (reader.fixed<std::uint32_t>() != kMagic) return fail(ErrorCode::kCorrupt, "no block begins here");
  header.segment = reader.fixed<std::uint32_t>();
  header.number = reader.fixed<std::uint32_t>();
  header.first = read_time(reader);
  header.last = read_time(reader);
  header.count = reader.fixed<std::uint32_t>();
  header.raw_size = reader.fixed<std::uint32_t>();
  header.packed_size = reader.fixed<std::uint32_t>();
  header.kinds = {reader.fixed<std::uint64_t>(), reader.fixed<std::uint64_t>()};
  const auto previous = reader.bytes(header.previous.size());
  if (reader.is_bad() || header.raw_size > kPayloadSizeMax || header.packed_size > kPayloadSizeMax ||
      header.count > header.raw_size) {
    return fail(ErrorCode::kCorrupt, "the block's header is damaged");
  }
  std::copy(previous.begin(), previous.end(), header.previous.begin());
  return header;
}

std::uint64_t BlockHeader::block_size() const {
  return kSize + packed_size + kTrailerSize;
}

void BlockBuilder::add(std::uint64_t sequence, const Event& event) {
  header_.first = header_.count == 0 ? event.at : std::min(header_.first, event.at);
  header_.last = header_.count == 0 ? event.at : std::max(header_.last, event.at);
  ++header_.count;
  add_kind(header_.kinds, event.kind);
  std::string encoded;
  append_event(encoded, event, last_at_);
  append_varint(raw_, sequence - last_sequence_);
  append_text(raw_, encoded);
  last_sequence_ = sequence;
  last_at_ = event.at;
}

BlockBuilder::Sealed BlockBuilder::seal(std::uint32_t segment, std::uint32_t number, const Hash& previous,
                                        const NodeKey& key) && {
  const std::string packed = compress(raw_);
  header_.segment = segment;
  header_.number = number;
  header_.raw_size = static_cast<std::uint32_t>(raw_.size());
  header_.packed_size = static_cast<std::uint32_t>(packed.size());
  header_.previous = previous;
  Sealed sealed{header_, {}, header_.encode()};
  sealed.bytes += packed;
  sealed.hash = sha256(sealed.bytes);
  sealed.bytes.append(view(sealed.hash));
  sealed.bytes.append(view(key.sign(view(sealed.hash))));
  return sealed;
}

Result<std::vector<NumberedEvent>> unpack(const BlockHeader& header, std::string_view packed) {
  std::string raw(header.raw_size, '\0');
  const std::size_t size = ZSTD_decompress(raw.data(), raw.size(), packed.data(), packed.size());
  if (ZSTD_isError(size) != 0 || size != raw.size()) return fail(ErrorCode::kCorrupt, "a block cannot be unpacked");
  std::vector<NumberedEvent> events;
  events.reserve(std::min<std::size_t>(header.count, 65536));
  WireReader reader{raw};
  std::uint64_t sequence = 0;
  UtcTime base;
  while (!reader.is_at_end()) {
    sequence += reader.varint();
    auto event = decode_event(reader.text(), base);
    if (!event) return fail(event.error());
    base = event->at;
    events.push_back({sequence, std::move(*event)});
  }
  if (events.size() != header.count) return fail(ErrorCode::kCorrupt, "a block holds another number of events");
  return events;
}

}  // namespace bulkhead::trace
