// Cases: what was found, what was done, and what people do about it.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/reputation_views.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/queue/amount.h"
#include "src/queue/any_account.h"
#include "src/queue/bridge.h"

namespace bulkhead::admin {

namespace {

using reputation::KeyKind;
using reputation::State;

constexpr std::chrono::hours kProbation{24 * 7};

struct Found {
  ReputationDesk* desk = nullptr;
  cases::Case one;
};

bool is_visible(const Caller& caller, const cases::Case& one) {
  return caller.is_operator() || (!one.tenant.is_nil() && caller.sees(one.tenant));
}

// The case that the call names. The desk is asked on its shard; the caller stands there afterwards, and goes back by
// itself.
Task<Result<Found>> find_case(const AdminServices& services, Call call) {
  const auto id = cases::CaseId::parse(call.in_path("case"));
  if (services.reputation == nullptr) co_return fail(ErrorCode::kUnavailable, "reputation is not counted here");
  queue::OnShard there{services.reputation->shard()};
  co_await there;
  const auto found = id ? services.reputation->find_case(*id) : std::nullopt;
  if (!found || !is_visible(call.caller, *found)) {
    co_return fail(ErrorCode::kNotFound, fmt::format("no case {}", escape_controls(call.in_path("case"), 40)),
                   "see: bulkhead case list");
  }
  co_return Found{services.reputation, *found};
}

Status check_may_decide(const Caller& caller, const cases::Case& one) {
  if (one.tenant.is_nil()) return require_operator(caller, "decide about this case");
  return require_above(caller, one.tenant, "decide about this case");
}

std::string giver_of(const Caller& caller) {
  return caller.is_operator() ? "operator " + caller.name : "tenant " + caller.name;
}

Status release(ReputationDesk& desk, const cases::Case& one, const Call& call) {
  if (!one.is_acting()) {
    return fail(ErrorCode::kConflict, fmt::format("the case is {} already", to_string(one.status)));
  }
  const auto reason = call.text("reason");
  if (auto checked = check_reason(reason); !checked) return checked;
  return desk.set_state({.key = one.key,
                         .tenant = one.tenant,
                         .name = one.name,
                         .state = State::kRestored,
                         .lasts = kProbation,
                         .reason = reason.empty() ? "released by a person" : reason,
                         .by = giver_of(call.caller)});
}

// Ends on `shard` with the case as it is now, once that is durable.
Task<Result<Json>> conclude(const AdminServices& services, net::Shard& shard, Found found, Status done) {
  if (!done) {
    queue::OnShard back{shard};
    co_await back;
    co_return fail(done.error());
  }
  auto settling = found.desk->settle();
  const auto stored = co_await std::move(settling);
  const auto now = found.desk->find_case(found.one.id).value_or(found.one);
  queue::OnShard back{shard};
  co_await back;
  if (!stored) co_return fail(stored.error());
  const auto snapshot = services.live.snapshot();
  co_return case_json(*snapshot, now);
}

// "" asks for nothing.
struct CaseFilter {
  std::string status, state, kind, name;

  bool includes(const cases::Case& one) const {
    return (status.empty() || to_string(one.status) == status) && (state.empty() || to_string(one.state) == state) &&
           (kind.empty() || to_string(one.key.kind) == kind) && (name.empty() || one.name == name);
  }
};

Status check_word(const Call& call, std::string_view name, std::initializer_list<std::string_view> words) {
  const auto given = call.in_query(name);
  if (given.empty() || std::ranges::find(words, given) != words.end()) return {};
  return fail(ErrorCode::kInvalid, fmt::format("{} is one of {}", name, fmt::join(words, ", ")));
}

Result<CaseFilter> case_filter(const Call& call) {
  const Status checks[] = {
      check_word(call, "status", {"open", "closed", "released", "expired", "reported"}),
      check_word(call, "state", {"normal", "restored", "watched", "throttled", "quarantined"}),
      check_word(call, "kind", {"account", "tenant", "domain", "address", "address-site", "client", "site"})};
  for (const auto& checked : checks) {
    if (!checked) return fail(checked.error());
  }
  return CaseFilter{call.in_query("status"), call.in_query("state"), call.in_query("kind"), call.in_query("name")};
}

}  // namespace

Task<Result<Json>> list_cases(const AdminServices& services, net::Shard& shard, Call call) {
  if (services.reputation == nullptr) co_return fail(ErrorCode::kUnavailable, "reputation is not counted here");
  const auto page = page_of(call);
  if (!page) co_return fail(page.error());
  const auto scope = tenant_scope(services, call);
  if (!scope) co_return fail(scope.error());
  const auto filter = case_filter(call);
  if (!filter) co_return fail(filter.error());
  const auto before =
      page->after.empty() ? cases::CaseId{} : cases::CaseId::parse(page->after).value_or(cases::CaseId{});
  const auto wanted = [&](const cases::Case& one) {
    const bool is_theirs = !scope->tenants || (!one.tenant.is_nil() && scope->includes(one.tenant));
    return is_theirs && filter->includes(one);
  };
  queue::OnShard there{services.reputation->shard()};
  co_await there;
  const auto found = services.reputation->cases(wanted, before, page->limit);
  queue::OnShard back{shard};
  co_await back;
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& one : found) items.push_back(case_json(*snapshot, one));
  const bool has_more = found.size() == page->limit;
  co_return page_json(std::move(items), has_more ? found.back().id.text() : std::string{});
}

