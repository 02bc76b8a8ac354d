// How accounts, tenants, addresses and clients stand, what people order about them, and the policies.
#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <span>
#include <utility>

#include <fmt/format.h>

#include "src/admin/use_cases/change.h"
#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/reputation_past.h"
#include "src/admin/use_cases/reputation_views.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/queue/bridge.h"

namespace bulkhead::admin {

namespace {

using reputation::Key;
using reputation::KeyKind;
using reputation::State;

constexpr std::size_t kLookedAtMax = 20'000;   // by one call, for who sees only some of them
constexpr std::size_t kExemptLookedAt = 4000;  // at once
constexpr std::size_t kHistoryMax = 200;

template <class T>
std::optional<T> parse_name(std::string_view text, int count) {
  for (int i = 0; i < count; ++i) {
    if (to_string(static_cast<T>(i)) == text) return static_cast<T>(i);
  }
  return std::nullopt;
}

std::optional<State> parse_state(std::string_view text) {
  return parse_name<State>(text, 5);
}

std::string giver_of(const Caller& caller) {
  return caller.is_operator() ? "operator " + caller.name : "tenant " + caller.name;
}

// One call at the desk, which lives on a shard of its own.
struct DeskCall {
  const AdminServices& services;
  net::Shard& shard;
  ReputationDesk& desk;
  Call call;

  // Runs `work` where the desk lives, and comes back.
  template <class F>
  auto ask(F work) const -> Task<decltype(work(std::declval<ReputationDesk&>()))> {
    queue::OnShard there{desk.shard()};
    co_await there;
    auto result = work(desk);
    queue::OnShard back{shard};
    co_await back;
    co_return result;
  }

