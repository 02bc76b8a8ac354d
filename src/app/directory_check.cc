#include "src/app/directory_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include "src/base/random.h"
#include "tenants/dangling.h"

namespace bulkhead::app {

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
  std::vector<Finding> findings;
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
