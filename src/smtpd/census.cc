#include "src/smtpd/census.h"

#include <algorithm>
#include <numeric>

#include "src/base/client_network.h"

namespace bulkhead::smtpd {

std::string_view to_string(ListenerKind kind) {
  switch (kind) {
    case ListenerKind::kSmtp:
      return "smtp";
    case ListenerKind::kSubmission:
      return "submission";
    case ListenerKind::kSubmissions:
      return "submissions";
  }
  return "smtp";
}

std::string_view to_string(TlsUse use) {
  switch (use) {
    case TlsUse::kNone:
      return "none";
    case TlsUse::kTls12:
      return "TLSv1.2";
    case TlsUse::kTls13:
      return "TLSv1.3";
  }
  return "none";
}

void Counters::ended(ListenerKind kind, std::string_view tls) {
  TlsUse use = TlsUse::kNone;
  if (!tls.empty()) use = tls.starts_with(to_string(TlsUse::kTls12)) ? TlsUse::kTls12 : TlsUse::kTls13;
  ++sessions_ended[static_cast<std::size_t>(kind)][static_cast<std::size_t>(use)];
}

void Census::change_settings(const Settings& settings) {
  const std::lock_guard lock{mutex_};
  settings_ = settings;
}

Census::Admission Census::enter(const IpAddress& client, ListenerKind kind) {
  const std::lock_guard lock{mutex_};
  if (std::accumulate(open_.begin(), open_.end(), std::size_t{0}) >= settings_.sessions_max) {
    ++counters_.sessions_refused;
    ++counters_.refused_server_full;
    return Admission::kServerFull;
  }
  auto& mine = by_client_[client_network(client)];
  if (mine >= settings_.sessions_per_client_max) {
    ++counters_.sessions_refused;
    ++counters_.refused_client_full;
    return Admission::kClientFull;
  }
  ++mine;
  ++open_[static_cast<std::size_t>(kind)];
  ++counters_.sessions;
  return Admission::kAdmitted;
}

void Census::leave(const IpAddress& client, ListenerKind kind) {
  const std::lock_guard lock{mutex_};
  --open_[static_cast<std::size_t>(kind)];
  const auto found = by_client_.find(client_network(client));
  if (found != by_client_.end() && --found->second == 0) by_client_.erase(found);
}

std::size_t Census::open(ListenerKind kind) const {
  const std::lock_guard lock{mutex_};
  return open_[static_cast<std::size_t>(kind)];
}

std::size_t Census::open() const {
  const std::lock_guard lock{mutex_};
  return std::accumulate(open_.begin(), open_.end(), std::size_t{0});
}

}  // namespace bulkhead::smtpd
