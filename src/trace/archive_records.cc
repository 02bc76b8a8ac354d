#include "src/trace/archive_records.h"

#include <algorithm>
#include <future>

#include "src/trace/wire.h"

namespace bulkhead::trace {

namespace {

constexpr std::uint8_t kVersion = 1;
constexpr std::string_view kKeysFirst = "k";
constexpr std::string_view kKeysPastLast = "l";

template <std::size_t N>
void read_into(WireReader& reader, std::array<char, N>& bytes) {
  const auto taken = reader.bytes(N);
  std::copy(taken.begin(), taken.end(), bytes.begin());
}

}  // namespace

std::string event_key(std::uint64_t sequence) {
  return std::string{kEventsFirst} + big_endian(sequence);
}

std::optional<std::uint64_t> sequence_of(std::string_view key) {
  if (key.size() != 9 || !key.starts_with(kEventsFirst)) return std::nullopt;
  return from_big_endian(key.substr(1));
}

std::string Head::encode() const {
  std::string out(1, static_cast<char>(kVersion));
  append_fixed(out, segment);
  append_fixed(out, blocks);
  append_fixed(out, end);
  out.append(view(hash));
  append_fixed(out, next_sequence);
  return out;
}

Result<Head> Head::decode(std::string_view bytes) {
  WireReader reader{bytes};
  const auto version = reader.fixed<std::uint8_t>();
  Head head;
  head.segment = reader.fixed<std::uint32_t>();
  head.blocks = reader.fixed<std::uint32_t>();
  head.end = reader.fixed<std::uint64_t>();
  read_into(reader, head.hash);
  head.next_sequence = reader.fixed<std::uint64_t>();
  if (version != kVersion || reader.is_bad())
    return fail(ErrorCode::kCorrupt, "the head record of the trace is damaged");
  return head;
}

std::string Anchor::signed_part() const {
  std::string out = "bulkhead trace anchor";
  append_fixed(out, first_segment);
  out.append(view(previous));
  return out;
}

std::string Anchor::encode() const {
  std::string out(1, static_cast<char>(kVersion));
  append_fixed(out, first_segment);
  out.append(view(previous));
  out.append(view(signature));
  return out;
}

Result<Anchor> Anchor::decode(std::string_view bytes) {
  WireReader reader{bytes};
  const auto version = reader.fixed<std::uint8_t>();
  Anchor anchor;
  anchor.first_segment = reader.fixed<std::uint32_t>();
  read_into(reader, anchor.previous);
  read_into(reader, anchor.signature);
  if (version != kVersion || reader.is_bad()) {
    return fail(ErrorCode::kCorrupt, "the anchor record of the trace is damaged");
  }
  return anchor;
}

bool TraceRecords::knows(const PublicKey& key) const {
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

void put_key(store::Batch& batch, const PublicKey& key) {
  batch.put(store::Family::kTrace, std::string{kKeysFirst}.append(view(key)), {});
}

Result<TraceRecords> read_records(const store::Kv& kv) {
  TraceRecords records;
  const auto head = kv.get(store::Family::kTrace, kHeadKey);
  if (!head) return fail(head.error());
  if (*head) {
    const auto decoded = Head::decode(**head);
    if (!decoded) return fail(decoded.error());
    records.head = *decoded;
  }
  const auto anchor = kv.get(store::Family::kTrace, kAnchorKey);
  if (!anchor) return fail(anchor.error());
  if (*anchor) {
    const auto decoded = Anchor::decode(**anchor);
    if (!decoded) return fail(decoded.error());
    records.anchor = *decoded;
    records.has_anchor = true;
  }
  const auto scanned = kv.scan(store::Family::kTrace, kKeysFirst, kKeysPastLast, store::Kv::Direction::kForward,
                               [&records](std::string_view key, std::string_view) {
                                 PublicKey known{};
                                 if (key.size() != known.size() + 1) return true;
                                 std::copy(key.begin() + 1, key.end(), known.begin());
                                 records.keys.push_back(known);
                                 return true;
                               });
  if (!scanned) return fail(scanned.error());
  return records;
}

Status commit_and_wait(store::Store& store, store::Batch batch) {
  std::promise<Status> promise;
  auto waiting = promise.get_future();
  store::Transaction transaction;
  transaction.batch = std::move(batch);
  store.commit(std::move(transaction), [&promise](const Result<store::Committed>& result) {
    promise.set_value(result ? Status{} : Status{fail(result.error())});
  });
  return waiting.get();
}

}  // namespace bulkhead::trace
