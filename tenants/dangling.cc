#include "tenants/dangling.h"

#include <set>

#include <fmt/format.h>

#include "tenants/expansion.h"
#include "tenants/validation.h"

namespace bulkhead::tenants {

namespace {

constexpr std::size_t kPage = 1000;

constexpr int kFollowedMax = 100;  // addresses; what leads further is taken for good

// Follows aliases to an account or an address of somebody else.
class Chain {
 public:
  Chain(Directory& directory, const Snapshot& snapshot) : directory_(directory), snapshot_(snapshot) {}

  Result<bool> finds_somebody(const mail::Address& target) {
    const auto* domain = snapshot_.domain_by_name(target.domain);
    if (domain == nullptr) return true;
    mail::Address address = normalised(target);
    address.domain = domain->name;
    // What was met before has its answer on the way: a circle leads to nobody.
    if (!met_.insert(address.text()).second) return false;
    if (++followed_ > kFollowedMax) return true;
    const auto account = directory_.account_by_address(address);
    if (!account) return fail(account.error());
    if (*account) return true;
    const auto alias = directory_.alias_by_address(address);
    if (!alias) return fail(alias.error());
    if (*alias) return any_of((*alias)->to);
    // Mail for postmaster finds somebody while the tenant has anybody (RFC 5321 §4.5.1).
    if (address.local == "postmaster") return true;
    const auto base = without_tag(address);
    return base ? finds_somebody(*base) : Result<bool>{false};
  }

 private:
  Result<bool> any_of(const std::vector<mail::Address>& targets) {
    for (const auto& target : targets) {
      auto found = finds_somebody(target);
      if (!found || *found) return found;
    }
    return false;
  }

  Directory& directory_;
  const Snapshot& snapshot_;
  std::set<std::string> met_;
  int followed_ = 0;
};

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
  auto is_found = Chain{directory, snapshot}.finds_somebody(target);
  if (!is_found) return fail(is_found.error());
  if (*is_found) return false;
  // The catch-all takes what nobody has, at the end of an alias, too; but not its own target.
  mail::Address address = normalised(target);
  address.domain = domain->name;
  const auto catch_all = mail::Address::parse(domain->catch_all);
  if (!catch_all || normalised(*catch_all) == address) return true;
  is_found = Chain{directory, snapshot}.finds_somebody(*catch_all);
  if (!is_found) return fail(is_found.error());
  return !*is_found;
}

Result<DanglingTargets> find_dangling(Directory& directory, const Snapshot& snapshot, DanglingBounds bounds) {
  return Search{directory, snapshot, bounds}.run();
}

}  // namespace bulkhead::tenants
