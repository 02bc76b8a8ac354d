#include "src/delivery/settlement.h"

#include <algorithm>
#include <utility>

namespace bulkhead::delivery {

namespace {

// A row that the batch puts for good: there when the batch was committed, and only then.
std::string mailbox_row(const store::Batch& batch) {
  const auto& operations = batch.operations();
  const auto found = std::find_if(operations.begin(), operations.end(), [](const store::Batch::Operation& operation) {
    return operation.family == store::Family::kMailbox && operation.kind == store::Batch::Operation::Kind::kPut;
  });
  return found == operations.end() ? std::string{} : found->key;
}

// Events of a commit that failed did not happen: nobody is told of them. The row was just written, so that this read
// stays in memory.
bool is_committed(const Workshop& workshop, const std::string& row) {
  if (row.empty()) return true;
  const auto found = workshop.parts.store.kv().get(store::Family::kMailbox, row);
  return found && found->has_value();
}

Task<void> settle(Workshop& workshop, queue::Job job, queue::Outcome outcome, std::vector<trace::Event> events) {
  for (const auto& event : events) workshop.parts.trace.encode_into(outcome.batch, event);
  const std::string row = events.empty() ? std::string{} : mailbox_row(outcome.batch);
  co_await workshop.parts.queue.finish(std::move(job), std::move(outcome));
  if (events.empty() || !is_committed(workshop, row)) co_return;
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
