// The part of RemoteWorker that finds the right connection for a message.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/delivery/fate.h"
#include "src/delivery/remote_worker.h"

namespace bulkhead::delivery {

namespace {
constexpr std::chrono::seconds kRouteKept{60};
}

// Whether the open connection leaves from the address that this message must leave from, as the directory and the
// host's addresses are now.
bool RemoteWorker::is_right_source(const queue::Message& message) const {
  const Target& target = connection_->remote->target();
  const auto directory = workshop_.parts.directory.snapshot();
  const auto addresses = workshop_.parts.host_addresses.current();
  const auto sources = sources_for(*directory, *addresses, message.tenant, message.arrival.ip);
  // Were the host known over the preferred family, too, the message would have to wait: looked at anew.
  if (sources.must_wait()) return false;
  const auto& source = sources.of(target.remote.ip.family());
  if (source.kind != netpolicy::SourceDecision::Kind::kUse || source.ip != target.source) return false;
  return target.helo == (source.helo.empty() ? workshop_.settings.node_name : source.helo);
}

// Whether the open connection is right for the job, as far as can be told without a look into the DNS.
bool RemoteWorker::is_known_right(const queue::Job& job) const {
  return connection_->domain == job.domain && connection_->directory == workshop_.parts.directory.snapshot() &&
         workshop_.parts.clock.steady() - connection_->routed_at < kRouteKept && is_right_source(*job.message);
}

// Whether the host that we are connected to is one that the job's domain, too, has now.
Task<bool> RemoteWorker::still_leads_here(Effort& effort) {
  if (!is_right_source(*effort.job.message)) co_return false;
  const auto directory = workshop_.parts.directory.snapshot();
  const Routing routing = co_await workshop_.router.route(directory, lane_.tenant, effort.job.domain);
  const Destination& destination = routing.destination;
  const Target& target = connection_->remote->target();
  const bool has_host =
      std::find(destination.hosts.begin(), destination.hosts.end(), target.host) != destination.hosts.end();
  if (routing.refusal || !has_host || destination.port != target.remote.port || destination.tls != connection_->tls) {
    co_return false;
  }
  connection_->domain = effort.job.domain;
  connection_->directory = directory;
  connection_->routed_at = workshop_.parts.clock.steady();
  co_return true;
}

// False: there is no connection, and the outcome says why.
Task<bool> RemoteWorker::ensure_connection(Effort& effort) {
  if (!connection_) connection_ = workshop_.idle.take(lane_);
  while (connection_) {
    bool is_right = connection_->remote->is_usable();
    if (is_right && !is_known_right(effort.job)) is_right = co_await still_leads_here(effort);
    if (is_right) co_return true;
    drop_connection();
    connection_ = workshop_.idle.take(lane_);
  }
  const bool is_open = co_await open_connection(effort);
  co_return is_open;
}

Task<bool> RemoteWorker::open_connection(Effort& effort) {
  const auto directory = workshop_.parts.directory.snapshot();
  const auto addresses = workshop_.parts.host_addresses.current();
  const queue::Message& message = *effort.job.message;
  TargetSearch search{workshop_.parts.resolver, workshop_.settings, addresses,
                      sources_for(*directory, *addresses, message.tenant, message.arrival.ip)};
  if (workshop_.parts.marks != nullptr) search.mark = workshop_.parts.marks->of(message.tenant);
  if (effort.outcome.recipients.empty()) effort.outcome = {};  // what was noted of an earlier connection
  Opening opening;
  if (!search.sources.has_any()) {
    opening.kind = Opening::Kind::kNoSource;
    opening.answer.text = search.sources.reason();
    opening.hold_code = search.sources.hold_code();
    give_up_opening(effort, opening);
    co_return false;
  }
  Routing routing = co_await workshop_.router.route(directory, lane_.tenant, effort.job.domain);
  if (routing.refusal) {
    give_up(effort, routing.refusal->fate, routing.refusal->answer);
    co_return false;
  }
  const tenants::RouteTls tls = routing.destination.tls;
  const std::string hold_code = search.sources.hold_code();
  opening = co_await workshop_.connector.open(std::move(routing.destination), std::move(search));
  if (opening.kind == Opening::Kind::kFailed && opening.last && workshop_.parts.gate != nullptr) {
    workshop_.parts.gate->answered(lane_, SiteGate::Answer::kUnreachable);
  }
  if (opening.kind != Opening::Kind::kOpen) {
    opening.hold_code = hold_code;
    give_up_opening(effort, opening);
    co_return false;
  }
  connection_ =
      LaneConnection{std::move(opening.connection), effort.job.domain, directory, workshop_.parts.clock.steady(), tls};
  co_return true;
}

void RemoteWorker::give_up_opening(Effort& effort, const Opening& opening) {
  queue::Outcome& outcome = effort.outcome;
  const bool is_untried = outcome.recipients.empty();
  switch (opening.kind) {
    case Opening::Kind::kNoSource:
      if (!is_untried) return give_up(effort, queue::Fate::kDeferred, own_answer("4.4.0", opening.answer.text));
      outcome.kind = queue::Outcome::Kind::kHeld;
      outcome.hold_code = opening.hold_code;
      outcome.reason = opening.answer.text;
      return effort.pending.clear();
    case Opening::Kind::kCancelled:
      if (!is_untried) return give_up(effort, queue::Fate::kDeferred, own_answer("4.3.2", "the server is stopping"));
      outcome.kind = queue::Outcome::Kind::kUnsent;
      return effort.pending.clear();
    case Opening::Kind::kFailed:
    case Opening::Kind::kOpen:
      break;
  }
  if (opening.last) {
    outcome.source = opening.last->source;
    outcome.remote = opening.last->text();
    outcome.remote_mta = opening.last->host;
  }
  // Every pending recipient has the same answer: the first is read, the others are told what it means.
  queue::RecipientOutcome read{.fate = opening.fate, .answer = opening.answer};
  (void)reading_.read(read, opening.stage, outcome);
  const std::size_t known = outcome.recipients.size();
  give_up(effort, read.fate, opening.answer);
  for (std::size_t i = known; i < outcome.recipients.size(); ++i) {
    outcome.recipients[i].reply_class = read.reply_class;
    outcome.recipients[i].rule = read.rule;
  }
  reading_.report(*effort.job.message, outcome, known);
}

}  // namespace bulkhead::delivery
