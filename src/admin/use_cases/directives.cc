// Orders about a part of the queue: hold, release, purge, bounce; and those that are in force.
#include <algorithm>

#include <fmt/format.h>

#include "monitoring/cases/case_order.h"
#include "src/admin/use_cases/bounce_reports.h"
#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/directive_views.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"
#include "src/queue/amount.h"

namespace bulkhead::admin {
namespace {

// A tenant may not release what the operator or its reseller holds.
Status check_rank(const tenants::Snapshot& snapshot, const Caller& caller,
                  const std::vector<queue::DirectiveView>& in_force, const queue::Selector& selector) {
  for (const auto& view : in_force) {
    const auto& directive = view.directive;
    if (directive.action != queue::DirectiveAction::kHold || may_end(caller, directive.by)) continue;
    if (queue::are_disjoint(directive.selector, selector)) continue;
    if (!directive.selector.tenant || caller.sees(*directive.selector.tenant)) {
      const bool is_of_case = directive.by.starts_with(cases::kOrderedBy);
      const auto who = giver_above(snapshot, caller, directive.by);
      return fail(ErrorCode::kForbidden,
                  fmt::format("this mail is held by {}{}, since {}", is_of_case ? "" : "an order of ", who,
                              to_rfc3339(directive.given_at)),
                  is_of_case ? fmt::format("see why: bulkhead case show {}", who.substr(5))
                             : fmt::format("ask there for its end; the order is {}", directive.id.text()));
    }
  }
  return {};
}

Json samples_json(const tenants::Snapshot& snapshot, const Caller& caller,
                  const std::vector<queue::DeliveryView>& samples) {
  Json items = Json::array();
  for (const auto& sample : samples) items.push_back(delivery_json(snapshot, caller, sample));
  return items;
}

// The answers for all tenants that a reseller's order means, as one.
class Sum {
 public:
  void add(const tenants::Snapshot& snapshot, const Caller& caller, const queue::DirectiveAnswer& answer) {
    if (!answer.id.is_nil()) directives_.push_back(answer.id.text());
    deliveries_ += answer.deliveries;
    messages_ += answer.messages;
    accounts_ += answer.accounts;
    active_ += answer.active;
    is_exact_ = is_exact_ && answer.is_exact;
    is_complete_ = is_complete_ && answer.is_complete;
    is_void_ = is_void_ && answer.is_void;
    for (const auto& text : answer.overridden) overridden_.push_back(named_order(snapshot, caller, text));
    for (auto& sample : samples_json(snapshot, caller, answer.samples)) samples_.push_back(std::move(sample));
  }
  void add(const ReportCounts& more) {
    reports_.emplace(reports_.value_or(ReportCounts{}));
    reports_->told += more.told;
    reports_->outside += more.outside;
    reports_->null += more.null;
  }
  bool is_void() const { return is_void_; }
  Json json() const {
    Json json = counts();
    if (reports_) json["reports"] = reports_json(*reports_, deliveries_);
    return json;
  }

 private:
  Json counts() const {
    return Json{{"directive", directives_.empty() ? Json(nullptr) : directives_.front()},
                {"directives", directives_},
                {"matched", deliveries_},
                {"deliveries", deliveries_},
                {"messages", messages_},
                {"accounts", accounts_},
                {"active", active_},
                {"exact", is_exact_},
                {"complete", is_complete_},
                {"overridden", overridden_},
                {"samples", samples_}};
  }