  // As ask() for a change, and waits until it is stored.
  Task<Status> change(std::function<Status(ReputationDesk&)> work) const;
};

Task<Status> DeskCall::change(std::function<Status(ReputationDesk&)> work) const {
  queue::OnShard there{desk.shard()};
  co_await there;
  Status done = work(desk);
  if (done) {
    auto settling = desk.settle();
    done = co_await std::move(settling);
  }
  queue::OnShard back{shard};
  co_await back;
  co_return done;
}

// What every call begins with. The handlers take their arguments by value, as coroutines do.
using DeskHandler = Task<Result<Json>> (*)(DeskCall);
Task<Result<Json>> at_desk(const AdminServices& services, net::Shard& shard, Call call, DeskHandler handler) {
  if (services.reputation == nullptr) co_return fail(ErrorCode::kUnavailable, "reputation is not counted here");
  auto handling = handler(DeskCall{services, shard, *services.reputation, std::move(call)});
  co_return co_await std::move(handling);
}

// The same for calls about one key, which their path names.
using KeyHandler = Task<Result<Json>> (*)(DeskCall, NamedKey);
Task<Result<Json>> at_desk(const AdminServices& services, net::Shard& shard, Call call, KeyHandler handler) {
  if (services.reputation == nullptr) co_return fail(ErrorCode::kUnavailable, "reputation is not counted here");
  auto finding = find_key(services, shard, call.caller, call.in_path("key"));
  auto named = co_await std::move(finding);
  if (!named) co_return fail(named.error());
  auto handling = handler(DeskCall{services, shard, *services.reputation, std::move(call)}, std::move(*named));
  co_return co_await std::move(handling);
}

struct ListFilter {
  std::optional<KeyKind> kind;
  State least = State::kRestored;
  TenantScope scope;
  bool is_exempt_only = false;  // in whatever state
};

Result<ListFilter> list_filter(const AdminServices& services, const Call& call) {
  ListFilter filter;
  const auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  filter.scope = *scope;
  if (const auto kind = call.in_query("kind"); !kind.empty()) {
    filter.kind = parse_name<KeyKind>(kind, reputation::kKeyKinds);
    if (!filter.kind) {
      return fail(ErrorCode::kInvalid, "kind is one of account, tenant, domain, address, address-site, client, site");
    }
  }
  if (const auto text = call.in_query("state"); !text.empty()) {
    const auto state = parse_state(text);
    if (!state) {
      return fail(ErrorCode::kInvalid, "state is one of normal, restored, watched, throttled, quarantined");
    }
    filter.least = *state;
  }
  filter.is_exempt_only = call.in_query("exempt") == "true";
  if (filter.is_exempt_only && call.in_query("state").empty()) filter.least = State::kNormal;
  return filter;
}

using Rank = reputation::Rank;

Rank rank_of(const reputation::Standing& standing) {
  return {standing.state, standing.key};
}

// What ?after= takes: a digit for the state, and the key in hexadecimal.
std::string text_of(const Rank& rank) {
  std::string text(1, static_cast<char>('0' + static_cast<int>(rank.state)));
  for (const char byte : rank.key.encoded()) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

Result<std::optional<Rank>> rank_after(const Page& page) {
  const std::string& text = page.after;
  if (text.empty()) return std::optional<Rank>{};
  std::string encoded;
  for (std::size_t i = 1; i + 1 < text.size(); i += 2) {
    unsigned byte = 0;
    const auto [end, error] = std::from_chars(&text[i], &text[i] + 2, byte, 16);
    if (error != std::errc{} || end != &text[i] + 2) break;
    encoded += static_cast<char>(byte);
  }
  const auto key = Key::decode(encoded);
  const bool is_whole = text.size() == 1 + 2 * encoded.size() && text[0] >= '0' && text[0] <= '4';
  if (!key || !is_whole) return fail(ErrorCode::kInvalid, "after is the `next` of the page before");
  return std::optional{Rank{static_cast<State>(text[0] - '0'), *key}};
}

// The worst `most` behind `after`, of all kinds that are asked for.
std::vector<reputation::Standing> standings(const ReputationDesk& desk, const ListFilter& filter, std::size_t most,
                                            const std::optional<Rank>& after) {
  std::vector<reputation::Standing> all;
  for (int i = 0; i < reputation::kKeyKinds; ++i) {
    const auto kind = static_cast<KeyKind>(i);
    if (filter.kind && *filter.kind != kind) continue;
    auto of_kind = desk.list(kind, filter.least, most, after);
    all.insert(all.end(), std::make_move_iterator(of_kind.begin()), std::make_move_iterator(of_kind.end()));
  }
  std::ranges::sort(all, [](const auto& a, const auto& b) { return rank_of(a).is_before(rank_of(b)); });
  if (all.size() > most) all.erase(all.begin() + static_cast<std::ptrdiff_t>(most), all.end());
  return all;
}

Result<StateOrder> order_of(const Call& call, const NamedKey& named, std::chrono::seconds usual) {
  StateOrder order{.key = named.key, .tenant = named.tenant, .name = named.name, .reason = {}, .by = {}};
  order.lasts = usual;
  order.reason = call.text("reason");
  order.by = giver_of(call.caller);
  if (const auto text = call.text("for"); !text.empty()) {
    const auto lasts = parse_duration(text);
    if (!lasts) return fail(ErrorCode::kInvalid, "for is a duration: 90s, 15m, 4h, 7d");
    order.lasts = *lasts;
  }
  if (order.reason.empty())
    return fail(ErrorCode::kInvalid, "a reason is missing", "say why, for those who look later");
  if (auto checked = check_reason(order.reason); !checked) return fail(checked.error());
  return order;
}

// Whoever is above the tenant decides about it; what is nobody's is the operator's. Nothing is held back because of a
// site, so there is nothing to order.
Status check_may_order(const Caller& caller, const NamedKey& named) {
  if (named.key.kind == KeyKind::kSite) {
    return fail(ErrorCode::kInvalid, "sites are only observed: no state of a site holds mail back",
                "pace what goes there: bulkhead limit set --site");
  }
  if (named.tenant.is_nil()) return require_operator(caller, "change this");
  return require_above(caller, named.tenant, "change the reputation of its accounts");
}

Result<PolicyScope> scope_of(const AdminServices& services, const Call& call) {
  const auto given = [&call](std::string_view name) { return call.has(name) ? call.text(name) : call.in_query(name); };
  PolicyScope scope;
  scope.plan = given("plan");
  if (!scope.plan.empty() && !tenants::parse_plan(scope.plan)) {
    return fail(ErrorCode::kInvalid, "plan is one of new, normal, bulk");
  }
  auto name = given("tenant");
  if (name.empty() && scope.plan.empty() && call.caller.tenant) name = call.caller.tenant->text();
  if (!name.empty()) {
    const auto tenant = find_tenant(services, call.caller, name);
    if (!tenant) return fail(tenant.error());
    scope.tenant = tenant->id;
  }
  if (scope.tenant && !scope.plan.empty()) return fail(ErrorCode::kInvalid, "a tenant or a plan, not both");
  return scope;
}

// "0.5%" or "0.005"; from none to all.
std::optional<double> share_in(std::string_view text) {
  const bool is_percent = text.ends_with('%');
  if (is_percent) text.remove_suffix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
  if (is_percent) value /= 100;
  return value >= 0 && value <= 1 ? std::optional{value} : std::nullopt;
}

constexpr std::array<std::string_view, 4> kOfRule{"count", "share", "volume", "rule_shadow"};
constexpr std::array<std::string_view, 2> kOfAll{"shadow", "lock_sign_in"};

bool has_any(const Call& call, std::span<const std::string_view> fields) {
  return std::ranges::any_of(fields, [&call](auto name) { return call.has(name); });
}

// The rule that the call is about, if any, is one that there is.
Status check_rule(const reputation::Policy& policy, std::string_view name) {
  if (name.empty() || policy.find(name) != nullptr) return {};
  return fail(ErrorCode::kNotFound, fmt::format("no rule {}", escape_controls(name, 80)),
              "the names are in: bulkhead reputation policy");
}

// What is not one tenant's is judged by the node's policy: a tenant or plan that sets such a rule would set nothing.
Status check_scope(const PolicyScope& scope, const reputation::Policy& policy, const PolicySettings& settings,
                   std::string_view name) {
  const auto* rule = policy.find(name);
  const auto own = settings.rules.find(name);
  if (rule == nullptr || own == settings.rules.end() || own->second.empty()) return {};
  if (!is_below_node(scope) || !is_judged_by_node(rule->kind)) return {};
  return fail(ErrorCode::kInvalid,
              fmt::format("{} is about the kind {}, which is not one tenant's: the node's policy judges it", name,
                          to_string(rule->kind)),
              "set it for the node: without a tenant or plan");
}

// null gives a figure back to the shipped rule.
Status apply_rule(const Call& call, reputation::RuleSettings& settings) {
  const auto number = [&call](std::string_view name, std::optional<double>& setting) {
    if (!call.has(name)) return;
    const auto given = call.number(name);
    setting = given ? std::optional{static_cast<double>(*given)} : std::nullopt;
  };
  number("count", settings.count);
  number("volume", settings.volume);
  if (call.has("share")) {
    settings.share = call.is_null("share") ? std::nullopt : share_in(call.text("share"));
    if (!settings.share && !call.is_null("share")) {
      return fail(ErrorCode::kInvalid, "'" + call.text("share") + "' is no share", "give a percentage: 0.5%");
    }
  }
  if (call.has("rule_shadow")) {
    settings.is_shadow = call.is_null("rule_shadow") ? std::nullopt : std::optional{call.is_true("rule_shadow")};
  }
  return {};
}

Status apply_settings(const Call& call, PolicySettings& settings) {
  if (call.has("shadow"))
    settings.is_shadow = call.is_null("shadow") ? std::nullopt : std::optional{call.is_true("shadow")};
  if (call.has("lock_sign_in")) {
    settings.locks_sign_in = call.is_null("lock_sign_in") ? std::nullopt : std::optional{call.is_true("lock_sign_in")};
  }
  const auto rule = call.text("rule");
  if (!has_any(call, kOfRule)) return {};
  if (rule.empty()) return fail(ErrorCode::kInvalid, "which rule is meant?", "name it with rule");
  return apply_rule(call, settings.rules[rule]);
}

Task<Result<Json>> list(DeskCall at) {
  const auto page = page_of(at.call);
  if (!page) co_return fail(page.error());
  const auto filter = list_filter(at.services, at.call);
  if (!filter) co_return fail(filter.error());
  auto after = rank_after(*page);
  if (!after) co_return fail(after.error());
  const auto snapshot = at.services.live.snapshot();
  const auto now = at.services.clock.now();
  // One more tells whether there is a next page. The exempt are few among many.
  const std::size_t most = filter->is_exempt_only ? kExemptLookedAt : page->limit + 1;
  Json items = Json::array();
  for (std::size_t looked_at = 0;;) {
    auto work = [&](const ReputationDesk& where) { return standings(where, *filter, most, *after); };
    auto asking = at.ask(std::move(work));
    const auto found = co_await std::move(asking);
    for (const auto& standing : found) {
      if (filter->is_exempt_only && !standing.exemption.holds(now)) {
        *after = rank_of(standing);
        continue;
      }
      if (items.size() == page->limit) co_return page_json(std::move(items), text_of(**after));
      auto naming = name_key(at.services, at.shard, standing.key);
      const auto named = co_await std::move(naming);
      const auto& scope = filter->scope;
      const bool is_visible = !scope.tenants || (!named.tenant.is_nil() && scope.includes(named.tenant));
      if (is_visible) items.push_back(standing_json(*snapshot, named, standing, now));
      *after = rank_of(standing);
    }
    if (found.size() < most) co_return page_json(std::move(items), {});
    looked_at += found.size();
    if (looked_at >= kLookedAtMax) co_return page_json(std::move(items), text_of(**after));
  }
}

struct Shown {
  reputation::Standing standing;
  std::string case_id;  // of the case that holds it in its state; "" for none
};

Task<Result<Json>> show(DeskCall at, NamedKey named) {
  auto work = [&named](const ReputationDesk& where) {
    const auto holds_it = [&named](const cases::Case& one) { return one.is_acting() && one.key == named.key; };
    const auto found = where.cases(holds_it, {}, 1);
    return Shown{where.standing(named.key), found.empty() ? std::string{} : found.front().id.text()};
  };
  auto asking = at.ask(std::move(work));
  const auto shown = co_await std::move(asking);
  const auto snapshot = at.services.live.snapshot();
  auto json = standing_json(*snapshot, named, shown.standing, at.services.clock.now());
  json["case"] = shown.case_id.empty() ? Json(nullptr) : Json(shown.case_id);
  co_return json;
}

Task<Result<Json>> history(DeskCall at, NamedKey named) {
  auto work = [&named, now = at.services.clock.now()](const ReputationDesk& where) {
    const auto is_its = [&named](const cases::Case& one) { return one.key == named.key; };
    auto its_cases = where.cases(is_its, {}, kHistoryMax);
    std::ranges::reverse(its_cases);
    return past_of(where.standing(named.key), its_cases, now);
  };
  auto asking = at.ask(std::move(work));
  auto past = co_await std::move(asking);
  co_return page_json(std::move(past), {});
}

Task<Result<Json>> set(DeskCall at, NamedKey named) {
  if (auto allowed = check_may_order(at.call.caller, named); !allowed) co_return fail(allowed.error());
  const auto state = parse_state(at.call.text("state"));
  if (!state) {
    co_return fail(ErrorCode::kInvalid, "state is one of normal, restored, watched, throttled, quarantined");
  }
  auto order = order_of(at.call, named, std::chrono::hours{24});
  if (!order) co_return fail(order.error());
  if (order->lasts.count() == 0) {
    co_return fail(ErrorCode::kInvalid, "a state that lasts 0 s is none", "to end one: --state normal");
  }
  order->state = *state;
  auto work = [&order](ReputationDesk& where) { return where.set_state(*order); };
  auto setting = at.change(std::move(work));
  const auto done = co_await std::move(setting);
  if (!done) co_return fail(done.error());
  auto showing = show(std::move(at), std::move(named));
  co_return co_await std::move(showing);
}

Task<Result<Json>> exempt(DeskCall at, NamedKey named) {
  if (auto allowed = check_may_order(at.call.caller, named); !allowed) co_return fail(allowed.error());
  auto order = order_of(at.call, named, std::chrono::hours{24 * 7});
  if (!order) co_return fail(order.error());
  auto work = [&order](ReputationDesk& where) { return where.exempt(*order); };
  auto setting = at.change(std::move(work));
  const auto done = co_await std::move(setting);
  if (!done) co_return fail(done.error());
  Change change{"reputation of " + named.name};
  change.verb(order->lasts.count() == 0 ? "exemption ended: " + order->reason
                                        : fmt::format("exempt for {} s: {}", order->lasts.count(), order->reason));
  record_change(at.services, at.call, named.tenant, change);
  auto showing = show(std::move(at), std::move(named));
  co_return co_await std::move(showing);
}

Task<Result<Json>> show_policy(DeskCall at) {
  const auto scope = scope_of(at.services, at.call);
  if (!scope) co_return fail(scope.error());
  const auto snapshot = at.services.live.snapshot();
  const auto rule = at.call.has("rule") ? at.call.text("rule") : at.call.in_query("rule");
  auto work = [&](const ReputationDesk& where) -> Result<Json> {
    auto policy = where.policy(*scope);
    if (auto known = check_rule(policy, rule); !known) return fail(known.error());
    if (!rule.empty()) std::erase_if(policy.rules, [&rule](const auto& one) { return one.name != rule; });
    return policy_json(*scope, *snapshot, where.settings(*scope), policy);
  };
  auto asking = at.ask(std::move(work));
  auto json = co_await std::move(asking);
  co_return json;
}

Task<Result<Json>> set_policy(DeskCall at) {
  const auto scope = scope_of(at.services, at.call);
  if (!scope) co_return fail(scope.error());
  const auto allowed = scope->tenant ? require_above(at.call.caller, *scope->tenant, "set its policy")
                                     : require_operator(at.call.caller, "set the policy of the node or of a plan");
  if (!allowed) co_return fail(allowed.error());
  if (!has_any(at.call, kOfRule) && !has_any(at.call, kOfAll)) {
    auto showing = show_policy(std::move(at));
    co_return co_await std::move(showing);
  }
  auto work = [&](ReputationDesk& where) -> Status {
    const auto policy = where.policy(*scope);
    const auto rule = at.call.text("rule");
    if (auto known = check_rule(policy, rule); !known) return known;
    auto settings = where.settings(*scope);
    if (auto applied = apply_settings(at.call, settings); !applied) return applied;
    if (auto theirs = check_scope(*scope, policy, settings, rule); !theirs) return theirs;
    return where.set_policy(*scope, std::move(settings));
  };
  auto setting = at.change(std::move(work));
  const auto done = co_await std::move(setting);
  if (!done) co_return fail(done.error());
  Change change{"policy of reputation"};
  for (const auto& [name, value] : at.call.body.items()) change.verb(name + " " + dump(value));
  record_change(at.services, at.call, scope->tenant.value_or(TenantId{}), change);
  auto showing = show_policy(std::move(at));
  co_return co_await std::move(showing);
}

Task<Result<Json>> unknown_replies(DeskCall at) {
  if (auto allowed = require_operator(at.call.caller, "see what remote servers say"); !allowed) {
    co_return fail(allowed.error());
  }
  auto work = [](const ReputationDesk& where) { return where.unknown_replies(); };
  auto asking = at.ask(std::move(work));
  const auto found = co_await std::move(asking);
  Json items = Json::array();
  for (const auto& reply : found) {
    items.push_back(Json{{"provider", reply.provider},
                         {"stage", to_string(reply.stage)},
                         {"shape", reply.shape},
                         {"sample", reply.sample},
                         {"fixture", replies::export_text({reply})},
                         {"count", reply.count},
                         {"first", to_rfc3339(reply.first)},
                         {"last", to_rfc3339(reply.last)}});
  }
  co_return page_json(std::move(items), {});
}

Task<Result<Json>> reply_rules(DeskCall at) {
  if (auto allowed = require_operator(at.call.caller, "see what remote servers say"); !allowed) {
    co_return fail(allowed.error());
  }
  auto work = [](const ReputationDesk& where) { return where.rule_counts(); };
  auto asking = at.ask(std::move(work));
  const auto found = co_await std::move(asking);
  Json items = Json::array();
  for (const auto& rule : found) {
    items.push_back(
        Json{{"rule", rule.rule.empty() ? "(none)" : rule.rule}, {"decided", rule.decided}, {"shadow", rule.shadowed}});
  }
  co_return page_json(std::move(items), {});
}

template <auto kHandler>
Task<Result<Json>> desk_call(const AdminServices& services, net::Shard& shard, Call call) {
  return at_desk(services, shard, std::move(call), kHandler);
}

}  // namespace

constinit const ShardUseCase list_reputation = desk_call<&list>;
constinit const ShardUseCase show_reputation = desk_call<&show>;
constinit const ShardUseCase reputation_history = desk_call<&history>;
constinit const ShardUseCase set_reputation = desk_call<&set>;
constinit const ShardUseCase exempt_reputation = desk_call<&exempt>;
constinit const ShardUseCase show_reputation_policy = desk_call<&show_policy>;
constinit const ShardUseCase set_reputation_policy = desk_call<&set_policy>;
constinit const ShardUseCase list_unknown_replies = desk_call<&unknown_replies>;
constinit const ShardUseCase list_reply_rules = desk_call<&reply_rules>;

}  // namespace bulkhead::admin
