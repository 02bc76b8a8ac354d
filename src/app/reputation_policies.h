// The policies of reputation: the shipped ones, with what the node, plans and tenants have set.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "src/admin/reputation_desk.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

// Not thread-safe.
class ReputationPolicies {
 public:
  // With `is_shadow` every rule only reports, whatever is set.
  explicit ReputationPolicies(bool is_shadow) : is_shadow_(is_shadow) {}

  // kNotFound and kInvalid: a rule or a count that there is not; nothing changes.
  Status set(const admin::PolicyScope& scope, admin::PolicySettings settings);
  admin::PolicySettings settings(const admin::PolicyScope& scope) const;
  reputation::Policy policy(const admin::PolicyScope& scope, const tenants::Snapshot& directory) const;
  bool locks_sign_in(const TenantId& tenant) const;
  std::shared_ptr<const reputation::PolicyBook> book(const tenants::Snapshot& directory) const;

  // How settings are stored: each scope under a name of its own, "" when it says nothing any more.
  static std::string name_of(const admin::PolicyScope& scope);
  std::string stored(const admin::PolicyScope& scope) const;
  Status restore(std::string_view name, std::string_view stored);

 private:
  reputation::Policy of_plan(std::string_view plan) const;
  void apply(const std::string& name, reputation::Policy& policy) const;

  bool is_shadow_;
  std::map<std::string, admin::PolicySettings> settings_;  // by name
};

}  // namespace bulkhead::app
