// Reports to the sender as messages of their own: built from a settlement, enqueued in the settlement's transaction.
#pragma once

#include <vector>

#include "src/queue/settlement.h"

namespace bulkhead::queue {

// A report that is ready to be enqueued. The body is kept as text, so that a failed commit can be tried again.
struct Notice {
  mail::DsnKind kind = mail::DsnKind::kFailure;
  Message message;
  std::string text;
};

struct Notices {
  std::vector<Notice> ready;
  std::string dropped;  // why a report that was due is not made, "" otherwise
};

// Resolves the sender and reads the original's header (or all of it, RET=FULL and small). Resumes on `shard`.
enum class ReportTo : std::uint8_t { kEverybody, kLocalOnly };

// `expires_at` is of the reports themselves, `epoch` the number of the last directive given.
struct NoticeTerms {
  UtcTime expires_at;
  std::uint32_t epoch = 0;
  ReportTo to = ReportTo::kEverybody;
};
Task<Notices> make_notices(const Queue::Parts& parts, net::Shard& shard, MessagePtr message, Settlement settled,
                           NoticeTerms terms);

// Adds a message with its body to a transaction; returns the blob's number in it.
std::size_t add_message(store::Transaction& transaction, const Message& message,
                        std::unique_ptr<store::BlobWriter> body);

}  // namespace bulkhead::queue
