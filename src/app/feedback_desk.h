// Reads what comes to the feedback addresses of tenants, and believes only what the trace bears out.
//
// A complaint or a bounce names the message by the id in the Received field that this server wrote. It counts when the
// trace says that this tenant's message with that id was delivered elsewhere, to the recipient that the report names (a
// reporter may hide it: then the id alone, which only who has the message knows). Nobody can so bring an account into
// trouble by reports about mail that it never sent. A message's complaint counts once, a recipient's bounce once.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "monitoring/metrics.h"
#include "src/delivery/feedback_desk.h"
#include "src/mail/arf.h"
#include "src/mail/bounce_report.h"
#include "src/store/store.h"
#include "src/trace/trace.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

// A report that was borne out.
struct Feedback {
  enum class Kind : std::uint8_t { kComplaint, kBounce } kind = Kind::kComplaint;
  TenantId tenant;
  AccountId account;  // nil: the message was not an account's
  std::string account_name;
  std::string sender;
  IpAddress client;  // that handed the message in
  IpAddress source;  // that it left from
  MessageId message;
  std::vector<std::string> recipients;
  std::vector<std::string> people;  // of a complaint: who may have written it (complainant.h)
  std::string status;               // of a bounce: "5.1.1"
  std::string text;                 // one line for a person
};

class FeedbackDesk final : public delivery::FeedbackDesk {
 public:
  struct Parts {  // all outlive it
    store::Store& store;
    const trace::Trace& trace;
    tenants::LiveDirectory& directory;
    monitoring::Metrics& metrics;
    const Clock& clock;
    Log& log;
    std::function<void(const Feedback&)> on_feedback{};  // any thread, must not block; may be empty
  };
  explicit FeedbackDesk(Parts parts) : parts_(std::move(parts)) {}

  Result<std::vector<trace::Event>> take(const queue::Message& message, const TenantId& tenant) override;
  net::BlockingPool& pool() override { return pool_; }

  static constexpr std::uint32_t kReportsMax = 60;  // of a tenant that are read in a minute; more are counted only

 private:
  // A message of the tenant that was delivered elsewhere, as the trace has it.
  struct Sent {
    trace::Event received;
    std::vector<trace::Event> deliveries;  // to remote servers
    std::vector<trace::Event> reports;     // complained, returned
  };
  using Events = std::vector<trace::Event>;

  Result<std::string> read(const queue::Message& message) const;
  Result<std::optional<Sent>> find(const TenantId& tenant, const MessageId& id) const;
  Result<Events> take_complaint(const queue::Message& report, const TenantId& tenant, const mail::Complaint& complaint);
  Result<Events> take_bounce(const queue::Message& report, const TenantId& tenant, const mail::BounceReport& bounce);
  bool may_read(const TenantId& tenant);
  bool is_first(const std::string& what, const MessageId& report, bool& is_retry);
  trace::Event event_of(const Sent& sent, trace::EventKind kind, const std::vector<std::string>& recipients) const;
  void tell(const Sent& sent, const trace::Event& event, std::string status) const;
  void count(const TenantId& tenant, std::string_view outcome) const;

  static constexpr std::size_t kWaitingMax = 1000;

  const Parts parts_;
  std::mutex mutex_;  // of what follows: what was counted lately and may not be in the trace yet
  std::map<std::string, MessageId> recent_;
  std::deque<std::string> order_;
  SteadyTime minute_{};  // when the counting of reports began
  std::map<TenantId, std::uint32_t> reports_;
  // The last member, so that what runs on it ends before anything else does.
  net::BlockingPool pool_{1, kWaitingMax};
};

}  // namespace bulkhead::app
