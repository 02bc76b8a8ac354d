#include "src/app/serve.h"

#include <algorithm>
#include <cstdlib>

#include <fmt/format.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/app/configuration.h"
#include "src/app/node.h"
#include "src/app/output.h"
#include "src/app/process_memory.h"
#include "src/app/service_notification.h"
#include "src/app/signals.h"
#include "src/base/log.h"

namespace bulkhead::app {

namespace {

// A connection is a descriptor: take as many as the hard limit gives.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

int refuse(const Error& error) {
  print_error(fmt::format("bulkhead: {}{}{}\n", error.message, error.advice.empty() ? "" : "; ", error.advice));
  return 1;
}

bool gives_up_root(const Configuration& configuration) {
  return ::geteuid() == 0 && !configuration.node.user.empty();
}

// A file with a fault changes nothing; so does a certificate that cannot be used.
void reload(Node& node, const std::string& configuration_file, Log& log) {
  const auto reading = read_configuration(configuration_file);
  for (const auto& fault : reading.faults) log.error("not reloaded, the old settings stay: {}", fault.text());
  if (reading.faults.empty()) {
    if (const auto changed = node.change(reading.configuration); !changed) {
      log.error("not reloaded, the old settings stay: {}; {}", changed.error().message, changed.error().advice);
    }
  }
  if (const auto reloaded = node.reload_certificate(); !reloaded) {
    log.error("not reloaded, the old certificate stays: {}; {}", reloaded.error().message, reloaded.error().advice);
  }
}

}  // namespace

std::string configuration_path(const std::string& option) {
  if (!option.empty()) return option;
  const char* from_environment = std::getenv("BULKHEAD_CONFIG");  // NOLINT(concurrency-mt-unsafe): one thread yet
  return from_environment != nullptr && *from_environment != '\0' ? from_environment : kUsualConfiguration;
}

int serve(const std::string& configuration_file) {
  block_signals();
  bound_allocator();
  const auto reading = read_configuration(configuration_file);
  for (const auto& fault : reading.faults) print_error(fault.text() + "\n");
  if (!reading.faults.empty()) return 1;
  raise_descriptor_limit();

  StderrLog log;
  const auto& tls = reading.configuration.tls;
  CertificateReader certificate{tls.certificate, tls.key};
  if (gives_up_root(reading.configuration) && !tls.key.empty()) {
    if (auto started = certificate.start_helper(); !started) return refuse(started.error());
  }
  auto node = Node::open(reading.configuration, tls.key.empty() ? nullptr : &certificate, log);
  if (!node) return refuse(node.error());
  if (auto started = (*node)->start(); !started) return refuse(started.error());
  print_line("ready");
  notify_service_manager("READY=1");

  while (wait_for_signal() == Signal::kReload) reload(**node, configuration_file, log);
  notify_service_manager("STOPPING=1");
  (*node)->stop();
  return 0;
}

}  // namespace bulkhead::app
