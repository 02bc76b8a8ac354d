// Hands the outcomes of one worker to the queue without waiting for the disk, while the worker goes on.
#pragma once

#include <memory>
#include <vector>

#include "src/delivery/workshop.h"

namespace bulkhead::delivery {

class Settlement {
 public:
  // Outcomes of one worker that may be on their way to the disk at once: a crash may repeat that many messages.
  static constexpr std::size_t kOpenMax = 8;

  explicit Settlement(Workshop& workshop) : workshop_(workshop) {}
  // Returns at once unless too many are open. `events` ride in the outcome's commit.
  Task<void> finish(queue::Job job, queue::Outcome outcome, std::vector<trace::Event> events);

 private:
  Workshop& workshop_;
  std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
};

}  // namespace bulkhead::delivery
