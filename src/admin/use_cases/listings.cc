#include "src/admin/use_cases/listings.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

using listings::ListingView;
using listings::Subject;

Error no_monitor() {
  return {ErrorCode::kUnavailable, "the lists are not watched by this server", ""};
}

// Whose a subject is; nothing for a shared address, and for what is gone.
std::optional<TenantId> owner_of(const tenants::Snapshot& directory, const Subject& subject) {
  if (subject.is_address()) {
    const auto* address = directory.address(subject.ip);
    return address != nullptr ? address->tenant : std::nullopt;
  }
  const auto* domain = directory.domain_by_name(subject.domain);
  return domain != nullptr ? std::optional{domain->tenant} : std::nullopt;
}

std::string key_of(const ListingView& listing) {
  return listing.subject.text() + " " + listing.zone;
}

Json listing_json(const tenants::Snapshot& directory, const ListingView& listing) {
  const auto owner = owner_of(directory, listing.subject);
  return Json{{"name", listing.subject.text()},
              {"kind", listing.subject.is_address() ? "address" : "domain"},
              {"tenant", owner ? Json(tenant_name(directory, *owner)) : Json(nullptr)},
              {"zone", listing.zone},
              {"codes", listings::text_of(listing.codes)},
              {"weight", listing.weight},
              {"since", to_rfc3339(listing.since)}};
}

std::vector<ListingView> sorted_listings(const AdminServices& services) {
  auto all = services.monitor->listings();
  std::ranges::sort(all, {}, key_of);
  return all;
}

// An address or a domain that the caller sees.
Result<Subject> find_subject(const AdminServices& services, const Caller& caller, const std::string& name) {
  if (IpAddress::parse(name)) {
    const auto address = find_address(services, caller, name);
    if (!address) return fail(address.error());
    return Subject::of(address->ip);
  }
  const auto domain = find_domain(services, caller, name);
  if (!domain) return fail(domain.error());
  return Subject::of(domain->name);
}

// The filters of a list: one address, one domain.
struct Filter {
  std::optional<Subject> subject;
  bool takes(const ListingView& listing) const { return !subject || listing.subject == *subject; }
};

Result<Filter> filter_of(const AdminServices& services, const Call& call) {
  Filter filter;
  const auto address = call.in_query("address");
  const auto domain = call.in_query("domain");
  if (address.empty() && domain.empty()) return filter;
  if (!address.empty() && !domain.empty()) return fail(ErrorCode::kInvalid, "give an address or a domain, not both");
  if (!address.empty() && !IpAddress::parse(address)) {
    return fail(ErrorCode::kInvalid, "address is not an IPv4 or IPv6 address");
  }
  auto subject = find_subject(services, call.caller, address.empty() ? domain : address);
  if (!subject) return fail(subject.error());
  filter.subject = std::move(*subject);
  return filter;
}

}  // namespace

void add_monitored(const AdminServices& services, Json& json, const Subject& subject) {
  if (services.monitor == nullptr) return;
  Json listed = Json::array();
  Json names = Json::array();
  for (const auto& listing : services.monitor->listings_of(subject)) {
    names.push_back(listing.zone);
    listed.push_back(Json{
        {"zone", listing.zone}, {"codes", listings::text_of(listing.codes)}, {"since", to_rfc3339(listing.since)}});
  }
  json["listed_by"] = std::move(names);
  json["listings"] = std::move(listed);
  const auto view = services.monitor->readiness(subject);
  if (!view) return;
  Json readiness{{"state", to_string(view->readiness.state)}};
  if (!view->readiness.why.empty()) readiness["why"] = view->readiness.why;
  if (!view->readiness.advice.empty()) readiness["advice"] = view->readiness.advice;
  if (view->checked_at) readiness["checked_at"] = to_rfc3339(*view->checked_at);
  if (subject.is_address()) {
    readiness["cleared"] = to_string(view->clearance);
    readiness["withheld"] = view->is_withheld;
  }
  json["readiness"] = std::move(readiness);
}

Json listings_json(const AdminServices& services, const Caller& caller) {
  Json items = Json::array();
  if (services.monitor == nullptr) return items;
  const auto directory = services.live.snapshot();
  for (const auto& listing : sorted_listings(services)) {
    if (caller.sees(owner_of(*directory, listing.subject))) items.push_back(listing_json(*directory, listing));
  }
  return items;
}

Result<Json> list_listings(const AdminServices& services, const Call& call) {
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  const auto filter = filter_of(services, call);
  if (!filter) return fail(filter.error());
  if (services.monitor == nullptr) return page_json(Json::array(), {});
  const auto directory = services.live.snapshot();
  const auto all = sorted_listings(services);
  std::vector<const ListingView*> seen;
  for (const auto& listing : all) {
    const bool is_meant = filter->takes(listing) && scope->includes(owner_of(*directory, listing.subject));
    if (is_meant && key_of(listing) > page->after) seen.push_back(&listing);
  }
  return page_of_sorted(seen, page->limit, key_of,
                        [&](const ListingView& listing) { return listing_json(*directory, listing); });
}

Result<Json> list_listing_zones(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "see the lists"); !allowed) return fail(allowed.error());
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  if (services.monitor == nullptr) return page_json(Json::array(), {});
  const auto all = services.monitor->zones();
  const auto key = [](const listings::ZoneView& zone) {
    return fmt::format("{} {}", zone.zone, to_string(zone.branch));
  };
  std::vector<const listings::ZoneView*> seen;
  for (const auto& zone : all) {
    if (key(zone) > page->after) seen.push_back(&zone);
  }
  return page_of_sorted(seen, page->limit, key, [](const listings::ZoneView& zone) {
    return Json{{"zone", zone.zone},
                {"branch", to_string(zone.branch)},
                {"state", to_string(zone.state)},
                {"why", zone.why.empty() ? Json(nullptr) : Json(escape_controls(zone.why, 200))},
                {"since", to_rfc3339(zone.since)},
                {"watched", zone.watched},
                {"listed", zone.listed}};
  });
}

Task<Result<Json>> check_listings(const AdminServices& services, net::Shard& shard, Call call) {
  const auto subject = find_subject(services, call.caller, call.in_path("name"));
  if (!subject) co_return fail(subject.error());
  if (services.monitor == nullptr) co_return fail(no_monitor());
  auto asking = services.monitor->ask_zones(shard, *subject);
  const auto answers = co_await std::move(asking);
  if (!answers) co_return fail(answers.error());
  Json zones = Json::array();
  bool is_listed = false;
  for (const auto& answer : *answers) {
    is_listed = is_listed || answer.outcome == "listed";
    Json zone{{"zone", answer.zone}, {"outcome", answer.outcome}};
    if (!answer.codes.empty()) zone["codes"] = answer.codes;
    if (!answer.why.empty()) zone["why"] = escape_controls(answer.why, 200);
    zones.push_back(std::move(zone));
  }
  co_return Json{{"name", subject->text()}, {"listed", is_listed}, {"zones", std::move(zones)}};
}

}  // namespace bulkhead::admin
