#include "src/trace/verifier.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/trace/file_bytes.h"
#include "src/trace/segment_scan.h"

namespace bulkhead::trace {

void Verifier::fault(std::uint32_t segment, const std::string& what) {
  result_.faults.push_back(fmt::format("segment {}{}", segment, what));
}

bool Verifier::is_signed(std::string_view message, const Signature& signature) const {
  return std::any_of(records_.keys.begin(), records_.keys.end(),
                     [&](const PublicKey& key) { return is_signed_by(key, message, signature); });
}

Trace::Verification Verifier::run() {
  if (!records_.head || records_.head->blocks == 0) return result_;
  if (records_.has_anchor) check_anchor();
  previous_ = records_.anchor.previous;
  for (std::uint32_t number = records_.anchor.first_segment; number <= records_.head->segment; ++number) {
    check_segment(number);
  }
  return result_;
}

void Verifier::check_anchor() {
  if (is_signed(records_.anchor.signed_part(), records_.anchor.signature)) return;
  fault(records_.anchor.first_segment, ": the record of what retention removed before it has no valid signature");
}

void Verifier::check_segment(std::uint32_t number) {
  const auto file = files_.open(segment_path(directory_, number), store::FileSystem::Mode::kRead);
  if (!file) {
    fault(number, file.error().code == ErrorCode::kNotFound ? " is missing: its file was removed"
                                                            : " cannot be read: " + file.error().message);
    is_chain_known_ = false;
    return;
  }
  const auto size = (*file)->size();
  const auto bytes = read_exactly(**file, 0, SegmentHeader::kSize);
  const auto header = bytes ? SegmentHeader::decode(*bytes) : Result<SegmentHeader>{fail(bytes.error())};
  if (!size || !header) {
    fault(number, ": its header is damaged");
    is_chain_known_ = false;
    return;
  }
  if (header->segment != number) fault(number, fmt::format(": its header is that of segment {}", header->segment));
  if (is_chain_known_ && header->previous != previous_) {
    fault(number, ": it does not continue the segment before; blocks at the end of that one were removed or replaced");
  }
  previous_ = header->hash();
  next_block_ = 0;
  is_chain_known_ = true;
  const bool is_head = number == records_.head->segment;
  // What follows the head was never acknowledged: a settling that was interrupted, and is written over.
  check_blocks(**file, number, is_head ? std::min(*size, records_.head->end) : *size);
  if (is_head) check_end(number);
}

void Verifier::check_blocks(const store::File& file, std::uint32_t segment, std::uint64_t end) {
  const auto scan = scan_segment(file, segment, end);
  if (!scan) return fault(segment, " cannot be read: " + scan.error().message);
  for (const auto offset : scan->damaged) {
    fault(segment, fmt::format(", at byte {}: a block's header is damaged, or foreign bytes were put there", offset));
  }
  for (const auto& place : scan->blocks) check_block(file, place);
}

// That it is the block that belongs here.
void Verifier::check_place(const BlockHeader& header) {
  if (header.number != next_block_) {
    const auto what = header.number < next_block_
                          ? fmt::format(", block {}: it is there twice or out of order", header.number)
                      : header.number == next_block_ + 1
                          ? fmt::format(", block {} is missing", next_block_)
                          : fmt::format(", blocks {} to {} are missing", next_block_, header.number - 1);
    return fault(header.segment, what);
  }
  if (is_chain_known_ && header.previous != previous_) {
    fault(header.segment, fmt::format(", block {}: it does not continue the block before", header.number));
  }
}

void Verifier::check_block(const store::File& file, const BlockPlace& place) {
  const auto& header = place.header;
  const auto block = read_block(file, place);
  if (!block) return fault(header.segment, fmt::format(", block {}: {}", header.number, block.error().message));
  ++result_.blocks;
  check_place(header);
  const auto hash = sha256(block->hashed());
  const auto events = unpack(header, block->packed());
  if (hash != block->hash()) {
    fault(header.segment, fmt::format(", block {}: its contents or its hash were altered", header.number));
  } else if (!is_signed(view(hash), block->signature())) {
    fault(header.segment, fmt::format(", block {}: its signature is not this node's", header.number));
  } else if (!events) {
    fault(header.segment, fmt::format(", block {}: {}", header.number, events.error().message));
  }
  if (events) result_.events += events->size();
  // The stored hash, so that one altered block is one fault and not every block after it.
  previous_ = block->hash();
  next_block_ = header.number + 1;
  is_chain_known_ = true;
}

void Verifier::check_end(std::uint32_t segment) {
  const Head& head = *records_.head;
  if (next_block_ < head.blocks) {
    fault(segment,
          next_block_ + 1 == head.blocks
              ? fmt::format(", block {} is missing: the file ends before it", next_block_)
              : fmt::format(", blocks {} to {} are missing: the file ends before them", next_block_, head.blocks - 1));
  } else if (previous_ != head.hash) {
    fault(segment, fmt::format(", block {}: it is not the one that was written last", next_block_ - 1));
  }
}

}  // namespace bulkhead::trace
