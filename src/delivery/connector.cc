#include "src/delivery/connector.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/delivery/fate.h"
#include "src/net/listener.h"

namespace bulkhead::delivery {

namespace {

// The enhanced code for an opening that ended without a reply (RFC 3463 §3.5).
std::string_view enhanced_of(smtp::ClientEnding::Kind kind) {
  switch (kind) {
    case smtp::ClientEnding::Kind::kTlsMissing:
      return "4.7.4";
    case smtp::ClientEnding::Kind::kProtocolBroken:
      return "4.5.0";
    default:
      return "4.4.2";
  }
}

}  // namespace

Task<Opening> Connector::open(Destination destination, TargetSearch search) {
  Attempt attempt;
  attempt.deadline = parts_.clock.steady() + settings_.timeouts.opening;
  for (const std::string& host : destination.hosts) {
    const bool is_over = co_await try_host(destination, search, host, attempt);
    if (is_over || attempt.connects >= settings_.connects_max || parts_.clock.steady() >= attempt.deadline) break;
  }
  // An attempt is a real one: what is remembered spares other hosts' mail the wait, it does not answer for the last.
  const bool is_open = attempt.opening.kind == Opening::Kind::kFailed && attempt.connects == 0;
  if (is_open && attempt.passed_by) {
    auto connecting = connect_to(*attempt.passed_by, destination.tls, attempt);
    co_await std::move(connecting);
  }
  conclude(destination, attempt);
  co_return std::move(attempt.opening);
}

// Whether the search is over.
Task<bool> Connector::try_host(const Destination& destination, const TargetSearch& search, std::string host,
                               Attempt& attempt) {
  Targets found = co_await find_targets(search, destination, host);
  if (group_.is_cancelled()) attempt.opening.kind = Opening::Kind::kCancelled;
  if (attempt.opening.kind == Opening::Kind::kCancelled) co_return true;
  switch (found.kind) {
    case Targets::Kind::kFound:
      break;
    case Targets::Kind::kNoSource:
      attempt.no_source = std::move(found.reason);
      // Nor does mail that waits for its address go to a less preferred host instead.
      co_return search.sources.must_wait();
    case Targets::Kind::kNone:
      ++attempt.hosts_without;
      co_return false;
    case Targets::Kind::kUnknown:
      attempt.has_temporary = true;
      attempt.opening.answer = own_answer("4.4.3", "the DNS did not tell the address of " + host);
      co_return false;
    case Targets::Kind::kLoop:
      // What is less preferred than ourselves is not tried (RFC 5321 §5.1).
      if (attempt.connects == 0 && !attempt.has_temporary) {
        attempt.opening.fate = queue::Fate::kFailed;
        attempt.opening.answer = own_answer("5.4.6", "mail loops back: " + found.reason);
      }
      co_return true;
  }
  for (const Target& target : found.targets) {
    if (attempt.connects >= settings_.connects_max || parts_.clock.steady() >= attempt.deadline) co_return true;
    const bool is_over = co_await try_target(target, destination.tls, attempt);
    if (is_over) co_return true;
  }
  co_return false;
}

Task<bool> Connector::try_target(Target target, tenants::RouteTls tls, Attempt& attempt) {
  const auto since = parts_.gate == nullptr ? SteadyTime::min() : parts_.gate->tried_again_at();
  if (auto failure = dead_hosts_.failure(target.source, target.remote, since)) {
    const bool is_rested = parts_.clock.steady() - failure->at >= settings_.probe_after;
    if (is_rested && !attempt.passed_by) attempt.passed_by = target;
    note_failure(attempt, target, queue::Fate::kDeferred, own_answer("4.4.1", std::move(failure->why)));
    co_return false;
  }
  co_return co_await connect_to(std::move(target), tls, attempt);
}

// Whether the search is over.
Task<bool> Connector::connect_to(Target target, tenants::RouteTls tls, Attempt& attempt) {
  ++attempt.connects;
  auto connection = co_await connect(target, tls, attempt);
  if (connection != nullptr && connection->has_failed_handshake() && tls == tenants::RouteTls::kOpportunistic) {
    // Where TLS is a bonus, mail that cannot have it goes in clear, as RFC 7435 says.
    connection = co_await connect(target, tenants::RouteTls::kNone, attempt);
  }
  if (attempt.opening.kind != Opening::Kind::kFailed) co_return true;
  if (connection == nullptr) co_return false;
  if (connection->session().phase() == smtp::ClientPhase::kReady) {
    attempt.opening.kind = Opening::Kind::kOpen;
    attempt.opening.connection = std::move(connection);
    co_return true;
  }
  note_ending(attempt, *connection);
  co_return false;
}

// Connects and greets; null when nobody answered. The connection may have ended in the greeting.
Task<std::unique_ptr<RemoteConnection>> Connector::connect(Target target, tenants::RouteTls tls, Attempt& attempt) {
  net::ConnectOptions options;
  options.source = target.source;
  options.timeout = settings_.timeouts.connect;
  options.group = &group_;
  options.mark = target.mark;
  auto stream = co_await net::connect(parts_.shard, target.remote, options);
  const std::string source = target.source.text();
  if (!stream) {
    const Error& error = stream.error();
    parts_.metrics.delivery_connection(source, error.code == ErrorCode::kConflict ? "no_source" : "failed");
    if (error.code == ErrorCode::kCancelled) attempt.opening.kind = Opening::Kind::kCancelled;
    if (error.code == ErrorCode::kConflict) {
      attempt.opening.kind = Opening::Kind::kNoSource;
      attempt.opening.answer.text = fmt::format("the source address {} cannot be used: {}", source, error.message);
    }
    if (attempt.opening.kind != Opening::Kind::kFailed) co_return nullptr;
    std::string why = fmt::format("no connection from {} to {}: {}", source, target.text(), error.message);
    dead_hosts_.failed(target.source, target.remote, why);
    note_failure(attempt, target, queue::Fate::kDeferred, own_answer("4.4.1", std::move(why)));
    co_return nullptr;
  }
  auto connection =
      std::make_unique<RemoteConnection>(std::move(*stream), std::move(target), tls, settings_.timeouts, parts_.clock);
  {
    net::TaskGroup::CancelHook hook{group_, [&remote = *connection] { remote.cancel(); }};
    co_await connection->open();
  }
  const bool is_ready = connection->session().phase() == smtp::ClientPhase::kReady;
  parts_.metrics.delivery_connection(source, is_ready ? "ok" : "refused");
  if (!is_ready && group_.is_cancelled()) attempt.opening.kind = Opening::Kind::kCancelled;
  if (connection->session().has_tls()) {
    parts_.metrics.tls_handshake("delivery", connection->has_verified_tls() ? "verified" : "ok");
  } else if (connection->has_failed_handshake()) {
    parts_.metrics.tls_handshake("delivery", "failed");
  }
  co_return connection;
}

void Connector::note_failure(Attempt& attempt, const Target& target, queue::Fate fate, queue::Answer answer,
                             smtp::ClientStage stage) {
  // A host that may answer later outweighs one that will never.
  if (fate == queue::Fate::kFailed && attempt.has_temporary) return;
  attempt.has_temporary = attempt.has_temporary || fate == queue::Fate::kDeferred;
  attempt.opening.fate = fate;
  attempt.opening.answer = std::move(answer);
  attempt.opening.last = target;
  attempt.opening.stage = stage;
}

void Connector::note_ending(Attempt& attempt, RemoteConnection& connection) {
  const smtp::ClientEnding& ending = connection.session().ending();
  const Target& target = connection.target();
  if (ending.reply.code != 0) {
    queue::Answer answer = answer_of(ending.reply);
    const queue::Fate fate = fate_of(answer, ending.stage);
    return note_failure(attempt, target, fate, std::move(answer), ending.stage);
  }
  if (ending.kind == smtp::ClientEnding::Kind::kLost && !connection.has_failed_handshake()) {
    // It took the connection and said nothing: as dead as one that does not answer.
    dead_hosts_.failed(target.source, target.remote, fmt::format("{}: {}", target.text(), ending.why));
  }
  note_failure(attempt, target, queue::Fate::kDeferred,
               own_answer(enhanced_of(ending.kind), fmt::format("{}: {}", target.text(), ending.why)));
}

void Connector::conclude(const Destination& destination, Attempt& attempt) {
  Opening& opening = attempt.opening;
  if (opening.kind != Opening::Kind::kFailed || attempt.connects > 0 || opening.last) return;
  if (!attempt.no_source.empty() && !attempt.has_temporary) {
    opening.kind = Opening::Kind::kNoSource;
    opening.answer.text = std::move(attempt.no_source);
  } else if (!attempt.has_temporary && opening.fate != queue::Fate::kFailed) {
    // Each host definitely does not exist, or has no address. A route's host is for the operator to put right.
    if (destination.is_route) {
      opening.answer = own_answer("4.4.4", "the host of the route does not exist: " + destination.hosts.front());
      return;
    }
    opening.fate = queue::Fate::kFailed;
    opening.answer = own_answer("5.1.2", "the domain has no mail host that exists");
  }
}

}  // namespace bulkhead::delivery
