// Tells people by mail of cases, listings and readiness: the tenant's administrator, and the operator.
//
// The mail goes through this server like any other, from the null sender and charged to no account, so that no
// account's quarantine holds it. What waits to be summed up is in memory only: the cases themselves are stored.
#pragma once

#include "monitoring/cases/case.h"
#include "monitoring/listings/watch.h"
#include "netpolicy/readiness_watch.h"
#include "src/app/configuration.h"
#include "src/app/notice_plan.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "src/delivery/sender_resolution.h"
#include "src/queue/queue.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

class Notifier {
 public:
  struct Parts {  // all outlive it
    net::Shard& shard;
    tenants::LiveDirectory& directory;
    queue::Queue& queue;
    store::Store& store;
    const Clock& clock;
    Random& random;
    Log& log;
    std::string node_name;
    Configuration::Notify settings;
    std::chrono::seconds expire_after;
  };
  explicit Notifier(Parts parts)
      : parts_(std::move(parts)), settings_(parts_.settings), resolve_(delivery::sender_resolution(parts_.directory)) {}

  void change_settings(Configuration::Notify settings);  // on the shard

  // A case is new, or has changed. On the shard; quick.
  void case_changed(const cases::Case& changed);
  // The same of what is listed, or no longer, whoever found out; and of who is fit to send.
  void listing_changed(const listings::Transition& transition);
  void readiness_changed(const netpolicy::ReadinessChange& change);
  // Sends what is due, each second, until the group is cancelled. On the shard.
  Task<void> run(net::TaskGroup& group);

 private:
  void tell_operator(std::optional<Notice> notice);
  void tell_tenant(const TenantId& tenant, std::optional<Notice> notice);
  struct Destination {
    std::string address;
    TenantId tenant;  // that the mail belongs to, nil while nobody knows
  };
  Destination destination_of(const Audience& audience) const;
  Task<Status> send(DueNotices due, Destination destination);
  queue::NewMessage make_message(const NoticeMail& mail, const Destination& destination) const;

  const Parts parts_;
  Configuration::Notify settings_;
  const delivery::SenderResolution resolve_;
  NoticePlan plan_;
  bool has_complained_ = false;
};

// Whose mail all notices are: of the operator's own tenant, which nobody else's outbreak can slow down. Nil: there is
// none, and the operator is told nothing.
TenantId house_tenant(const tenants::Snapshot& directory, const Configuration::Notify& settings);

// What people are told of a case; nothing when it is not worth a mail. `is_operator`: an operator may do more.
std::optional<Notice> notice_of(const cases::Case& changed, bool is_operator);

}  // namespace bulkhead::app
