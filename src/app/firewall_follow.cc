// `bulkhead firewall follow`: keeps the kernel's table as the directory says, and reads its counters.
#include "src/app/firewall_command.h"
#include "src/app/firewall_readings.h"
#include "src/app/firewall_source.h"
#include "src/app/firewall_table.h"
#include "src/app/output.h"
#include "src/app/privileges.h"
#include "src/app/service_notification.h"
#include "src/app/signals.h"
#include "src/base/log.h"

namespace bulkhead::app {

namespace {

constexpr std::chrono::milliseconds kRound{250};
constexpr std::chrono::seconds kReadingInterval{10};

class Follower {
 public:
  Follower(const Configuration& configuration, Log& log) : configuration_(configuration), log_(log) {}

  // One look at the directory; at times one at the kernel. Says what goes wrong, once as long as it does.
  void round() {
    auto done = follow_directory();
    if (done && clock_.steady() >= next_reading_) {
      done = look_at_kernel();
      next_reading_ = clock_.steady() + kReadingInterval;
    }
    const std::string fault = done ? "" : done.error().message;
    if (!fault.empty() && fault != fault_) log_.error("firewall: {}; {}", fault, done.error().advice);
    if (fault.empty() && !fault_.empty()) log_.info("firewall: goes on");
    fault_ = fault;
  }
  bool is_in_force() const { return applied_.has_value(); }

 private:
  Status follow_directory() {
    if (source_ == nullptr) {
      auto source = FirewallSource::open(configuration_);
      if (!source) return fail(source.error());
      source_ = std::move(*source);
    }
    const auto version = source_->version();
    if (!version) return fail(version.error());
    if (applied_ && *version == source_->snapshot().version()) return {};
    if (auto read = source_->refresh(); !read) return read;
    return apply();
  }

  Status apply() {
    auto kernel = read_table();
    if (!kernel) return fail(kernel.error());
    if (*kernel) traffic_ = std::move((*kernel)->traffic);
    if (auto replaced = replace_table(netpolicy::ruleset_of(source_->plan(), traffic_)); !replaced) return replaced;
    auto now = read_table();
    if (!now) return fail(now.error());
    if (!*now) return fail(ErrorCode::kConflict, "the table was removed as soon as it was made");
    applied_ = std::move(**now);
    log_.info("firewall: the table is as version {} of the directory says", source_->snapshot().version());
    return {};
  }

  Status look_at_kernel() {
    auto kernel = read_table();
    if (!kernel) return fail(kernel.error());
    const auto as_it_is = [](const std::string& element) { return element; };
    if (!*kernel || !netpolicy::differences(**kernel, *applied_, as_it_is, 1).empty()) {
      ++repairs_;
      log_.warning("firewall: the table was changed by somebody else; it is put back");
      if (auto applied = apply(); !applied) return applied;
    } else {
      traffic_ = std::move((*kernel)->traffic);
    }
    const OwnerRights rights{configuration_.node.data};
    return write_readings(configuration_.node.data,
                          {clock_.now(), traffic_.refused_users, traffic_.refused_addresses, repairs_,
                           netpolicy::traffic_of_tenants(source_->snapshot(), traffic_)});
  }

  const Configuration configuration_;
  Log& log_;
  SystemClock clock_;
  std::unique_ptr<FirewallSource> source_;
  std::optional<netpolicy::FirewallListing> applied_;  // what is in force, as the kernel tells it
  netpolicy::FirewallTraffic traffic_;                 // as last read; goes on after the table was removed
  std::uint64_t repairs_ = 0;
  SteadyTime next_reading_;
  std::string fault_;
};

}  // namespace

int firewall_follow(const std::string& configuration_file) {
  block_signals();
  const auto reading = read_configuration(configuration_file);
  for (const auto& fault : reading.faults) print_error(fault.text() + "\n");
  if (!reading.faults.empty()) return 1;
  StderrLog log;
  Follower follower{reading.configuration, log};
  bool has_told = false;
  for (;;) {
    follower.round();
    if (follower.is_in_force() && !has_told) {
      has_told = true;
      print_line("ready");
      notify_service_manager("READY=1");
    }
    if (wait_for_signal(kRound) == Signal::kStop) return 0;
  }
}

}  // namespace bulkhead::app
