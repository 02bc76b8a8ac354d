#include "netpolicy/address_check.h"

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

using netpolicy::Finding;

std::string_view severity_name(Finding::Severity severity) {
  switch (severity) {
    case Finding::Severity::kOk:
      return "ok";
    case Finding::Severity::kWarning:
      return "warning";
    case Finding::Severity::kFailure:
      return "failure";
  }
  return "failure";
}

Json findings_json(const IpAddress& ip, const std::vector<Finding>& findings) {
  Json items = Json::array();
  bool is_ok = true;
  for (const auto& finding : findings) {
    is_ok = is_ok && finding.severity != Finding::Severity::kFailure;
    items.push_back(Json{{"severity", severity_name(finding.severity)},
                         {"what", finding.what},
                         {"advice", finding.advice.empty() ? Json(nullptr) : Json(finding.advice)}});
  }
  return Json{{"ip", ip.text()}, {"ok", is_ok}, {"findings", std::move(items)}};
}

}  // namespace

Task<Result<Json>> check_address(const AdminServices& services, net::Shard& shard, Call call) {
  const auto address = find_address(services, call.caller, call.in_path("address"));
  if (!address) co_return fail(address.error());
  auto subject = netpolicy::subject_of(*services.live.snapshot(), *address, services.node_name);
  const bool is_present = services.host.current()->contains(address->ip);
  net::Resolver& resolver = services.resolver(shard.index());
  const auto facts = co_await netpolicy::gather_facts(resolver, std::move(subject), is_present);
  co_return findings_json(address->ip, netpolicy::compare(facts));
}

}  // namespace bulkhead::admin
