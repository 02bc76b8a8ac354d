#include "tenants/dangling.h"

#include <fmt/format.h>

#include "tenants/expansion.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

constexpr std::size_t kPage = 1000;

// Under the address itself, or without its tag.
Result<bool> has_owner(Directory& directory, mail::Address address) {
  for (;;) {
    const auto account = directory.account_by_address(address);
    if (!account) return fail(account.error());
    if (*account) return true;
    const auto alias = directory.alias_by_address(address);
    if (!alias) return fail(alias.error());
    if (*alias) return true;
    const auto base = without_tag(address);
    if (!base) return false;
    address = *base;
  }
}

class Search {
 public:
  Search(Directory& directory, const Snapshot& snapshot, DanglingBounds bounds)
      : directory_(directory), snapshot_(snapshot), bounds_(bounds) {}

  Result<DanglingTargets> run() {
    for (const auto& tenant : snapshot_.tenants()) {
      if (auto done = look("the postmaster of tenant " + tenant.name, tenant.postmaster); !done) {
        return fail(done.error());
      }
    }
    for (const auto& domain : snapshot_.domains()) {
      if (auto done = look("the catch-all of " + domain.name, domain.catch_all); !done) return fail(done.error());
    }
    if (auto done = look_through_aliases(); !done) return fail(done.error());
    return std::move(result_);
  }

 private:
  bool is_full() const { return result_.found.size() >= bounds_.found_max; }

  Status look(std::string holder, const std::string& text) {
    const auto target = mail::Address::parse(text);
    return target ? look(std::move(holder), *target) : Status{};
  }
  Status look(std::string holder, const mail::Address& target) {
    if (is_full()) {
      result_.is_complete = false;
      return {};
    }
    const auto is_lost = leads_nowhere(directory_, snapshot_, target);
    if (!is_lost) return fail(is_lost.error());
    if (*is_lost) result_.found.push_back({std::move(holder), target});
    return {};
  }
  Status look_through_aliases() {
    std::string after;
    for (std::size_t seen = 0; !is_full() && seen < bounds_.aliases_max;) {
      const auto page = directory_.aliases({}, after, kPage);
      if (!page) return fail(page.error());
      for (const auto& alias : *page) {
        for (const auto& target : alias.to) {
          if (auto done = look("the alias " + alias.from.text(), target); !done) return done;
        }
      }
      seen += page->size();
      if (page->size() < kPage) return {};
      after = page->back().from.text();
    }
    result_.is_complete = false;
    return {};
  }

  Directory& directory_;
  const Snapshot& snapshot_;
  const DanglingBounds bounds_;
  DanglingTargets result_;
};

}  // namespace

Result<bool> leads_nowhere(Directory& directory, const Snapshot& snapshot, const mail::Address& target) {
  const auto* domain = snapshot.domain_by_name(target.domain);
  if (domain == nullptr) return false;
  mail::Address address = normalised(target);
  address.domain = domain->name;
  const auto is_owned = has_owner(directory, address);
  if (!is_owned) return fail(is_owned.error());
  // Mail for postmaster finds somebody while the tenant has anybody (RFC 5321 §4.5.1).
  if (*is_owned || address.local == "postmaster") return false;
  const auto catch_all = mail::Address::parse(domain->catch_all);
  if (!catch_all || normalised(*catch_all) == address) return true;
  if (snapshot.domain_by_name(catch_all->domain) == nullptr) return false;
  const auto is_caught = has_owner(directory, normalised(*catch_all));
  if (!is_caught) return fail(is_caught.error());
  return !*is_caught;
}

Result<DanglingTargets> find_dangling(Directory& directory, const Snapshot& snapshot, DanglingBounds bounds) {
  return Search{directory, snapshot, bounds}.run();
}

}  // namespace bulkhead::tenants
