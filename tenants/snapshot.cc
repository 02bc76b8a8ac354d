#include <algorithm>
#include <array>

#include "tenants/live_directory.h"
#include "tenants/network_table.h"

namespace bulkhead::tenants {

namespace {

using AddressList = std::vector<const SourceAddress*>;

struct AddressesByFamily {
  AddressList ipv4, ipv6;
  const AddressList& of(Family family) const { return family == Family::kIpv4 ? ipv4 : ipv6; }
  void add(const SourceAddress& address) { (address.ip.family() == Family::kIpv4 ? ipv4 : ipv6).push_back(&address); }
  void put_defaults_first() {
    for (auto* list : {&ipv4, &ipv6}) {
      std::stable_partition(list->begin(), list->end(), [](const auto* address) { return address->is_default; });
    }
  }
};

using RoutesByPattern = std::unordered_map<std::string_view, const Route*>;

// Exact, then the longest suffix, then all.
const Route* match(const RoutesByPattern& routes, std::string_view domain) {
  const auto find = [&](std::string_view pattern) {
    const auto found = routes.find(pattern);
    return found == routes.end() ? nullptr : found->second;
  };
  if (const auto* exact = find(domain)) return exact;
  std::string pattern;
  for (auto dot = domain.find('.'); dot != std::string_view::npos; dot = domain.find('.', dot + 1)) {
    pattern.assign("*").append(domain.substr(dot));
    if (const auto* suffix = find(pattern)) return suffix;
  }
  return find("*");
}

}  // namespace

// The maps' keys are views of strings in `rows`, which never changes and is never copied.
struct Snapshot::Impl {
  DirectorySnapshotRows rows;
  std::vector<Account> accounts;

  std::unordered_map<TenantId, const Tenant*> tenants;
  std::unordered_map<std::string_view, const Tenant*> tenants_by_name;
  std::unordered_map<TenantId, std::vector<TenantId>> owned;  // directly
  std::unordered_map<DomainId, const Domain*> domains;
  std::unordered_map<std::string_view, const Domain*> domains_by_name;
  std::unordered_map<IpAddress, const SourceAddress*> addresses;
  std::unordered_map<TenantId, AddressesByFamily> own_addresses;
  AddressesByFamily shared_addresses;
  std::unordered_map<TenantId, RoutesByPattern> tenant_routes;
  RoutesByPattern general_routes;
  NetworkTable<const Account*> clients;
  const AddressesByFamily no_addresses;
  std::array<std::unordered_map<std::string_view, const Limit*>, kLimitScopes> limits;

