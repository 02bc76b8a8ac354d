#include "src/app/firewall_command.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "netpolicy/firewall/listing.h"
#include "src/app/configuration.h"
#include "src/app/firewall_source.h"
#include "src/app/firewall_table.h"
#include "src/app/output.h"

namespace bulkhead::app {

namespace {

using Json = nlohmann::json;

int refuse(const Error& error) {
  print_error(fmt::format("bulkhead: {}\n", error.message));
  if (!error.advice.empty()) print_error(fmt::format("  {}\n", error.advice));
  return 1;
}

Result<std::unique_ptr<FirewallSource>> open_source(const std::string& configuration_file) {
  const auto reading = read_configuration(configuration_file);
  if (!reading.faults.empty()) return fail(ErrorCode::kInvalid, reading.faults.front().text());
  return FirewallSource::open(reading.configuration);
}

std::string printed(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

// What was found out about the kernel's table.
struct Comparison {
  std::vector<std::string> differences;
  netpolicy::FirewallTraffic traffic;
};

Result<Comparison> compare(const FirewallSource& source) {
  auto kernel = read_table();
  if (!kernel) return fail(kernel.error());
  if (!*kernel) return Comparison{{"the kernel has no table inet bulkhead"}, {}};
  const auto wanted = rehearse(netpolicy::ruleset_of(source.plan(), {}));
  if (!wanted) return fail(wanted.error());
  const netpolicy::TenantMarks marks{source.snapshot()};
  const auto text_of = [&](const std::string& element) {
    return netpolicy::element_text(source.snapshot(), marks, element);
  };
  return Comparison{netpolicy::differences(**kernel, *wanted, text_of), std::move((*kernel)->traffic)};
}

void print_json(const FirewallSource& source, const Comparison& found) {
  Json tenants = Json::array();
  for (const auto& each : netpolicy::traffic_of_tenants(source.snapshot(), found.traffic)) {
    const Json name = each.tenant.empty() ? Json{} : Json(each.tenant);
    tenants.push_back({{"tenant", name}, {"packets", each.traffic.packets}, {"bytes", each.traffic.bytes}});
  }
  print_line(printed({{"matches", found.differences.empty()},
                      {"differences", found.differences},
                      {"refused_users", found.traffic.refused_users},
                      {"refused_addresses", found.traffic.refused_addresses},
                      {"tenants", tenants}}));
}

void print_text(const FirewallSource& source, const Comparison& found) {
  for (const auto& difference : found.differences) print_line(difference);
  if (found.differences.empty()) print_line("the kernel has what the directory says");
  print_line(fmt::format("refused: {} connections of other users, {} from addresses that are not the tenant's",
                         found.traffic.refused_users, found.traffic.refused_addresses));
  for (const auto& each : netpolicy::traffic_of_tenants(source.snapshot(), found.traffic)) {
    if (each.traffic.packets == 0) continue;
    print_line(fmt::format("{}: {} packets, {} bytes", each.tenant.empty() ? "shared addresses" : each.tenant,
                           each.traffic.packets, each.traffic.bytes));
  }
}

}  // namespace

int firewall_print(const std::string& configuration_file, Form form) {
  const auto source = open_source(configuration_file);
  if (!source) return refuse(source.error());
  const std::string ruleset = netpolicy::ruleset_of((*source)->plan(), {});
  if (form == Form::kJson) {
    print_line(printed({{"ruleset", ruleset}}));
  } else {
    print_line(std::string_view{ruleset}.substr(0, ruleset.size() - 1));
  }
  return 0;
}

int firewall_apply(const std::string& configuration_file) {
  const auto source = open_source(configuration_file);
  if (!source) return refuse(source.error());
  const auto kernel = read_table();
  if (!kernel) return refuse(kernel.error());
  const auto carried = *kernel ? (*kernel)->traffic : netpolicy::FirewallTraffic{};
  const auto replaced = replace_table(netpolicy::ruleset_of((*source)->plan(), carried));
  return replaced ? 0 : refuse(replaced.error());
}

int firewall_check(const std::string& configuration_file, Form form) {
  const auto source = open_source(configuration_file);
  if (!source) return refuse(source.error());
  const auto found = compare(**source);
  if (!found) return refuse(found.error());
  form == Form::kJson ? print_json(**source, *found) : print_text(**source, *found);
  return found->differences.empty() ? 0 : 1;
}

}  // namespace bulkhead::app