  std::optional<ReportCounts> reports_;  // of an order to bounce
  Json directives_ = Json::array(), overridden_ = Json::array(), samples_ = Json::array();
  std::uint64_t deliveries_ = 0, messages_ = 0, accounts_ = 0, active_ = 0;
  bool is_exact_ = true, is_complete_ = true, is_void_ = true;
};

// Of an order that means nothing.
std::string_view void_text(queue::DirectiveAction action) {
  if (action == queue::DirectiveAction::kRelease) {
    return "no order holds any of it: nothing is released, and no order is kept; an exception is one from a hold that "
           "is in force";
  }
  return "nothing in the queue matches: no order is kept; --and-future means what comes, too";
}

// Of a reseller's order that only some of its tenants have got: what was done stands, and who gave it must know of the
// rest.
std::string partial_text(std::size_t given, std::size_t meant, const Error& refusal) {
  return fmt::format(
      "the order was NOT given for {} of the {} tenants that it means, and stands for the other {}: {}{}{}; it can be "
      "given for one tenant with --tenant",
      meant - given, meant, given, refusal.message, refusal.advice.empty() ? "" : "; ", refusal.advice);
}

Task<Result<Json>> order(const AdminServices& services, net::Shard& shard, Call call, queue::DirectiveAction action) {
  const auto selectors = queue_selectors(services, call);
  if (!selectors) co_return fail(selectors.error());
  queue::DirectiveOrder order;
  order.action = action;
  order.and_future = call.is_true("and_future");
  order.is_dry_run = call.is_true("dry_run");
  order.is_for_all = call.is_true("all");
  order.reports_to_all = call.is_true("report_to_all");
  order.by = giver_of(call.caller);
  if (!call.caller.is_operator()) order.peers = order.by.substr(0, order.by.size() - call.caller.name.size());
  // The scope of a tenant's token is not a selector that it gave.
  if (auto meant = check_meant(call); !meant) co_return fail(meant.error());
  const auto snapshot = services.live.snapshot();
  if (action == queue::DirectiveAction::kRelease && !call.caller.is_operator()) {
    const auto in_force = co_await services.queue.directives(shard);
    for (const auto& selector : *selectors) {
      if (auto allowed = check_rank(*snapshot, call.caller, in_force, selector); !allowed)
        co_return fail(allowed.error());
    }
  }
  Sum sum;
  std::size_t given = 0;
  std::optional<Error> refusal;  // the first
  for (const auto& selector : *selectors) {
    order.selector = selector;
    ReportCounts reports;
    if (action == queue::DirectiveAction::kBounce) {
      auto counting = count_reports(services, shard, selector, order.reports_to_all);
      reports = co_await std::move(counting);
    }
    auto ordering = services.queue.direct(shard, order);
    const auto answer = co_await std::move(ordering);
    if (!answer) {
      if (!refusal) refusal = answer.error();
      // Beyond the bound there is room for what takes the place of an earlier order; other faults meet all that follow.
      if (answer.error().code == ErrorCode::kLimit) continue;
      break;
    }
    ++given;
    if (action == queue::DirectiveAction::kBounce) sum.add(reports);
    sum.add(*snapshot, call.caller, *answer);
    if (order.is_dry_run) continue;
    Change change{"queue"};
    change.verb(fmt::format("{} of {}{}; selected by {}", queue::to_string(action),
                            queue::amount_text(answer->deliveries, answer->messages),
                            order.and_future ? " and what follows" : "", selected_by(selector)));
    record_change(services, call, selector.tenant.value_or(TenantId{}), change);
  }
  if (refusal && given == 0) co_return fail(*refusal);
  auto warning = account_warnings(services, shard, call.caller, selectors->front().account);
  auto warnings = co_await std::move(warning);
  if (order.and_future) {
    for (auto& text : warnings) text += "; the order stands for when there is one";
  }
  Json json = sum.json();
  // A release counts what it lets go; the others, what is there.
  const bool tells_presence = action != queue::DirectiveAction::kRelease && json["complete"] == true;
  if (const auto& id = selectors->front().id; id && tells_presence && json["deliveries"] == 0) {
    warnings.push_back(
        fmt::format("no message {0} is in the queue; what became of it: bulkhead trace show {0}", id->text()));
  }
  if (refusal) warnings.push_back(partial_text(given, selectors->size(), *refusal));
  if (sum.is_void() && !order.is_dry_run && warnings.empty()) warnings.emplace_back(void_text(action));
  add_warnings(json, warnings);
  co_return json;
}

}  // namespace

Task<Result<Json>> hold_queue(const AdminServices& services, net::Shard& shard, Call call) {
  return order(services, shard, std::move(call), queue::DirectiveAction::kHold);
}

Task<Result<Json>> release_queue(const AdminServices& services, net::Shard& shard, Call call) {
  return order(services, shard, std::move(call), queue::DirectiveAction::kRelease);
}

Task<Result<Json>> purge_queue(const AdminServices& services, net::Shard& shard, Call call) {
  return order(services, shard, std::move(call), queue::DirectiveAction::kPurge);
}

Task<Result<Json>> bounce_queue(const AdminServices& services, net::Shard& shard, Call call) {
  return order(services, shard, std::move(call), queue::DirectiveAction::kBounce);
}

Task<Result<Json>> list_directives(const AdminServices& services, net::Shard& shard, Call call) {
  const auto scope = tenant_scope(services, call);
  if (!scope) co_return fail(scope.error());
  const auto page = page_of(call);
  if (!page) co_return fail(page.error());
  auto in_force = co_await services.queue.directives(shard);
  std::ranges::sort(in_force, {}, [](const queue::DirectiveView& view) { return view.directive.id; });
  Json items = Json::array();
  std::string next;
  for (const auto& view : in_force) {
    const auto& directive = view.directive;
    if (!scope->includes(directive.selector.tenant) || directive.id.text() <= page->after) continue;
    if (items.size() == page->limit) {
      next = items.back()["id"];
      break;
    }
    auto showing = directive_json(services, shard, call.caller, view);
    auto item = co_await std::move(showing);
    items.push_back(std::move(item));
  }
  co_return page_json(std::move(items), std::move(next));
}

// Whatever its kind: a purge or a bounce of what follows has no other end.
Task<Result<Json>> end_directive(const AdminServices& services, net::Shard& shard, Call call) {
  const std::string text = escape_controls(call.in_path("directive"), 80);
  const auto id = queue::DirectiveId::parse(text);
  const auto in_force = co_await services.queue.directives(shard);
  const auto is_meant = [&](const queue::DirectiveView& view) {
    const auto& tenant = view.directive.selector.tenant;
    return id && view.directive.id == *id && (call.caller.is_operator() || (tenant && call.caller.sees(*tenant)));
  };
  const auto found = std::ranges::find_if(in_force, is_meant);
  if (found == in_force.end()) {
    co_return fail(ErrorCode::kNotFound, fmt::format("no order \"{}\" is in force", text),
                   "those that are: bulkhead queue directives");
  }
  const queue::Directive directive = found->directive;
  if (directive.by.starts_with(cases::kOrderedBy)) {
    co_return fail(ErrorCode::kConflict, "this order is that of a case, and ends with it",
                   fmt::format("bulkhead case release {}", directive.by.substr(cases::kOrderedBy.size())));
  }
  if (!may_end(call.caller, directive.by)) {
    const auto snapshot = services.live.snapshot();
    co_return fail(ErrorCode::kForbidden,
                   "this order was given by " + giver_above(*snapshot, call.caller, directive.by),
                   "ask there for its end");
  }
  queue::DirectiveOrder order;
  order.ends = directive.id;
  order.by = giver_of(call.caller);
  auto ordering = services.queue.direct(shard, std::move(order));
  const auto answer = co_await std::move(ordering);
  if (!answer) co_return fail(answer.error());
  Change change{"queue"};
  change.verb(fmt::format("end of the order {} ({}); selected by {}", directive.id.text(),
                          queue::to_string(directive.action), selected_by(directive.selector)));
  record_change(services, call, directive.selector.tenant.value_or(TenantId{}), change);
  Json json{
      {"id", directive.id.text()}, {"ended", !answer->goes_on}, {"left", answer->goes_on ? answer->deliveries : 0}};
  if (answer->goes_on) {
    add_warnings(
        json, {fmt::format("{} that it has taken out of the queue stay out, and it ends by itself when they are "
                           "gone; it means nothing that follows",
                           answer->deliveries == 1 ? "1 delivery" : fmt::format("{} deliveries", answer->deliveries))});
  }
  co_return json;
}

}  // namespace bulkhead::admin
