// The JSON of a trace event: the fields that apply, under the names of the interface.
#include <fmt/ranges.h>

#include "src/admin/use_cases/lookup.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

void put(Json& json, const char* name, const std::string& value) {
  if (!value.empty()) json[name] = value;
}

template <class T>
void put(Json& json, const char* name, const std::optional<T>& value) {
  if (value) json[name] = value->text();
}

void put_origin(Json& json, const tenants::Snapshot& snapshot, const trace::Event& event) {
  if (!event.id.is_nil()) json["id"] = event.id.text();
  if (!event.tenant.is_nil()) json["tenant"] = tenant_name(snapshot, event.tenant);
  put(json, "account", event.account_name);
  put(json, "client_ip", event.client_ip);
  put(json, "arrival", event.arrival);
  put(json, "source", event.source);
  put(json, "remote", event.remote);
  put(json, "site", event.site);
  put(json, "protocol", event.protocol);
}

void put_message(Json& json, const trace::Event& event) {
  put(json, "sender", event.sender);
  if (!event.recipients.empty()) {
    json["recipient"] = fmt::format("{}", fmt::join(event.recipients, ", "));
    json["recipients"] = event.recipients;
  }
  put(json, "message_id", event.message_id);
  put(json, "subject", event.subject);
  if (event.size != 0) json["size"] = event.size;
  put(json, "folder", event.folder);
  if (event.uid != 0) json["uid"] = event.uid;
}

}  // namespace

Json event_json(const tenants::Snapshot& snapshot, const trace::Event& event) {
  Json json{{"at", to_rfc3339(event.at)}, {"event", trace::to_string(event.kind)}};
  put_origin(json, snapshot, event);
  put_message(json, event);
  put(json, "rule", event.rule);
  put(json, "verdict", event.verdict);
  put(json, "reply", event.reply);
  put(json, "tls", event.tls);
  put(json, "user", event.user);
  put(json, "detail", event.detail);
  return json;
}

}  // namespace bulkhead::admin
