// How webhooks and their events stand in the store.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "src/base/secret.h"
#include "src/webhook/plan.h"

namespace bulkhead::app {

inline const std::string kEndpointRows = "hook/e";
inline const std::string kEventRows = "hook/q";

std::string endpoint_key(const webhook::EndpointId& id);
std::string event_key(const webhook::EndpointId& id, std::uint64_t number);
std::string past_events(const webhook::EndpointId& id);  // behind the last key of its events

struct EventPlace {
  webhook::EndpointId endpoint;
  std::uint64_t number = 0;
};
std::optional<EventPlace> place_of(std::string_view event_key);  // without the prefix

// Versioned; nothing when they cannot be read.
struct StoredEndpoint {
  std::string url;
  Secret secret;
  bool is_off = false;
};
std::string encode_endpoint(const StoredEndpoint& endpoint);
std::optional<StoredEndpoint> decode_endpoint(std::string_view value);

struct StoredEvent {
  std::string id;
  std::string body;
};
std::string encode_event(const StoredEvent& event);
std::optional<StoredEvent> decode_event(std::string_view value);

}  // namespace bulkhead::app
