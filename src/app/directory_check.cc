#include "src/app/directory_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include "src/app/notifier.h"
#include "src/base/random.h"
#include "tenants/dangling.h"

namespace bulkhead::app {

namespace {

// Whether the operator's mails have a tenant that they can leave by.
std::vector<Finding> check_notices(const Configuration::Notify& notify, const tenants::Snapshot& directory) {
  if (!notify.tenant.empty() && directory.tenant_by_name(notify.tenant) == nullptr) {
    return {{Severity::kFault, fmt::format("notify.tenant: there is no tenant {}", notify.tenant),
             "name the tenant whose addresses the notices are to leave from"}};
  }
  if (notify.operator_address.empty() || !house_tenant(directory, notify).is_nil()) return {};
  return {{Severity::kFault,
           fmt::format("notify.operator: {} is not of a domain here, so that nobody is told of anything",
                       notify.operator_address),
           "name the tenant whose addresses the notices are to leave from, as notify.tenant"}};
}

}  // namespace

std::vector<Finding> check_targets(const Configuration& configuration) {
  const std::string file = configuration.node.data + "/directory.sqlite";
  if (::access(file.c_str(), F_OK) != 0) return {};
  SystemClock clock;
  SystemRandom random;
  const auto failed = [](const Error& error) {
    return std::vector<Finding>{{Severity::kFault, "the directory: " + error.message, error.advice}};
  };
  const auto directory = tenants::open_sqlite_directory(file, clock, random);
  if (!directory) return {};  // the check of the addresses says why
  auto rows = (*directory)->snapshot_rows();
  if (!rows) return failed(rows.error());
  const tenants::Snapshot snapshot{std::move(*rows), {}};
  const auto dangling = tenants::find_dangling(**directory, snapshot, {});
  if (!dangling) return failed(dangling.error());
  std::vector<Finding> findings = check_notices(configuration.notify, snapshot);
  for (const auto& each : dangling->found) {
    const auto target = each.target.text();
    const auto alias = (*directory)->alias_by_address(each.target);
    const bool is_alias = alias && *alias;
    findings.push_back(
        {Severity::kWarning,
         fmt::format("{} leads to {}, which {}", each.holder, target,
                     is_alias ? "is an alias that leads to nobody" : "does not exist"),
         is_alias ? "see: bulkhead alias show " + target : "make it with: bulkhead account add " + target});
  }
  if (!dangling->is_complete) {
    findings.push_back(
        {Severity::kWarning, "not every alias was looked at: there may be more that lead to nobody", ""});
  }
  return findings;
}

}  // namespace bulkhead::app
