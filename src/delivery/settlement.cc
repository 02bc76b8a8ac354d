#include "src/delivery/settlement.h"

#include <utility>

namespace bulkhead::delivery {

namespace {

Task<void> settle(Workshop& workshop, queue::Job job, queue::Outcome outcome, std::vector<trace::Event> events) {
  for (const auto& event : events) workshop.parts.trace.encode_into(outcome.batch, event);
  auto finishing = workshop.parts.queue.finish(std::move(job), std::move(outcome));
  const bool is_durable = co_await std::move(finishing);
  if (!is_durable) co_return;  // what the events tell did not happen
  for (const auto& event : events) workshop.parts.trace.publish(event);
}

Task<void> settle_and_count(Task<void> settling, std::shared_ptr<std::size_t> open) {
  co_await std::move(settling);
  --*open;
}

}  // namespace

Task<void> Settlement::finish(queue::Job job, queue::Outcome outcome, std::vector<trace::Event> events) {
  Task<void> settling = settle(workshop_, std::move(job), std::move(outcome), std::move(events));
  if (*open_ >= kOpenMax) {
    co_await std::move(settling);
    co_return;
  }
  ++*open_;
  workshop_.group.spawn(settle_and_count(std::move(settling), open_));
}

}  // namespace bulkhead::delivery
