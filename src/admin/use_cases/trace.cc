#include <charconv>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/use_cases/selector.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/use_cases/warnings.h"
#include "src/admin/views.h"
#include "src/trace/event_names.h"

namespace bulkhead::admin {
namespace {

tl::unexpected<Error> malformed(std::string_view name, std::string_view expected) {
  return fail(ErrorCode::kInvalid, fmt::format("the filter {} is not {}", name, expected));
}

// A moment, a day (its beginning, UTC), or a duration that counts back from now: "2026-11-23T00:00:00Z", "2026-11-23",
// "1h", "1h ago".
Status read_time(const AdminServices& services, const Call& call, std::string_view name, std::optional<UtcTime>& into) {
  std::string text{call.in_query(name)};
  if (text.empty()) return {};
  if (text.ends_with(" ago")) text.resize(text.size() - 4);
  constexpr std::size_t kDaySize = 10;  // "2026-11-23"
  if (const auto ago = parse_duration(text)) {
    into = services.clock.now() - *ago;
  } else {
    into = parse_rfc3339(text.size() == kDaySize ? text + "T00:00:00Z" : text);
  }
  if (!into) return malformed(name, "a time such as 2026-11-23T00:00:00Z, a day, or a duration such as 1h");
  return {};
}

template <class T>
Status read_value(const Call& call, std::string_view name, std::string_view expected, std::optional<T>& into) {
  const auto text = call.in_query(name);
  if (text.empty()) return {};
  into = T::parse(text);
  if (!into) return malformed(name, expected);
  return {};
}

Status read_event(const Call& call, trace::Query& query) {
  const auto text = call.in_query("event");
  if (text.empty()) return {};
  query.kind = trace::parse_event_kind(text);
  if (!query.kind) {
    return fail(ErrorCode::kInvalid, fmt::format("there is no event \"{}\"", escape_controls(text, 80)),
                fmt::format("one of: {}", fmt::join(trace::event_names(), ", ")));
  }
  return {};
}

Status read_filters(const AdminServices& services, const Call& call, trace::Query& query) {
  if (auto done = read_value(call, "id", "a message id of 26 characters", query.id); !done) return done;
  if (auto done = read_value(call, "client_ip", "an IP address", query.client_ip); !done) return done;
  if (auto done = read_value(call, "source", "an IP address", query.source); !done) return done;
  if (auto done = read_event(call, query); !done) return done;
  if (auto done = read_time(services, call, "since", query.since); !done) return done;
  if (auto done = read_time(services, call, "until", query.until); !done) return done;
  if (query.since && query.until && *query.until < *query.since) {
    return fail(ErrorCode::kInvalid, "until lies before since: nothing can be meant by both");
  }
  const auto older_than = call.in_query("older_than");
  if (older_than.empty()) return {};
  const auto age = parse_duration(older_than);
  if (!age) return malformed("older_than", "a duration such as 90s, 15m, 1h or 5d");
  const UtcTime latest = services.clock.now() - *age;
  query.until = std::min(latest, query.until.value_or(latest));
  return {};
}

Json events_json(const AdminServices& services, const std::vector<trace::Event>& events, const Caller& caller) {
  const auto snapshot = services.live.snapshot();
  Json items = Json::array();
  for (const auto& event : events) {
    if (caller.sees(event.tenant)) items.push_back(event_json(*snapshot, event));
  }
  return items;
}

// Where a page of a search ended, the newest first: at this time, of whose events so many have been shown.
struct Cursor {
  bool is_set = false;
  UtcTime at;
  std::size_t skipped = 0;
};

// "MICROSECONDS.COUNT", as cursor_after writes it.
Result<Cursor> cursor_of(const Call& call) {
  const auto text = call.in_query("after");
  Cursor cursor;
  if (text.empty()) return cursor;
  const char* const end = text.data() + text.size();
  std::int64_t micros = 0;
  const auto [dot, error] = std::from_chars(text.data(), end, micros);
  if (error != std::errc{} || dot == end || *dot != '.') return malformed("after", "the next of a page");
  const auto [last, count_error] = std::from_chars(dot + 1, end, cursor.skipped);
  if (count_error != std::errc{} || last != end || cursor.skipped >= trace::Trace::kLimitMax / 2) {
    return malformed("after", "the next of a page");
  }
  cursor.is_set = true;
  cursor.at = UtcTime{std::chrono::microseconds{micros}};
  return cursor;
}

void drop_seen(std::vector<trace::Event>& events, const Cursor& cursor) {
  if (!cursor.is_set) return;
  std::size_t seen = 0;
  while (seen < events.size() && seen < cursor.skipped && events[seen].at == cursor.at) ++seen;
  events.erase(events.begin(), events.begin() + static_cast<std::ptrdiff_t>(seen));
}

std::string cursor_after(const std::vector<trace::Event>& events, const Cursor& before) {
  const auto at = events.back().at;
  std::size_t shown = before.is_set && before.at == at ? before.skipped : 0;
  for (auto event = events.rbegin(); event != events.rend() && event->at == at; ++event) ++shown;
  return fmt::format("{}.{}", at.time_since_epoch().count(), shown);
}

}  // namespace

Result<trace::Query> trace_query(const AdminServices& services, const Call& call) {
  trace::Query query;
  auto scope = tenant_scope(services, call);
  if (!scope) return fail(scope.error());
  if (scope->tenants && scope->tenants->size() == 1) {
    query.tenant = scope->tenants->front();  // this one is in the index
  } else {
    query.tenants = std::move(scope->tenants);
  }
  const auto page = page_of(call);
  if (!page) return fail(page.error());
  query.limit = page->limit;
  if (auto done = read_filters(services, call, query); !done) return fail(done.error());
  query.account_name = call.in_query("account");
  query.sender = call.in_query("sender");
  query.recipient = call.in_query("recipient");
  query.recipient_domain = call.in_query("recipient_domain");
  query.site = call.in_query("site");
  query.message_id = call.in_query("message_id");
  query.subject = call.in_query("subject");
  query.user = call.in_query("user");
  query.protocol = call.in_query("protocol");
  return query;
}

Result<Json> search_trace(const AdminServices& services, const Call& call) {
  auto query = trace_query(services, call);
  if (!query) return fail(query.error());
  const auto limit = query->limit;
  const auto cursor = cursor_of(call);
  if (!cursor) return fail(cursor.error());
  if (cursor->is_set) query->until = std::min(cursor->at, query->until.value_or(cursor->at));
  query->limit = limit + cursor->skipped + 1;
  auto events = services.trace.search(*query);
  if (!events) return fail(events.error());
  drop_seen(*events, *cursor);
  std::string next;
  if (events->size() > limit) {
    events->resize(limit);
    next = cursor_after(*events, *cursor);
  }
  Json json = page_json(events_json(services, *events, call.caller), std::move(next));
  if (events->empty() && !cursor->is_set)
    add_warnings(json, account_warnings(services, call.caller, query->account_name));
  return json;
}

Result<Json> show_trace(const AdminServices& services, const Call& call) {
  const auto& text = call.in_path("id");
  const auto id = MessageId::parse(text);
  Json items = Json::array();
  if (id) {
    const auto events = services.trace.of_message(*id);
    if (!events) return fail(events.error());
    items = events_json(services, *events, call.caller);
  }
  if (items.empty()) {
    return fail(ErrorCode::kNotFound, fmt::format("no message \"{}\" in the trace", escape_controls(text, 80)),
                "find its id with: bulkhead trace search --sender A --recipient B");
  }
  return Json{{"id", id->text()}, {"events", std::move(items)}};
}

Result<Json> verify_trace(const AdminServices& services, const Call& call) {
  if (auto allowed = require_operator(call.caller, "verify the trace"); !allowed) return fail(allowed.error());
  // What waits may fill a block by now; then it is covered too. When it cannot be settled, the rest is still checked.
  if (const auto settled = services.trace.settle(); !settled) {
    services.log.error("the trace could not be settled before it was verified: {}", settled.error().message);
  }
  const auto verification = services.trace.verify();
  if (!verification) return fail(verification.error());
  return Json{{"intact", verification->faults.empty()},
              {"blocks", verification->blocks},
              {"events", verification->events},
              {"unsettled", services.trace.usage().unsettled},
              {"faults", verification->faults}};
}

}  // namespace bulkhead::admin
