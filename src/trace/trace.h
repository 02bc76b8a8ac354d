// The event log: append, search, follow, verify.
//
// An event that belongs to a commit rides in it: `encode_into` adds it to that transaction's batch, and it is durable
// when the commit is. Others are recorded with `record`, which is durable a moment later and never blocks the caller.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "src/store/store.h"
#include "src/trace/event.h"

namespace bulkhead::trace {

// Filters combine with "and"; empty ones match everything.
struct Query {
  std::optional<TenantId> tenant;
  std::optional<MessageId> id;
  std::optional<AccountId> account;
  std::optional<EventKind> kind;
  std::optional<IpAddress> client_ip;
  std::optional<IpAddress> source;
  std::string account_name, sender, recipient, recipient_domain, message_id, subject, user, protocol;
  std::optional<UtcTime> since, until;
  std::size_t limit = 100;       // newest first, at most this many
};

class Trace {
 public:
  static Result<std::unique_ptr<Trace>> open(const std::string& directory, store::Store& store,
                                             store::FileSystem& files, const Clock& clock, Log& log);
  virtual ~Trace() = default;

  // Any thread, no lock held long, no I/O.
  virtual void encode_into(store::Batch& batch, const Event& event) = 0;
  virtual void record(Event event) = 0;
  // After a commit with encoded events succeeded: lets followers see them. Cheap when nobody follows.
  virtual void publish(const Event& event) = 0;

  // Blocks on disk: call on the pool.
  virtual Result<std::vector<Event>> search(const Query& query) const = 0;
  // Oldest first, all events of one message.
  virtual Result<std::vector<Event>> of_message(const MessageId& id) const = 0;
  // `on_event` runs on an arbitrary thread for each new event that matches, until the subscription dies.
  class Subscription;
  virtual std::shared_ptr<void> follow(Query query, std::function<void(const Event&)> on_event) = 0;

  struct Verification {
    std::uint64_t blocks = 0, events = 0;
    std::vector<std::string> faults;  // each names segment, block and what is wrong
  };
  virtual Result<Verification> verify() const = 0;
  // Moves what rode in commits into segments; called by a timer on the pool and at close.
  virtual Status settle() = 0;
  virtual void close() = 0;
};

}  // namespace bulkhead::trace
