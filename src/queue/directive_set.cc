#include "src/queue/directive_set.h"

#include <algorithm>

#include "src/queue/any_account.h"

namespace bulkhead::queue {
namespace {

std::string_view domain_of(const Selector& selector) {
  if (!selector.recipient_domain.empty()) return selector.recipient_domain;
  const auto at = selector.recipient.rfind('@');
  return at == std::string::npos ? std::string_view{} : std::string_view{selector.recipient}.substr(at + 1);
}

constexpr unsigned bit(AttributeKind kind) {
  return 1U << static_cast<unsigned>(kind);
}

}  // namespace

DirectiveSet::DirectiveSet(std::vector<Directive> directives, const AttributeHash& hash, SourceOf source_of)
    : directives_(std::move(directives)), source_of_(std::move(source_of)) {
  for (std::uint32_t at = 0; at < directives_.size(); ++at) {
    entries_.push_back({&directives_[at]});
    register_entry(at, hash);
  }
}

void DirectiveSet::register_entry(std::uint32_t at, const AttributeHash& hash) {
  Entry& entry = entries_[at];
  const Selector& s = entry.directive->selector;
  if (s.account_id) entry.account = hash.of_account(*s.account_id);
  if (!s.sender.empty()) entry.sender = hash(AttributeKind::kSender, s.sender == "<>" ? "" : s.sender);
  if (s.client_ip) entry.client_ip = hash.of_client(*s.client_ip);
  if (const auto domain = domain_of(s); !domain.empty()) entry.domain = hash(AttributeKind::kDomain, domain);
  if (!s.site.empty()) entry.site = hash(AttributeKind::kSite, s.site);
  if (s.tenant) entry.tenant = hash.of_tenant(*s.tenant);
  entry.needs_message = needs_message(s);
  needs_messages_ = needs_messages_ || entry.needs_message;
  if (s.id) {
    by_id_[*s.id].push_back(at);
    return;
  }
  const std::pair<std::uint64_t, AttributeKind> choices[] = {
      {entry.account, AttributeKind::kAccount}, {entry.client_ip, AttributeKind::kClientIp},
      {entry.sender, AttributeKind::kSender},   {entry.domain, AttributeKind::kDomain},
      {entry.tenant, AttributeKind::kTenant},   {entry.site, AttributeKind::kSite}};
  for (const auto& [key, kind] : choices) {
    if (key == 0) continue;
    by_key_[key].push_back(at);
    kinds_ |= bit(kind);
    return;
  }
  for_all_.push_back(at);
}

const Directive* DirectiveSet::find(std::uint32_t number) const {
  const auto found = std::lower_bound(directives_.begin(), directives_.end(), number,
                                      [](const Directive& d, std::uint32_t n) { return d.number < n; });
  return found != directives_.end() && found->number == number ? &*found : nullptr;
}

// A state is that of the moment in which the delivery is looked at. What a directive holds stays held by it; after a
// restart, when nothing is held yet, the time of the next attempt tells what waited for it when the hold was given;
// what was never tried may have waited for a limit, so a hold of either takes it: rather too much is held than too
// little.
bool DirectiveSet::matches_state(const Directive& directive, const Subject& subject) const {
  const std::string& wanted = directive.selector.state;
  if (wanted.empty() || subject.held_by == directive.number) return true;
  const bool is_waiting = subject.state == "ready" || subject.state == "scheduled";
  if (!directive.is_restored || directive.action != DirectiveAction::kHold || !is_waiting) {
    return wanted == subject.state;
  }
  if (wanted == "held") return true;
  const bool was_due = subject.due <= directive.given_at;
  return wanted == (was_due ? "ready" : "scheduled") || (was_due && !subject.is_tried && wanted == "scheduled");
}

DirectiveSet::Match DirectiveSet::match(const Entry& entry, const Subject& subject) const {
  const Directive& directive = *entry.directive;
  const Selector& s = directive.selector;
  const auto differs = [](std::uint64_t wanted, std::uint64_t is) { return wanted != 0 && wanted != is; };
  if (!directive.means_epoch(subject.epoch)) return Match::kNo;
  if (s.id && *s.id != subject.id) return Match::kNo;
  if (differs(entry.account, subject.keys.account) || differs(entry.sender, subject.keys.sender) ||
      differs(entry.client_ip, subject.keys.client_ip) || differs(entry.domain, subject.keys.domain) ||
      differs(entry.tenant, subject.tenant_key) || differs(entry.site, subject.site_key)) {
    return Match::kNo;
  }
  if (s.account == kAnyAccount && subject.keys.account == 0) return Match::kNo;
  if (!matches_state(directive, subject)) return Match::kNo;
  if (s.source && (!source_of_ || source_of_(subject.lane) != s.source)) return Match::kNo;
  if (subject.message != nullptr) {
    // Also where the hashes have answered: they could meet, and a purge is for good.
    const bool is_meant = matches_message(s, *subject.message, *subject.pending, directive.given_at);
    return is_meant ? Match::kYes : Match::kNo;
  }
  return entry.needs_message ? Match::kUnknown : Match::kYes;
}

DirectiveSet::Match DirectiveSet::match(std::uint32_t number, const Subject& subject) const {
  const Directive* directive = find(number);
  if (directive == nullptr) return Match::kNo;
  return match(entries_[static_cast<std::size_t>(directive - directives_.data())], subject);
}

void DirectiveSet::collect(std::uint64_t key, std::vector<std::uint32_t>& found) const {
  if (const auto at = by_key_.find(key); at != by_key_.end()) {
    found.insert(found.end(), at->second.begin(), at->second.end());
  }
}

Judgement DirectiveSet::judge(const Subject& subject) const {
  std::vector<std::uint32_t> found;
  const std::pair<std::uint64_t, AttributeKind> keys[] = {
      {subject.keys.account, AttributeKind::kAccount}, {subject.keys.client_ip, AttributeKind::kClientIp},
      {subject.keys.sender, AttributeKind::kSender},   {subject.keys.domain, AttributeKind::kDomain},
      {subject.tenant_key, AttributeKind::kTenant},    {subject.site_key, AttributeKind::kSite}};
  for (const auto& [key, kind] : keys) {
    if ((kinds_ & bit(kind)) != 0) collect(key, found);
  }
  if (!by_id_.empty()) {
    if (const auto at = by_id_.find(subject.id); at != by_id_.end()) {
      found.insert(found.end(), at->second.begin(), at->second.end());
    }
  }
  found.insert(found.end(), for_all_.begin(), for_all_.end());
  Judgement judgement;
  if (found.empty()) return judgement;
  std::sort(found.begin(), found.end());
  const Directive* purge = nullptr;
  const Directive* bounce = nullptr;
  const Directive* last = nullptr;  // of hold and release
  bool may_end = false, may_change = false;
  for (const std::uint32_t at : found) {
    const Match matched = match(entries_[at], subject);
    if (matched == Match::kNo) continue;
    const Directive* directive = entries_[at].directive;
    const bool is_end = directive->action == DirectiveAction::kPurge || directive->action == DirectiveAction::kBounce;
    if (matched == Match::kUnknown) {
      (is_end ? may_end : may_change) = true;
      continue;
    }
    if (!is_end) may_change = false;  // whatever those before it say
    const Directive*& of_kind = !is_end ? last : directive->action == DirectiveAction::kPurge ? purge : bounce;
    if (!is_end || of_kind == nullptr) of_kind = directive;
  }
  judgement.needs_message = may_end || may_change;
  const Directive* decides = purge != nullptr ? purge : bounce != nullptr ? bounce : last;
  if (decides == nullptr) return judgement;
  judgement.number = decides->number;
  if (decides == purge) {
    judgement.kind = Judgement::Kind::kPurge;
    judgement.needs_message = false;  // nothing undoes it
  } else if (decides == bounce) {
    judgement.kind = Judgement::Kind::kBounce;
  } else if (decides->action == DirectiveAction::kHold) {
    judgement.kind = Judgement::Kind::kHold;
  }
  return judgement;
}

}  // namespace bulkhead::queue
