#include "src/smtpd/sign_in_guard.h"

#include <algorithm>
#include <string>

#include "src/base/client_network.h"

namespace bulkhead::smtpd {

void SignInGuard::change_settings(const Settings& settings) {
  const std::lock_guard lock{mutex_};
  settings_ = settings;
}

std::size_t SignInGuard::key_of(const IpAddress& client, std::string_view name) {
  std::string text{client_network(client).bytes()};
  for (const char c : name) text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return std::hash<std::string>{}(text);
}

bool SignInGuard::is_blocked(const IpAddress& client, std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady();
  const auto found = failures_.find(client_network(client));
  if (found == failures_.end() || now >= found->second.window_end) return false;
  const auto key = key_of(client, name);
  const auto own = found->second.by_name.find(key);
  const auto most = settings_.sign_in_failures_per_client_max;
  if (own != found->second.by_name.end() && own->second >= most) return true;
  if (found->second.count < most) return false;
  const auto known = known_.find(key);
  return known == known_.end() || now >= known->second;
}

std::chrono::milliseconds SignInGuard::count_failure(const IpAddress& client, std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady();
  const auto address = client_network(client);
  if (failures_.size() >= clients_max_ && !failures_.contains(address)) make_room(now);
  auto& mine = failures_[address];
  if (now >= mine.window_end) mine = {0, now + settings_.sign_in_window, {}};
  ++mine.count;
  const auto key = key_of(client, name);
  if (mine.by_name.size() < kNamesMax || mine.by_name.contains(key)) ++mine.by_name[key];
  const auto doublings = std::min(mine.count - 1, 10U);
  return std::min(settings_.sign_in_delay * (1U << doublings), settings_.sign_in_delay_max);
}

void SignInGuard::succeeded(const IpAddress& client, std::string_view name) {
  const std::lock_guard lock{mutex_};
  const auto now = clock_.steady();
  const auto key = key_of(client, name);
  if (known_.size() >= clients_max_ && !known_.contains(key)) {
    std::erase_if(known_, [now](const auto& entry) { return now >= entry.second; });
    if (known_.size() >= clients_max_) known_.erase(known_.begin());
  }
  known_[key] = now + kKnown;
  const auto found = failures_.find(client_network(client));
  if (found == failures_.end()) return;
  const auto own = found->second.by_name.find(key);
  if (own == found->second.by_name.end()) return;
  found->second.count -= own->second;
  found->second.by_name.erase(own);
  if (found->second.count == 0) failures_.erase(found);
}

void SignInGuard::make_room(SteadyTime now) {
  std::erase_if(failures_, [now](const auto& entry) { return now >= entry.second.window_end; });
  if (failures_.size() < clients_max_) return;
  failures_.erase(std::min_element(failures_.begin(), failures_.end(), [](const auto& a, const auto& b) {
    return a.second.window_end < b.second.window_end;
  }));
}

}  // namespace bulkhead::smtpd
