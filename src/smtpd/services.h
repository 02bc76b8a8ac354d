// What a session needs from the rest of the program. One SmtpServices a shard; everything in it outlives the sessions.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "netpolicy/limits/limiter.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/base/result.h"
#include "src/base/task.h"
#include "src/net/shard.h"
#include "src/net/tls.h"
#include "src/queue/queue.h"
#include "src/smtpd/census.h"
#include "src/smtpd/settings.h"
#include "src/smtpd/sign_in_guard.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::reputation {
class Reports;
class RestrictionBoard;
}  // namespace bulkhead::reputation

namespace bulkhead::smtpd {

// Where accepted mail goes. The program wires it to store and queue.
class Intake {
 public:
  virtual ~Intake() = default;
  // Ends after the commit that holds the message is on stable storage; on an error nothing of it exists.
  virtual Task<Status> accept(net::Shard& shard, queue::NewMessage message) = 0;
  // Whether the queue has room for one more message of the tenant: kFull when not. From memory. Resumes on the shard.
  virtual Task<Status> admits(net::Shard& shard, TenantId tenant) = 0;
  // Whether mail can be taken at all now; cheap.
  virtual Status accepts_new() = 0;
  virtual std::unique_ptr<store::BlobWriter> new_blob() = 0;
  // Whether the mailbox of an account with this quota has room for `size` bytes more. From memory where it says yes;
  // true where that cannot be found out now. Resumes on the shard.
  virtual Task<bool> has_room(net::Shard& shard, AccountId account, std::uint64_t quota, std::uint64_t size) = 0;
};

// Waits on behalf of a session, so that tests need not.
class Pacer {
 public:
  virtual ~Pacer() = default;
  // False when the server is stopping: the session ends.
  virtual Task<bool> pause(std::chrono::milliseconds delay) = 0;
};

struct SmtpServices {
  net::Shard& shard;
  tenants::LiveDirectory& directory;
  Intake& intake;
  trace::Trace& trace;
  const Clock& clock;
  Random& random;
  Log& log;
  Census& census;
  SignInGuard& guard;
  Pacer& pacer;
  const Settings& settings;
  std::string node_name;
  const net::TlsServerContexts* tls = nullptr;                 // null: STARTTLS is not offered
  netpolicy::Limiter* limiter = nullptr;                       // null: nobody is limited
  reputation::Reports* reports = nullptr;                      // of this shard; null: nobody hears of what happens
  const reputation::RestrictionBoard* restrictions = nullptr;  // null: nobody is restricted
};

}  // namespace bulkhead::smtpd
