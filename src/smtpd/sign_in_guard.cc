#include "src/smtpd/sign_in_guard.h"

#include <algorithm>

#include "src/smtpd/census.h"

namespace bulkhead::smtpd {

bool SignInGuard::is_blocked(const IpAddress& client) {
  const std::lock_guard lock{mutex_};
  const auto found = failures_.find(client_key(client));
  return found != failures_.end() && clock_.steady() < found->second.window_end &&
         found->second.count >= settings_.sign_in_failures_per_client_max;
}

std::chrono::milliseconds SignInGuard::count_failure(const IpAddress& client) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady();
  const auto key = client_key(client);
  if (failures_.size() >= clients_max_ && !failures_.contains(key)) make_room(now);
  auto& mine = failures_[key];
  if (now >= mine.window_end) mine = {0, now + settings_.sign_in_window};
  ++mine.count;
  const auto doublings = std::min(mine.count - 1, 10U);
  return std::min(settings_.sign_in_delay * (1U << doublings), settings_.sign_in_delay_max);
}

void SignInGuard::forgive(const IpAddress& client) {
  const std::lock_guard lock{mutex_};
  failures_.erase(client_key(client));
}

void SignInGuard::make_room(SteadyTime now) {
  std::erase_if(failures_, [now](const auto& entry) { return now >= entry.second.window_end; });
  if (failures_.size() < clients_max_) return;
  failures_.erase(std::min_element(failures_.begin(), failures_.end(), [](const auto& a, const auto& b) {
    return a.second.window_end < b.second.window_end;
  }));
}

}  // namespace bulkhead::smtpd
