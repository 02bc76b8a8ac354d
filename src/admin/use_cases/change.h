// What every change ends with: the snapshot is renewed, so that the change holds at once, and the trace says who
// changed what, from what, to what. Secrets are named, never shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/admin/call.h"
#include "src/admin/services.h"
#include "tenants/live_directory.h"

namespace bulkhead::admin {

using tenants::Touched;

// Builds the sentence of a `changed` event: "account a@b.example: quota from 0 to 1000, password set".
class Change {
 public:
  explicit Change(std::string subject) : subject_(std::move(subject)) {}
  Change& verb(std::string_view what);  // "added", "removed", "password set"
  Change& field(std::string_view name, std::string_view from, std::string_view to);  // nothing when they are the same
  Change& field(std::string_view name, std::uint64_t from, std::uint64_t to);
  // Another event than `changed`.
  Change& as(trace::EventKind kind);
  // Whose it is, for searches by account.
  Change& of_account(const tenants::Account& account);
  // What is cached of accounts and aliases and does not hold any more; unless it is said, everything.
  Change& touches(Touched touched);
  const Touched& touched() const { return touched_; }
  bool empty() const { return parts_.empty(); }
  std::string text() const;
  trace::Event event() const;  // kind, account and detail

 private:
  std::string subject_;
  std::vector<std::string> parts_;
  trace::EventKind kind_ = trace::EventKind::kChanged;
  std::optional<AccountId> account_;
  std::string account_name_;
  Touched touched_ = Touched::everything();
};

// Records the change in the trace. Any thread.
void record_change(const AdminServices& services, const Call& call, const TenantId& tenant, const Change& change);
// Renews the snapshot. Blocks. The change is already durable: a refresh that fails is logged, and the servers follow
// when the database is back.
void refresh_after_change(const AdminServices& services, const Touched& touched = Touched::everything());
// Both.
void apply_change(const AdminServices& services, const Call& call, const TenantId& tenant, const Change& change);

}  // namespace bulkhead::admin
