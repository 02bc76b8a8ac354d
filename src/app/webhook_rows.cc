#include "src/app/webhook_rows.h"

namespace bulkhead::app {

namespace {

// Version 1: the byte, a flag, and two texts with a line feed between them.
constexpr char kVersion = 1;

std::optional<std::pair<std::string_view, std::string_view>> split(std::string_view text) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos) return std::nullopt;
  return std::pair{text.substr(0, end), text.substr(end + 1)};
}

}  // namespace

std::string endpoint_key(const webhook::EndpointId& id) {
  return kEndpointRows + std::string{id.bytes()};
}

std::string event_key(const webhook::EndpointId& id, std::uint64_t number) {
  std::string key = kEventRows + std::string{id.bytes()};
  for (int shift = 56; shift >= 0; shift -= 8) key += static_cast<char>(number >> shift);
  return key;
}

std::string past_events(const webhook::EndpointId& id) {
  return event_key(id, UINT64_MAX) + '\0';
}

std::optional<EventPlace> place_of(std::string_view key) {
  if (key.size() != 24) return std::nullopt;
  EventPlace place{webhook::EndpointId::from_bytes(key.substr(0, 16)), 0};
  for (const char c : key.substr(16)) place.number = place.number << 8 | static_cast<unsigned char>(c);
  return place;
}

std::string encode_endpoint(const StoredEndpoint& endpoint) {
  std::string value{kVersion, endpoint.is_off ? '1' : '0'};
  value += endpoint.secret.reveal();
  return value + '\n' + endpoint.url;
}

std::optional<StoredEndpoint> decode_endpoint(std::string_view value) {
  if (value.size() < 2 || value.front() != kVersion) return std::nullopt;
  const auto parts = split(value.substr(2));
  if (!parts) return std::nullopt;
  return StoredEndpoint{std::string{parts->second}, Secret{std::string{parts->first}}, value[1] == '1'};
}

std::string encode_event(const StoredEvent& event) {
  return std::string{kVersion} + event.id + '\n' + event.body;
}

std::optional<StoredEvent> decode_event(std::string_view value) {
  if (value.empty() || value.front() != kVersion) return std::nullopt;
  const auto parts = split(value.substr(1));
  if (!parts) return std::nullopt;
  return StoredEvent{std::string{parts->first}, std::string{parts->second}};
}

}  // namespace bulkhead::app
