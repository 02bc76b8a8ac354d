// What negative answers of remote servers mean, by the rules in force, and who hears of what became of recipients.
#pragma once

#include <memory>
#include <string_view>

#include "monitoring/replies/rule_book.h"
#include "monitoring/reputation/report.h"
#include "src/delivery/parts.h"
#include "src/proto/smtp/client_session.h"
#include "src/queue/job.h"

namespace bulkhead::delivery {

// For one worker, on its shard.
class ReplyReading {
 public:
  ReplyReading(const Parts& parts, const queue::LaneKey& lane) : parts_(parts), lane_(lane) {}

  // Reads the answer of a recipient that was not delivered to, when a server gave one: names its class, corrects the
  // fate where the code lies, and says when to try again. How the lane goes on from here.
  replies::Pace read(queue::RecipientOutcome& recipient, smtp::ClientStage stage, queue::Outcome& outcome);

  // Tells the loop of reputation about the recipients from `first` on, those with one answer together.
  void report(const queue::Message& message, const queue::Outcome& outcome, std::size_t first);

 private:
  struct Read {  // the answer that was read last: all recipients of a message often get the same
    smtp::ClientStage stage = smtp::ClientStage::kOther;
    int code = 0;
    std::string text;
    std::string provider;
    std::shared_ptr<const replies::Classification> meaning;
  };
  void classify(const queue::Answer& answer, smtp::ClientStage stage);

  const Parts& parts_;
  const queue::LaneKey& lane_;
  std::vector<Read> read_;  // of the transaction that is reported next
};

// What the lane does after such a reply: one to our connection or to MAIL speaks of us and may pause the lane, a later
// one speaks of a message, which must not hold up the others'.
replies::Pace pace_of(const replies::Classification& meaning, smtp::ClientStage stage);

}  // namespace bulkhead::delivery
