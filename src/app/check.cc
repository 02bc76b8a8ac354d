#include "src/app/check.h"

#include <algorithm>
#include <future>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "netpolicy/address_check.h"
#include "netpolicy/host_addresses.h"
#include "src/app/configuration.h"
#include "src/app/directory_check.h"
#include "src/app/dns_check.h"
#include "src/app/endpoint_texts.h"
#include "src/app/files_check.h"
#include "src/app/host_check.h"
#include "src/app/output.h"
#include "src/base/random.h"
#include "src/net/resolver.h"
#include "src/net/shard.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

namespace {

using Facts = std::vector<netpolicy::AddressFacts>;

// A task of one shard whose result the main thread waits for.
Task<void> gather_all(net::Resolver& resolver, std::vector<netpolicy::AddressCheckSubject> subjects,
                      const netpolicy::HostAddresses& host, std::promise<Facts>& done) {
  Facts facts;
  for (const auto& subject : subjects) {
    facts.push_back(co_await netpolicy::gather_facts(resolver, subject, host.contains(subject.ip)));
  }
  done.set_value(std::move(facts));
}

Result<std::vector<netpolicy::AddressCheckSubject>> subjects_of(const Configuration& configuration) {
  const std::string file = configuration.node.data + "/directory.sqlite";
  if (::access(file.c_str(), F_OK) != 0) return std::vector<netpolicy::AddressCheckSubject>{};
  SystemClock clock;
  SystemRandom random;
  auto directory = tenants::open_sqlite_directory(file, clock, random);
  if (!directory) return fail(directory.error());
  auto rows = (*directory)->snapshot_rows();
  if (!rows) return fail(rows.error());
  const tenants::Snapshot snapshot{std::move(*rows), {}};
  std::vector<netpolicy::AddressCheckSubject> subjects;
  for (const auto& address : snapshot.addresses()) {
    subjects.push_back(netpolicy::subject_of(snapshot, address, configuration.node.name));
  }
  return subjects;
}

Facts gather(const Configuration& configuration, const std::vector<netpolicy::AddressCheckSubject>& subjects,
             Log& log) {
  auto host = netpolicy::HostAddressMonitor::start(log);
  const auto present = host ? (*host)->current() : std::make_shared<const netpolicy::HostAddresses>();
  SystemClock clock;
  net::Runtime runtime{1};
  auto resolver = net::make_cares_resolver(runtime.shard(0), clock, {.servers = texts_of(configuration.dns.servers)});
  if (!resolver) return {};
  net::TaskGroup group{runtime.shard(0), log};
  std::promise<Facts> done;
  runtime.start();
  runtime.shard(0).post([&] { group.spawn(gather_all(**resolver, subjects, *present, done)); });
  Facts facts = done.get_future().get();
  runtime.stop();
  return facts;
}

Finding finding_of(const netpolicy::AddressFacts& facts, const netpolicy::Finding& finding) {
  using From = netpolicy::Finding::Severity;
  Severity severity = Severity::kOk;
  if (finding.severity == From::kWarning) severity = Severity::kWarning;
  if (finding.severity == From::kFailure) severity = Severity::kFault;
  const auto ip = facts.subject.ip.text();
  return {severity, finding.what.starts_with(ip) ? finding.what : ip + ": " + finding.what, finding.advice};
}

std::vector<Finding> check_addresses(const Configuration& configuration, Log& log) {
  const auto subjects = subjects_of(configuration);
  if (!subjects) return {{Severity::kFault, "the directory: " + subjects.error().message, subjects.error().advice}};
  if (subjects->empty()) {
    return {{Severity::kWarning, "the directory has no source addresses",
             "add one with: bulkhead address add 192.0.2.10 --tenant acme, with your address and tenant"}};
  }
  std::vector<Finding> findings;
  for (const auto& facts : gather(configuration, *subjects, log)) {
    for (const auto& finding : netpolicy::compare(facts)) findings.push_back(finding_of(facts, finding));
  }
  return findings;
}

void add_all(std::vector<Finding>& findings, std::vector<Finding> more) {
  std::ranges::move(more, std::back_inserter(findings));
}

// All that the configuration speaks of: each part is looked at, whatever is wrong with the others.
std::vector<Finding> look_around(const Configuration& configuration) {
  StderrLog log{LogLevel::kWarning};
  auto findings = check_host(configuration);
  add_all(findings, check_files(configuration));
  add_all(findings, check_dns(configuration, log));
  add_all(findings, check_addresses(configuration, log));
  add_all(findings, check_targets(configuration));
  return findings;
}

const char* name_of(Severity severity) {
  switch (severity) {
    case Severity::kOk:
      return "ok";
    case Severity::kWarning:
      return "warning";
    case Severity::kFault:
      return "fault";
  }
  return "";
}

void print_text(const std::vector<Finding>& findings) {
  for (const auto& finding : findings) {
    const auto* joint = finding.advice.empty() ? "" : finding.what.ends_with('.') ? " " : "; ";
    print_line(fmt::format("{:<8} {}{}{}", name_of(finding.severity), finding.what, joint, finding.advice));
  }
}

void print_json(const std::vector<Finding>& findings) {
  auto list = nlohmann::json::array();
  for (const auto& finding : findings) {
    list.push_back({{"severity", name_of(finding.severity)}, {"what", finding.what}, {"advice", finding.advice}});
  }
  print_line(list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace

int check(const std::string& configuration_file, Form form) {
  const auto reading = read_configuration(configuration_file);
  std::vector<Finding> findings;
  for (const auto& fault : reading.faults) findings.push_back({Severity::kFault, fault.text(), ""});
  // A file that cannot be read as a whole says nothing of what to look at; single faults do not hide the others.
  const bool is_unreadable = std::ranges::any_of(reading.faults, [](const auto& fault) { return fault.key.empty(); });
  if (reading.faults.empty()) {
    findings.push_back({Severity::kOk, configuration_file + " is a valid configuration", ""});
  } else if (!is_unreadable) {
    findings.push_back({Severity::kWarning, "the rest was checked as if the faulty keys were not there", ""});
  }
  if (is_unreadable) {
    add_all(findings, check_any_host());
    findings.push_back({Severity::kWarning, "user, data, ports, TLS, DNS and addresses were not looked at",
                        "they are when the file can be read: mend it and check again"});
  } else {
    add_all(findings, look_around(reading.configuration));
  }
  form == Form::kJson ? print_json(findings) : print_text(findings);
  const bool has_fault = std::any_of(findings.begin(), findings.end(),
                                     [](const Finding& finding) { return finding.severity == Severity::kFault; });
  return has_fault ? 1 : 0;
}

}  // namespace bulkhead::app
