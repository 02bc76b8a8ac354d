#include "netpolicy/firewall/firewall_plan.h"

#include <algorithm>
#include <charconv>
#include <string_view>
#include <tuple>

#include <fmt/format.h>

namespace bulkhead::netpolicy {

namespace {

constexpr std::string_view kBetween = " . ";

// An element as nftables names it, taken apart; either part may be missing.
struct Element {
  std::optional<IpAddress> address;
  Mark mark = 0;
};

Element parse_element(std::string_view text) {
  Element element;
  const auto at = text.find(kBetween);
  const auto address = at == std::string_view::npos ? text : text.substr(0, at);
  const auto mark = at == std::string_view::npos ? text : text.substr(at + kBetween.size());
  element.address = IpAddress::parse(address);
  if (!element.address || at != std::string_view::npos) {
    std::from_chars(mark.data(), mark.data() + mark.size(), element.mark);
  }
  return element;
}

std::string name_with_family(std::string_view set, Family family) {
  return fmt::format("{}{}", set, family == Family::kIpv4 ? 4 : 6);
}

void add_marked(const tenants::Snapshot& directory, FirewallPlan& plan) {
  const TenantMarks marks{directory};
  for (const auto* set : {"pairs4", "pairs6", "shared4", "shared6", "sharing"}) plan.sets[set];
  for (const auto& address : directory.addresses()) {
    const Family family = address.ip.family();
    if (!address.tenant) {
      plan.sets[name_with_family("shared", family)].push_back(address.ip.text());
    } else if (const Mark mark = marks.of(*address.tenant); mark != 0) {
      const auto element = fmt::format("{}{}{}", address.ip.text(), kBetween, mark);
      plan.sets[name_with_family("pairs", family)].push_back(element);
    }
  }
  for (const auto& tenant : directory.tenants()) {
    if (!tenant.shares_addresses || directory.has_own_address(tenant.id)) continue;
    plan.sets["sharing"].push_back(fmt::format("{}", marks.of(tenant.id)));
  }
}

void add_unmarked(const tenants::Snapshot& directory, FirewallPlan& plan) {
  for (const auto* set : {"sources4", "sources6"}) plan.sets[set];
  for (const auto& address : directory.addresses()) {
    plan.sets[name_with_family("sources", address.ip.family())].push_back(address.ip.text());
  }
}

std::string_view type_of(std::string_view set) {
  if (set == "sharing") return "mark";
  if (set.starts_with("pairs")) return set.ends_with('4') ? "ipv4_addr . mark" : "ipv6_addr . mark";
  return set.ends_with('4') ? "ipv4_addr" : "ipv6_addr";
}

// The sets of shared addresses only say who may: what leaves there is counted by its tenant's mark.
bool is_counting(std::string_view set) {
  return !set.starts_with("shared");
}

Traffic carried_of(const FirewallTraffic& carried, const std::string& set, const std::string& element) {
  const auto found = carried.sets.find(set);
  if (found == carried.sets.end()) return {};
  const auto at = found->second.find(element);
  return at == found->second.end() ? Traffic{} : at->second;
}

void write_set(const std::string& name, const std::vector<std::string>& elements, const FirewallTraffic& carried,
               std::string& out) {
  out += fmt::format("  set {} {{\n    type {}\n{}", name, type_of(name), is_counting(name) ? "    counter\n" : "");
  std::string_view before = "    elements = {\n      ";
  for (const auto& element : elements) {
    out += before;
    before = ",\n      ";
    out += element;
    if (!is_counting(name)) continue;
    const Traffic traffic = carried_of(carried, name, element);
    out += fmt::format(" counter packets {} bytes {}", traffic.packets, traffic.bytes);
  }
  out += elements.empty() ? "  }\n" : "\n    }\n  }\n";
}

// A new connection is judged by its first packet; what follows is only counted. The user is not known of every later
// packet: the kernel still sends for sockets that their process has closed.
std::string rules_of(const FirewallPlan& plan) {
  const std::string counting = plan.settings.has_marks ? R"(    ip saddr . meta mark @pairs4 accept
    ip6 saddr . meta mark @pairs6 accept
)"
                                                       : R"(    ip saddr @sources4 accept
    ip6 saddr @sources6 accept
)";
  const std::string sharing = R"(    ip saddr @shared4 meta mark @sharing accept
    ip6 saddr @shared6 meta mark @sharing accept
)";
  return fmt::format(R"(  chain output {{
    type filter hook output priority filter; policy accept;
    oifname "lo" accept
    tcp dport {{ {} }} goto leaving
  }}
  chain leaving {{
    tcp flags & (syn | ack) == syn goto opening
{}{}  }}
  chain opening {{
    meta skuid {} goto server
    counter name refused_users reject with icmpx admin-prohibited
  }}
  chain server {{
{}{}    counter name refused_addresses reject with icmpx admin-prohibited
  }}
)",
                     fmt::join(plan.settings.ports, ", "), counting, plan.settings.has_marks ? sharing : "",
                     plan.settings.uid, counting, plan.settings.has_marks ? sharing : "");
}

}  // namespace

