// Opens a connection to a destination: host after host, address after address, until one greets us.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "src/delivery/dead_hosts.h"
#include "src/delivery/parts.h"
#include "src/delivery/remote_connection.h"
#include "src/delivery/routing.h"
#include "src/delivery/targets.h"

namespace bulkhead::delivery {

// A connection that is ready for mail, or why there is none.
struct Opening {
  enum class Kind {
    kOpen,
    kFailed,     // an attempt was made, or the destination is known to be unreachable: `fate` and `answer`
    kNoSource,   // no connection was opened for want of a source address: `answer.text` says why
    kCancelled,  // the program is stopping
  } kind = Kind::kFailed;
  std::unique_ptr<RemoteConnection> connection;
  queue::Fate fate = queue::Fate::kDeferred;
  queue::Answer answer;
  std::string hold_code = "no-source";                  // of kNoSource
  std::optional<Target> last;                           // the target that the answer is about
  smtp::ClientStage stage = smtp::ClientStage::kOther;  // what it answered, when a server gave it
};

class Connector {
 public:
  Connector(const Parts& parts, const Settings& settings, DeadHosts& dead_hosts, net::TaskGroup& group)
      : parts_(parts), settings_(settings), dead_hosts_(dead_hosts), group_(group) {}

  // Tries the hosts in order. A host that does not answer, or refuses us before MAIL, is followed by the next.
  Task<Opening> open(Destination destination, TargetSearch search);

 private:
  // What is known so far while hosts are tried.
  struct Attempt {
    Opening opening;
    std::size_t connects = 0;
    std::size_t hosts_without = 0;  // hosts that do not exist or have no address
    bool has_temporary = false;     // something failed that may go better later
    std::string no_source;
    SteadyTime deadline;
    // The first that was passed by because it failed a while ago: tried after all when there is no other.
    std::optional<Target> passed_by;
  };
  Task<bool> try_host(const Destination& destination, const TargetSearch& search, std::string host, Attempt& attempt);
  Task<bool> try_target(Target target, tenants::RouteTls tls, Attempt& attempt);
  Task<bool> connect_to(Target target, tenants::RouteTls tls, Attempt& attempt);
  Task<std::unique_ptr<RemoteConnection>> connect(Target target, tenants::RouteTls tls, Attempt& attempt);
  void note_failure(Attempt& attempt, const Target& target, queue::Fate fate, queue::Answer answer,
                    smtp::ClientStage stage = smtp::ClientStage::kOther);
  void note_ending(Attempt& attempt, RemoteConnection& connection);
  static void conclude(const Destination& destination, Attempt& attempt);

  const Parts& parts_;
  const Settings& settings_;
  DeadHosts& dead_hosts_;
  net::TaskGroup& group_;
};

}  // namespace bulkhead::delivery
