// The records to publish for a domain: who receives its mail, and which addresses may send it.
#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

using Addresses = std::vector<const tenants::SourceAddress*>;

Json record(std::string name, const char* type, std::string value, const char* purpose) {
  return Json{{"name", std::move(name)}, {"type", type}, {"value", std::move(value)}, {"purpose", purpose}};
}

const std::string& helo_of(const AdminServices& services, const tenants::SourceAddress& address) {
  return address.helo.empty() ? services.node_name : address.helo;
}

Addresses usable(const tenants::Snapshot& snapshot, const TenantId& tenant) {
  Addresses all;
  for (const auto family : {Family::kIpv4, Family::kIpv6}) {
    const Addresses& some = snapshot.usable_addresses(tenant, family);
    all.insert(all.end(), some.begin(), some.end());
  }
  return all;
}

// RFC 7208: the tenant's addresses and no others. "~all" while nothing may send would be a promise about nobody.
std::string spf_of(const Addresses& addresses) {
  std::string spf = "v=spf1";
  for (const auto* address : addresses) {
    spf += fmt::format(" {}:{}", address->ip.family() == Family::kIpv4 ? "ip4" : "ip6", address->ip.text());
  }
  return spf + (addresses.empty() ? " ~all" : " -all");
}

// "1.2.0.192.in-addr.arpa." or the nibbles of RFC 3596 §2.5.
std::string reverse_name(const IpAddress& ip) {
  const auto bytes = ip.bytes();
  std::string name;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte) {
    const auto value = static_cast<unsigned char>(*byte);
    name +=
        ip.family() == Family::kIpv4 ? fmt::format("{}.", value) : fmt::format("{:x}.{:x}.", value & 15U, value >> 4U);
  }
  return name + (ip.family() == Family::kIpv4 ? "in-addr.arpa." : "ip6.arpa.");
}

void add_exchange(Json& records, const AdminServices& services, const std::string& domain, const Addresses& addresses) {
  const auto& host = addresses.empty() ? services.node_name : helo_of(services, *addresses.front());
  records.push_back(
      record(domain + ".", "MX", fmt::format("10 {}.", host), "mail for the domain comes to this server"));
}

}  // namespace

Result<Json> domain_dns_records(const AdminServices& services, const Call& call) {
  const auto domain = find_domain(services, call.caller, call.in_path("domain"));
  if (!domain) return fail(domain.error());
  const auto snapshot = services.live.snapshot();
  const auto addresses = usable(*snapshot, domain->tenant);
  Json records = Json::array();
  add_exchange(records, services, domain->name, addresses);
  records.push_back(record(domain->name + ".", "TXT", spf_of(addresses), "SPF: only these addresses send its mail"));
  records.push_back(record("_dmarc." + domain->name + ".", "TXT",
                           fmt::format("v=DMARC1; p=none; rua=mailto:postmaster@{}", domain->name),
                           "DMARC: reports first; tighten p when they are clean"));
  for (const auto* address : addresses) {
    const auto& helo = helo_of(services, *address);
    const bool is_v4 = address->ip.family() == Family::kIpv4;
    records.push_back(
        record(helo + ".", is_v4 ? "A" : "AAAA", address->ip.text(), "the name that this address greets with"));
    records.push_back(record(reverse_name(address->ip), "PTR", helo + ".", "set by the owner of the IP network"));
  }
  return Json{{"domain", domain->name}, {"records", std::move(records)}};
}

}  // namespace bulkhead::admin