Task<Result<Json>> show_case(const AdminServices& services, net::Shard& shard, Call call) {
  auto finding = find_case(services, call);
  const auto found = co_await std::move(finding);
  std::optional<UtcTime> until;
  if (found && found->one.is_acting()) until = found->desk->standing(found->one.key).until;
  queue::OnShard back{shard};
  co_await back;
  if (!found) co_return fail(found.error());
  const auto snapshot = services.live.snapshot();
  auto json = case_json(*snapshot, found->one);
  if (until) json["until"] = to_rfc3339(*until);  // more of the same may have made it later
  co_return json;
}

Task<Result<Json>> release_case(const AdminServices& services, net::Shard& shard, Call call) {
  auto finding = find_case(services, call);
  const auto found = co_await std::move(finding);
  Status done = found ? check_may_decide(call.caller, found->one) : Status{fail(found.error())};
  if (done) done = release(*found->desk, found->one, call);
  auto concluding = conclude(services, shard, found ? *found : Found{}, std::move(done));
  co_return co_await std::move(concluding);
}

Task<Result<Json>> close_case(const AdminServices& services, net::Shard& shard, Call call) {
  auto finding = find_case(services, call);
  const auto found = co_await std::move(finding);
  Status done = found ? check_may_decide(call.caller, found->one) : Status{fail(found.error())};
  if (done) done = found->desk->close_case(found->one.id, giver_of(call.caller));
  auto concluding = conclude(services, shard, found ? *found : Found{}, std::move(done));
  co_return co_await std::move(concluding);
}

// What the case holds of the queue: the account's mail, or that of all accounts of the tenant.
Result<queue::Selector> held_by(const cases::Case& one) {
  queue::Selector selector;
  selector.tenant = one.tenant;
  switch (one.key.kind) {
    case KeyKind::kAccount:
      selector.account = one.name;
      selector.account_id = one.key.account_id();
      return selector;
    case KeyKind::kTenant:
      selector.account = queue::kAnyAccount;
      return selector;
    default:
      return fail(ErrorCode::kConflict, "only the mail of an account or a tenant can be purged by its case",
                  "see who has the most, and choose by that: bulkhead queue top --by sender");
  }
}

// A case that is over, or about which nothing was done, holds nothing: its account may send honest mail again.
Result<queue::DirectiveOrder> purge_of(const cases::Case& one, const Call& call) {
  auto selector = held_by(one);
  if (!selector) return fail(selector.error());
  if (!one.is_acting()) {
    const bool is_told_only = one.status == cases::Case::Status::kReported;
    return fail(ErrorCode::kConflict,
                is_told_only ? std::string{"the case only reports: nothing was done, so it holds no mail to purge"}
                             : fmt::format("the case is {}: it holds no mail to purge any more", to_string(one.status)),
                fmt::format("to throw away what is queued all the same: bulkhead queue purge --{} {}",
                            to_string(one.key.kind), one.name));
  }
  queue::DirectiveOrder order;
  order.selector = std::move(*selector);
  order.action = queue::DirectiveAction::kPurge;
  order.is_dry_run = call.is_true("dry_run");
  order.by = giver_of(call.caller);
  return order;
}

void note_purge(const AdminServices& services, const Call& call, const Found& found,
                const queue::DirectiveAnswer& answer) {
  const auto what = "purged " + queue::amount_text(answer.deliveries, answer.messages);
  found.desk->note(found.one.id, giver_of(call.caller), what);
  Change change{"case " + found.one.id.text()};
  change.verb(what);
  record_change(services, call, found.one.tenant, change);
}

// Throws away what the account or tenant has in the queue; it stays as it is otherwise. Its own tenant may do that,
// too. The answer is the case, and how much it was.
Task<Result<Json>> purge_case(const AdminServices& services, net::Shard& shard, Call call) {
  auto finding = find_case(services, call);
  const auto found = co_await std::move(finding);
  auto order = found ? purge_of(found->one, call) : Result<queue::DirectiveOrder>{fail(found.error())};
  Status done = order ? Status{} : Status{fail(order.error())};
  queue::DirectiveAnswer answer;
  if (done) {
    auto ordering = services.queue.direct(found->desk->shard(), std::move(*order));
    auto ordered = co_await std::move(ordering);
    if (ordered) {
      answer = std::move(*ordered);
      if (!call.is_true("dry_run")) note_purge(services, call, *found, answer);
    } else {
      done = fail(ordered.error());
    }
  }
  auto concluding = conclude(services, shard, found ? *found : Found{}, std::move(done));
  auto json = co_await std::move(concluding);
  if (!json) co_return json;
  (*json)["deliveries"] = answer.deliveries;
  (*json)["messages"] = answer.messages;
  (*json)["active"] = answer.active;
  (*json)["complete"] = answer.is_complete;
  co_return json;
}

}  // namespace bulkhead::admin
