// Where the SMTP server's accepted mail goes: bodies to the store, messages to the queue.
#pragma once

#include <memory>

#include "src/queue/queue.h"
#include "src/smtpd/services.h"
#include "src/store/store.h"

namespace bulkhead::app {

class MailIntake final : public smtpd::Intake {
 public:
  MailIntake(queue::Queue& queue, store::Store& store) : queue_(queue), store_(store) {}

  Task<Status> accept(net::Shard& shard, queue::NewMessage message) override {
    return queue_.accept(shard, std::move(message));
  }
  Status accepts_new() override { return store_.accepts_new(); }
  std::unique_ptr<store::BlobWriter> new_blob() override { return store_.new_blob(); }

 private:
  queue::Queue& queue_;
  store::Store& store_;
};

}  // namespace bulkhead::app
