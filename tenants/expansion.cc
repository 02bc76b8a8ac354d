#include "tenants/expansion.h"

#include <algorithm>

#include "tenants/validation.h"

namespace bulkhead::tenants {

std::optional<mail::Address> without_tag(const mail::Address& address) {
  const auto plus = address.local.find('+');
  if (plus == std::string::npos || plus == 0) return std::nullopt;
  return mail::Address{address.local.substr(0, plus), address.domain};
}

Expansion::Expansion(const Snapshot& snapshot, const mail::Address& recipient, Fallback fallback)
    : snapshot_(snapshot), fallback_(fallback) {
  const auto* domain = snapshot.domain_by_name(recipient.domain);
  tenant_ = domain == nullptr ? nullptr : snapshot.tenant(domain->tenant);
  if (tenant_ == nullptr) {
    resolution_.kind = Resolution::Kind::kRemote;
    return;
  }
  resolution_.tenant = tenant_->id;
  if (tenant_->suspension == Suspension::kSuspended) {
    resolution_.kind = Resolution::Kind::kSuspended;
    return;
  }
  resolution_.kind = Resolution::Kind::kTargets;
  add(recipient, 0);
  take_next_step();
}

// Another tenant's domain on this node is delivered to here: its MX leads to ourselves. A suspended one takes no mail.
void Expansion::add(mail::Address address, int depth) {
  const auto* domain = snapshot_.domain_by_name(address.domain);
  if (domain == nullptr) return add_forward(std::move(address));
  const auto* owner = snapshot_.tenant(domain->tenant);
  if (owner == nullptr || owner->suspension == Suspension::kSuspended) return;
  address = normalised(std::move(address));
  address.domain = domain->name;
  if (!seen_.insert(address.text()).second) {
    has_cycle_ = true;
    return;
  }
  steps_.push_back({std::move(address), depth});
}

void Expansion::add_forward(mail::Address address) {
  if (seen_.insert(address.text()).second) resolution_.forwards.push_back(std::move(address));
}

void Expansion::take_next_step() {
  next_.reset();
  if (steps_.empty() || is_over()) return;
  current_ = std::move(steps_.back());
  steps_.pop_back();
  next_ = current_.address;
}

void Expansion::answer(const AddressMeaning& meaning) {
  if (const auto* account = std::get_if<Account>(&meaning)) {
    if (seen_accounts_.insert(account->id).second) resolution_.accounts.push_back(*account);
  } else if (const auto* alias = std::get_if<Alias>(&meaning)) {
    add_alias(*alias);
  } else if (auto base = without_tag(*next_)) {
    next_ = std::move(base);
    return;
  } else {
    add_unknown();
  }
  take_next_step();
}

void Expansion::add_alias(const Alias& alias) {
  if (current_.depth >= kDepthMax) {
    is_endless_ = true;
    return;
  }
  // In reverse, as steps are taken from the end.
  for (auto target = alias.to.rbegin(); target != alias.to.rend(); ++target) {
    add(*target, current_.depth + 1);
    if (is_over()) return;
  }
}

// RFC 5321 §4.5.1: every domain takes mail for its postmaster.
void Expansion::add_unknown() {
  if (fallback_ == Fallback::kNone) return;
  const auto* domain = snapshot_.domain_by_name(current_.address.domain);
  const auto* owner = snapshot_.tenant(domain->tenant);
  const bool is_postmaster = current_.address.local == "postmaster" && !owner->postmaster.empty();
  const auto target = mail::Address::parse(is_postmaster ? owner->postmaster : domain->catch_all);
  if (!target || current_.depth >= kDepthMax) return;
  // A fallback that leads to nobody falls back on itself: that is no circle, there just is no such recipient.
  if (!was_seen(*target)) add(*target, current_.depth + 1);
}

bool Expansion::was_seen(const mail::Address& address) const {
  auto kept = normalised(address);
  if (const auto* domain = snapshot_.domain_by_name(kept.domain)) kept.domain = domain->name;
  return seen_.contains(kept.text());
}

Resolution Expansion::take() {
  auto& accounts = resolution_.accounts;
  if (resolution_.kind != Resolution::Kind::kTargets) return std::move(resolution_);
  if (is_over()) {
    resolution_.kind = Resolution::Kind::kLoop;
    accounts.clear();
    resolution_.forwards.clear();
    return std::move(resolution_);
  }
  const auto is_suspended = [](const Account& account) { return account.suspension == Suspension::kSuspended; };
  if (targets() == 0) {
    resolution_.kind = has_cycle_ ? Resolution::Kind::kLoop : Resolution::Kind::kUnknown;
  } else if (resolution_.forwards.empty() && std::all_of(accounts.begin(), accounts.end(), is_suspended)) {
    resolution_.kind = Resolution::Kind::kSuspended;
  } else {
    std::erase_if(accounts, is_suspended);
  }
  return std::move(resolution_);
}

}  // namespace bulkhead::tenants
