// Where the SMTP server's accepted mail goes: bodies to the store, messages to the queue.
#pragma once

#include <memory>

#include "src/mailbox/mailboxes.h"
#include "src/queue/queue.h"
#include "src/smtpd/services.h"
#include "src/store/store.h"

namespace bulkhead::app {

class MailIntake final : public smtpd::Intake {
 public:
  struct Parts {
    queue::Queue& queue;
    store::Store& store;
    mailbox::Mailboxes& mailboxes;
    net::BlockingPool& pool;
  };
  explicit MailIntake(const Parts& parts) : parts_(parts) {}

  Task<Status> accept(net::Shard& shard, queue::NewMessage message) override {
    return parts_.queue.accept(shard, std::move(message));
  }
  Task<Status> admits(net::Shard& shard, TenantId tenant) override { return parts_.queue.admits(shard, tenant); }
  Status accepts_new() override { return parts_.store.accepts_new(); }
  std::unique_ptr<store::BlobWriter> new_blob() override { return parts_.store.new_blob(); }
  Task<bool> has_room(net::Shard& shard, AccountId account, std::uint64_t quota, std::uint64_t size) override {
    const auto fits = [quota, size](std::uint64_t used) { return size <= quota && used <= quota - size; };
    const auto known = parts_.mailboxes.known_bytes(account);
    if (known && fits(*known)) co_return true;
    // What is known may count deliveries that were never committed: nobody is refused because of those.
    auto count = [&mailboxes = parts_.mailboxes, account] { return mailboxes.count_bytes(account); };
    const auto counted = co_await parts_.pool.run(shard, std::move(count));
    co_return !counted || !*counted || fits(**counted);
  }

 private:
  const Parts parts_;
};

}  // namespace bulkhead::app
