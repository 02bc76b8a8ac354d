#include "src/app/dns_check.h"

#include <future>

#include <fmt/format.h>

#include "src/app/endpoint_texts.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"

namespace bulkhead::app {

namespace {

constexpr std::size_t kServersMax = 8;
constexpr std::chrono::milliseconds kAttemptTimeout{1000};
constexpr std::chrono::milliseconds kTotalTimeout{3000};

struct Probe {
  std::string server;
  Status outcome;
  std::chrono::microseconds took{0};
};

// One question each, with a resolver of its own, so that no other server answers in its place.
Task<void> ask_each(net::Shard& shard, std::vector<std::string> servers, std::string name,
                    std::promise<std::vector<Probe>>& done) {
  const SystemClock clock;
  std::vector<Probe> probes;
  for (const auto& server : servers) {
    net::ResolverOptions options{.servers = {server}};
    options.attempt_timeout = kAttemptTimeout;
    options.total_timeout = kTotalTimeout;
    auto resolver = net::make_cares_resolver(shard, clock, options);
    if (!resolver) {
      probes.push_back({server, fail(resolver.error())});
      continue;
    }
    const auto began = clock.steady();
    auto asking = (*resolver)->addresses(name, Family::kIpv4);
    const auto answer = co_await std::move(asking);
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(clock.steady() - began);
    // That there is no such name is an answer, too.
    const bool is_answer = answer || answer.error().code == ErrorCode::kNotFound;
    probes.push_back({server, is_answer ? Status{} : fail(answer.error()), took});
  }
  done.set_value(std::move(probes));
}

Finding finding_of(const Probe& probe, bool is_any_alive) {
  if (probe.outcome) {
    return {Severity::kOk,
            fmt::format("DNS server {} answers in {:.1f} ms", probe.server,
                        std::chrono::duration<double, std::milli>{probe.took}.count()),
            ""};
  }
  const auto severity = is_any_alive ? Severity::kWarning : Severity::kFault;
  const auto& error = probe.outcome.error();
  if (error.code == ErrorCode::kTimeout) {
    return {severity, "DNS server " + probe.server + " does not answer",
            "every question waits for it: mend or remove it"};
  }
  return {severity, fmt::format("DNS server {} gives no usable answer: {}", probe.server, error.message),
          "mail needs a resolver that answers for every domain"};
}

}  // namespace

std::vector<Finding> check_dns(const Configuration& configuration, Log& log) {
  const bool is_configured = !configuration.dns.servers.empty();
  auto servers = is_configured ? texts_of(configuration.dns.servers) : net::system_dns_servers();
  if (servers.empty()) {
    return {{Severity::kFault, "there is no DNS server", "name one in dns.servers or in /etc/resolv.conf"}};
  }
  if (servers.size() > kServersMax) servers.resize(kServersMax);
  net::Runtime runtime{1};
  net::TaskGroup group{runtime.shard(0), log};
  std::promise<std::vector<Probe>> done;
  runtime.start();
  runtime.shard(0).post([&] { group.spawn(ask_each(runtime.shard(0), servers, configuration.node.name, done)); });
  const auto probes = done.get_future().get();
  runtime.stop();
  bool is_any_alive = false;
  for (const auto& probe : probes) is_any_alive = is_any_alive || probe.outcome.has_value();
  std::vector<Finding> findings;
  for (const auto& probe : probes) findings.push_back(finding_of(probe, is_any_alive));
  return findings;
}

}  // namespace bulkhead::app
