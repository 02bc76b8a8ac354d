// Posts events to the URLs of the operator and of tenants: in order for each, signed, tried again, kept over restarts.
//
// An event is stored before it is posted, and removed when it was taken; a crash between the two posts it again with
// the same id. Posts have a thread of their own, so that an endpoint that hangs holds up nobody's mail. After a restart
// what waits is tried at once.
//
// Rows of the family meta: "hook/e" + tenant → its endpoint; "hook/q" + tenant (nil: the operator) + number → an event.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "src/admin/webhook_desk.h"
#include "src/app/configuration.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/store/store.h"
#include "src/webhook/plan.h"
#include "src/webhook/poster.h"

namespace bulkhead::app {

struct WebhookTarget {
  std::string url;  // "": none
  Secret secret;
};
// Reads the file with the secret. kInvalid says what is wrong with it or with the URL.
Result<WebhookTarget> webhook_target(const Configuration::Notify& settings);

class Webhooks final : public admin::WebhookDesk {
 public:
  static constexpr std::size_t kPostsMax = 20;  // at once
  static constexpr std::size_t kEndpointsMax = 10'000;
  static constexpr std::size_t kBodyMax = 64 * 1024;

  struct Parts {  // all outlive it
    store::Store& store;
    const Clock& clock;
    Random& random;
    Log& log;
    std::function<std::string(const TenantId&)> name_of;  // a tenant's, for the log
    std::unique_ptr<webhook::Poster> poster;
  };
  explicit Webhooks(Parts parts);
  ~Webhooks() override { stop(); }

  Status restore(WebhookTarget operators);  // what an earlier life has left; blocks
  void start();
  void stop();                              // posts under way are given up, and made again by the next life; idempotent
  void set_operator(WebhookTarget target);  // live; any thread

  // Whether somebody is there to be told; any thread.
  bool takes(const webhook::EndpointId& id) const;
  // `body` is JSON. Any thread, does not block; nothing when takes() is false.
  void tell(const webhook::EndpointId& id, const std::string& body);
  // Posts what is due and waits for something to do. Of its own thread, or of a test.
  void work();

  struct Readings {
    std::uint64_t taken = 0, failed = 0, gone = 0, given_up = 0, dropped = 0, waiting = 0, failing = 0;
  };
  Readings readings() const;

  Status check(const std::string& url) const override;
  Result<Secret> set(const TenantId& tenant, const std::string& url) override;
  Status remove(const TenantId& tenant) override;
  std::optional<admin::WebhookView> of(const TenantId& tenant) const override;
  std::vector<admin::WebhookView> failing() const override;

 private:
  Status restore_endpoints();
  Status restore_events();
  void run();
  void begin(const webhook::Turn& turn);
  void finish(const webhook::Turn& turn, const webhook::Answer& answer);
  void conclude(const webhook::Turn& turn, webhook::Outcome outcome, std::string trouble);
  void switched_off(const webhook::EndpointId& id);
  void commit(store::Batch batch);
  Status commit_and_wait(store::Batch batch);
  std::string named(const webhook::EndpointId& id) const;
  admin::WebhookView view_of(const webhook::EndpointId& id, const WebhookTarget& target) const;  // locked
  std::chrono::milliseconds longest_wait() const;

  const Parts parts_;
  std::mutex order_;          // events are handed to the store in the order of their numbers; before mutex_
  mutable std::mutex mutex_;  // of what follows
  webhook::Plan plan_;
  std::map<webhook::EndpointId, WebhookTarget> targets_;
  std::atomic<std::uint64_t> taken_{0}, failed_{0}, gone_{0}, given_up_{0}, dropped_{0};
  std::atomic<bool> is_stopping_{false};
  std::thread thread_;  // last: runs while all else lives
};

}  // namespace bulkhead::app
