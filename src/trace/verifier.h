// Proves that no settled event was altered, removed or added: hashes, chain, signatures, from the anchor to the head.
#pragma once

#include <string>

#include "src/trace/archive_records.h"
#include "src/trace/trace.h"

namespace bulkhead::trace {

// One use. Trusts the kv's records and the node's keys, and reads every file anew by its name.
class Verifier {
 public:
  Verifier(store::FileSystem& files, std::string directory, TraceRecords records)
      : files_(files), directory_(std::move(directory)), records_(std::move(records)) {}

  Trace::Verification run();

 private:
  void check_anchor();
  void check_segment(std::uint32_t number);
  void check_blocks(const store::File& file, std::uint32_t segment, std::uint64_t end);
  void check_block(const store::File& file, const struct BlockPlace& place);
  void check_place(const struct BlockHeader& header);
  void check_end(std::uint32_t segment);
  bool is_signed(std::string_view message, const Signature& signature) const;
  void fault(std::uint32_t segment, const std::string& what);

  store::FileSystem& files_;
  const std::string directory_;
  const TraceRecords records_;
  Trace::Verification result_;
  Hash previous_{};  // what the next block must name
  std::uint32_t next_block_ = 0;
  bool is_chain_known_ = true;  // false after a part that is missing, until the next block
};

}  // namespace bulkhead::trace
