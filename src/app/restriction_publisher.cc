#include "src/app/restriction_publisher.h"

#include <algorithm>
#include <utility>

namespace bulkhead::app {

using reputation::KeyKind;
using reputation::RestrictionMap;

void RestrictionPublisher::put(const reputation::Key& key, reputation::Restriction restriction) {
  const bool is_client = key.kind == KeyKind::kClient;
  (is_client ? clients_ : senders_)[key] = std::move(restriction);
  (is_client ? has_new_clients_ : has_new_senders_) = true;
}

void RestrictionPublisher::take_off(const reputation::Key& key) {
  const bool is_client = key.kind == KeyKind::kClient;
  if ((is_client ? clients_ : senders_).erase(key) > 0) (is_client ? has_new_clients_ : has_new_senders_) = true;
}

std::optional<std::chrono::milliseconds> RestrictionPublisher::publish() {
  const SteadyTime now = clock_.steady();
  const bool is_clients_turn = has_new_clients_ && (!clients_not_before_ || now >= *clients_not_before_);
  if (is_clients_turn) {
    published_clients_ = std::make_shared<const RestrictionMap>(clients_);
    clients_not_before_ = now + std::max<SteadyTime::duration>(kGapLeast, clients_.size() * kGapPerClient);
    has_new_clients_ = false;
  }
  const bool is_senders_turn = std::exchange(has_new_senders_, false);
  if (is_senders_turn) published_senders_ = std::make_shared<const RestrictionMap>(senders_);
  if (is_clients_turn || is_senders_turn) {
    board_.replace(std::make_shared<const reputation::Restrictions>(published_senders_, published_clients_));
  }
  if (!has_new_clients_) return std::nullopt;
  return std::chrono::ceil<std::chrono::milliseconds>(*clients_not_before_ - now);
}

}  // namespace bulkhead::app
