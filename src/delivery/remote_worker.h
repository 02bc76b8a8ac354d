// Carries the remote deliveries of one lane, one after another, over one connection at a time.
//
// While the remote thinks about one message, the next is already taken from the queue, so that its envelope goes in the
// same write as the final dot. The outcome of a message is made durable while the next is sent.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "src/delivery/packing.h"
#include "src/delivery/reply_reading.h"
#include "src/delivery/settlement.h"
#include "src/delivery/workshop.h"

namespace bulkhead::delivery {

class RemoteWorker {
 public:
  RemoteWorker(Workshop& workshop, queue::LaneKey lane);
  // Until the lane has no more work; then the connection waits for the lane's next worker.
  Task<void> run();

 private:
  // A job under way: who is still to be dealt with, and what is known of the others.
  struct Effort {
    queue::Job job;
    std::unique_ptr<Parcel> parcel;      // packed for the present connection
    std::vector<std::uint16_t> carried;  // the recipients of the parcel
    std::vector<std::uint16_t> pending;  // not yet answered, those of the parcel included
    queue::Outcome outcome;
    bool has_retried = false;  // once more on a new connection
  };

  std::optional<Effort> effort_of(std::optional<queue::Job> job) const;
  Task<void> serve(Effort& effort);
  Task<bool> make_parcel(Effort& effort);
  Task<void> look_ahead();
  Task<bool> ensure_connection(Effort& effort);
  Task<bool> still_leads_here(Effort& effort);
  Task<bool> open_connection(Effort& effort);
  bool is_right_source(const queue::Message& message) const;
  bool is_known_right(const queue::Job& job) const;
  bool must_end_connection() const;
  std::size_t messages_per_connection() const;
  void report(const smtp::ClientResult& result, replies::Pace pace) const;
  replies::Pace record(Effort& effort, const smtp::ClientResult& result);
  void give_up(Effort& effort, queue::Fate fate, const queue::Answer& answer);
  void give_up_opening(Effort& effort, const Opening& opening);
  void describe_remote(queue::Outcome& outcome) const;
  Task<void> finish(Effort effort);
  void drop_connection();

  Workshop& workshop_;
  const queue::LaneKey lane_;
  std::optional<LaneConnection> connection_;
  std::optional<Effort> next_;  // taken ahead
  Settlement settlement_;
  ReplyReading reading_;
};

// Takes a worker's whole life: the coroutine that the task group runs.
Task<void> run_remote_worker(Workshop& workshop, queue::LaneKey lane);

}  // namespace bulkhead::delivery