  const AddressesByFamily& usable_by(const TenantId& tenant) const;
  void index_names();
  void index_addresses();
  void index_routes();
  void index_clients();
  void index_limits();
};

const AddressesByFamily& Snapshot::Impl::usable_by(const TenantId& tenant) const {
  if (const auto own = own_addresses.find(tenant); own != own_addresses.end()) return own->second;
  const auto found = tenants.find(tenant);
  return found != tenants.end() && found->second->shares_addresses ? shared_addresses : no_addresses;
}

void Snapshot::Impl::index_names() {
  tenants.reserve(rows.tenants.size());
  tenants_by_name.reserve(rows.tenants.size());
  for (const auto& tenant : rows.tenants) {
    tenants.emplace(tenant.id, &tenant);
    tenants_by_name.emplace(tenant.name, &tenant);
    for (const auto& former : tenant.former_names) tenants_by_name.emplace(former, &tenant);
    if (tenant.reseller) owned[*tenant.reseller].push_back(tenant.id);
  }
  domains.reserve(rows.domains.size());
  domains_by_name.reserve(rows.domains.size());
  for (const auto& domain : rows.domains) {
    domains.emplace(domain.id, &domain);
    domains_by_name.emplace(domain.name, &domain);
    for (const auto& former : domain.former_names) domains_by_name.emplace(former, &domain);
  }
}

void Snapshot::Impl::index_addresses() {
  addresses.reserve(rows.addresses.size());
  for (const auto& address : rows.addresses) {
    addresses.emplace(address.ip, &address);
    (address.tenant ? own_addresses[*address.tenant] : shared_addresses).add(address);
  }
  shared_addresses.put_defaults_first();
  for (auto& [tenant, own] : own_addresses) own.put_defaults_first();
}

void Snapshot::Impl::index_routes() {
  for (const auto& route : rows.routes) {
    (route.tenant ? tenant_routes[*route.tenant] : general_routes).emplace(route.pattern, &route);
  }
}

void Snapshot::Impl::index_clients() {
  for (const auto& account : accounts) {
    const auto tenant = tenants.find(account.tenant);
    if (tenant == tenants.end() || tenant->second->suspension == Suspension::kSuspended) continue;
    if (account.suspension == Suspension::kSuspended) continue;
    for (const auto& network : account.client_networks) clients.add(network, &account);
  }
  clients.sort();
}

void Snapshot::Impl::index_limits() {
  for (const auto& limit : rows.limits) limits[static_cast<std::size_t>(limit.scope)].emplace(limit.subject, &limit);
}

Snapshot::Snapshot(DirectorySnapshotRows rows, std::vector<Account> networked_accounts) {
  auto impl = std::make_shared<Impl>();
  impl->rows = std::move(rows);
  impl->accounts = std::move(networked_accounts);
  impl->index_names();
  impl->index_addresses();
  impl->index_routes();
  impl->index_clients();
  impl->index_limits();
  impl_ = std::move(impl);
}

namespace {
template <class Map, class Key>
auto find_or_null(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
}
}  // namespace

std::uint64_t Snapshot::version() const {
  return impl_->rows.version;
}
const Tenant* Snapshot::tenant(const TenantId& id) const {
  return find_or_null(impl_->tenants, id);
}
const Tenant* Snapshot::tenant_by_name(std::string_view name) const {
  return find_or_null(impl_->tenants_by_name, name);
}
const std::vector<Tenant>& Snapshot::tenants() const {
  return impl_->rows.tenants;
}
// The directory lets nobody be above itself.
std::vector<TenantId> Snapshot::owned_by(const TenantId& reseller) const {
  std::vector<TenantId> found;
  const auto add = [&](const TenantId& id) {
    const auto direct = impl_->owned.find(id);
    if (direct != impl_->owned.end()) found.insert(found.end(), direct->second.begin(), direct->second.end());
  };
  add(reseller);
  for (std::size_t next = 0; next < found.size(); ++next) add(TenantId{found[next]});
  std::sort(found.begin(), found.end());
  return found;
}

const Domain* Snapshot::domain(const DomainId& id) const {
  return find_or_null(impl_->domains, id);
}
const Domain* Snapshot::domain_by_name(std::string_view name) const {
  return find_or_null(impl_->domains_by_name, name);
}
const std::vector<Domain>& Snapshot::domains() const {
  return impl_->rows.domains;
}
const SourceAddress* Snapshot::address(const IpAddress& ip) const {
  return find_or_null(impl_->addresses, ip);
}
const std::vector<SourceAddress>& Snapshot::addresses() const {
  return impl_->rows.addresses;
}
const std::vector<Route>& Snapshot::routes() const {
  return impl_->rows.routes;
}
const std::vector<Token>& Snapshot::tokens() const {
  return impl_->rows.tokens;
}

const Limit* Snapshot::limit(LimitScope scope, std::string_view subject) const {
  return find_or_null(impl_->limits[static_cast<std::size_t>(scope)], subject);
}
const std::vector<Limit>& Snapshot::limits() const {
  return impl_->rows.limits;
}
const WarmUpTable& Snapshot::warm_up() const {
  return impl_->rows.warm_up;
}

const std::vector<const SourceAddress*>& Snapshot::usable_addresses(const TenantId& tenant, Family family) const {
  return impl_->usable_by(tenant).of(family);
}

bool Snapshot::has_own_address(const TenantId& tenant) const {
  return impl_->own_addresses.contains(tenant);
}

bool Snapshot::is_served_on(const TenantId& tenant, const IpAddress& arrival) const {
  const auto* found = address(arrival);
  if (found == nullptr) return true;
  if (found->tenant) return *found->tenant == tenant;
  return &impl_->usable_by(tenant) == &impl_->shared_addresses;
}

const Route* Snapshot::route(const TenantId& tenant, std::string_view domain) const {
  if (const auto own = impl_->tenant_routes.find(tenant); own != impl_->tenant_routes.end()) {
    if (const auto* route = match(own->second, domain)) return route;
  }
  return impl_->general_routes.empty() ? nullptr : match(impl_->general_routes, domain);
}

const Account* Snapshot::account_by_client(const IpAddress& client, const IpAddress& arrival) const {
  return impl_->clients.find(client, [&](const Account* account) { return is_served_on(account->tenant, arrival); });
}

}  // namespace bulkhead::tenants