FirewallPlan plan_firewall(const tenants::Snapshot& directory, FirewallSettings settings) {
  FirewallPlan plan{std::move(settings), {}};
  std::ranges::sort(plan.settings.ports);
  const auto repeated = std::ranges::unique(plan.settings.ports);
  plan.settings.ports.erase(repeated.begin(), repeated.end());
  if (plan.settings.has_marks) {
    add_marked(directory, plan);
  } else {
    add_unmarked(directory, plan);
  }
  for (auto& [name, elements] : plan.sets) std::ranges::sort(elements);
  return plan;
}

std::string ruleset_of(const FirewallPlan& plan, const FirewallTraffic& carried) {
  // Adding it first makes the deletion right whether or not there is one.
  std::string out = fmt::format("add table inet {0}\ndelete table inet {0}\ntable inet {0} {{\n", kFirewallTable);
  out += fmt::format("  counter refused_users {{\n    packets {} bytes 0\n  }}\n", carried.refused_users);
  out += fmt::format("  counter refused_addresses {{\n    packets {} bytes 0\n  }}\n", carried.refused_addresses);
  for (const auto& [name, elements] : plan.sets) write_set(name, elements, carried, out);
  return out + rules_of(plan) + "}\n";
}

std::vector<TenantTraffic> traffic_of_tenants(const tenants::Snapshot& directory, const FirewallTraffic& traffic) {
  const TenantMarks marks{directory};
  std::map<std::string, Traffic> sums;
  for (const auto& [set, elements] : traffic.sets) {
    for (const auto& [text, counted] : elements) {
      const Element element = parse_element(text);
      std::optional<TenantId> id = marks.owner(element.mark);
      const auto* address = element.address ? directory.address(*element.address) : nullptr;
      const bool is_shared = element.mark == 0 && address != nullptr && !address->tenant;
      if (element.mark == 0 && address != nullptr) id = address->tenant;
      const auto* tenant = id ? directory.tenant(*id) : nullptr;
      if (tenant != nullptr || is_shared) sums[tenant != nullptr ? tenant->name : ""] += counted;
    }
  }
  std::vector<TenantTraffic> all;
  for (const auto& [name, sum] : sums) all.push_back({name, sum});
  std::ranges::stable_sort(all, [](const auto& a, const auto& b) { return a.traffic.bytes > b.traffic.bytes; });
  return all;
}

std::string element_text(const tenants::Snapshot& directory, const TenantMarks& marks, const std::string& element) {
  const Element parts = parse_element(element);
  if (parts.mark == 0) return element;
  const auto id = marks.owner(parts.mark);
  const auto* tenant = id ? directory.tenant(*id) : nullptr;
  const std::string name = tenant != nullptr ? tenant->name : fmt::format("mark {:#x}", parts.mark);
  return parts.address ? fmt::format("{} of {}", parts.address->text(), name) : name;
}

}  // namespace bulkhead::netpolicy
