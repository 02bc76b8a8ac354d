#include "src/admin/use_cases/change.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bulkhead::admin {

Change& Change::verb(std::string_view what) {
  parts_.emplace_back(what);
  return *this;
}

Change& Change::field(std::string_view name, std::string_view from, std::string_view to) {
  if (from == to) return *this;
  parts_.push_back(fmt::format("{} from \"{}\" to \"{}\"", name, escape_controls(from, 320), escape_controls(to, 320)));
  return *this;
}

Change& Change::field(std::string_view name, std::uint64_t from, std::uint64_t to) {
  if (from != to) parts_.push_back(fmt::format("{} from {} to {}", name, from, to));
  return *this;
}

Change& Change::as(trace::EventKind kind) {
  kind_ = kind;
  return *this;
}

Change& Change::of_account(const tenants::Account& account) {
  account_ = account.id;
  account_name_ = account.address.text();
  return *this;
}

Change& Change::touches(Touched touched) {
  touched_ = std::move(touched);
  return *this;
}

std::string Change::text() const {
  return fmt::format("{}: {}", subject_, fmt::join(parts_, ", "));
}

trace::Event Change::event() const {
  trace::Event event;
  event.kind = kind_;
  event.account = account_;
  event.account_name = account_name_;
  event.detail = text();
  return event;
}

void record_change(const AdminServices& services, const Call& call, const TenantId& tenant, const Change& change) {
  auto event = change.event();
  event.at = services.clock.now();
  event.tenant = tenant;
  event.client_ip = call.caller.client_ip;
  event.protocol = "api";
  event.user = call.caller.name;
  services.trace.record(std::move(event));
}

void refresh_after_change(const AdminServices& services, const Touched& touched) {
  if (const auto refreshed = services.live.refresh(touched); !refreshed) {
    services.log.error("the directory could not be read again after a change: {}", refreshed.error().message);
  }
}

void apply_change(const AdminServices& services, const Call& call, const TenantId& tenant, const Change& change) {
  record_change(services, call, tenant, change);
  refresh_after_change(services, change.touched());
}

}  // namespace bulkhead::admin
