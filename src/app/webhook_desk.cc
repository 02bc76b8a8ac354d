// Which webhooks there are: what the configuration and people say, and what an earlier life has left.

#include <fstream>

#include <fmt/format.h>

#include "src/app/monitor_rows.h"
#include "src/app/webhook_rows.h"
#include "src/app/webhooks.h"
#include "src/webhook/signature.h"

namespace bulkhead::app {

using store::Family;
using webhook::EndpointId;

Result<WebhookTarget> webhook_target(const Configuration::Notify& settings) {
  WebhookTarget target{settings.webhook, {}};
  if (target.url.empty()) return target;
  if (auto checked = webhook::check_url(target.url, webhook::Owner::kOperator); !checked) return fail(checked.error());
  std::ifstream file{settings.webhook_secret_file};
  std::string line;
  if (!std::getline(file, line)) {
    return fail(ErrorCode::kInvalid,
                fmt::format("notify.webhook_secret_file: {} cannot be read", settings.webhook_secret_file));
  }
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  target.secret = Secret{std::move(line)};
  if (auto checked = webhook::check_secret(target.secret); !checked) {
    return fail(ErrorCode::kInvalid, fmt::format("{}: {}", settings.webhook_secret_file, checked.error().message),
                checked.error().advice);
  }
  return target;
}

Status Webhooks::restore(WebhookTarget operators) {
  set_operator(std::move(operators));
  if (auto restored = restore_endpoints(); !restored) return restored;
  return restore_events();
}

Status Webhooks::restore_endpoints() {
  return restore_rows(parts_.store, parts_.log, kEndpointRows, [this](std::string_view key, std::string_view value) {
    const auto endpoint = decode_endpoint(value);
    if (key.size() != 16 || !endpoint) return false;
    const auto id = EndpointId::from_bytes(key);
    const std::lock_guard lock{mutex_};
    targets_[id] = {endpoint->url, endpoint->secret};
    plan_.open(id);
    if (endpoint->is_off) plan_.switch_off(id);
    return true;
  });
}

Status Webhooks::restore_events() {
  return restore_rows(parts_.store, parts_.log, kEventRows, [this](std::string_view key, std::string_view) {
    const auto place = place_of(key);
    if (!place) return false;
    const std::lock_guard lock{mutex_};
    if (!plan_.takes(place->endpoint)) return false;
    plan_.restore(place->endpoint, place->number);
    return true;
  });
}

void Webhooks::set_operator(WebhookTarget target) {
  const EndpointId id;
  store::Batch batch;
  {
    const std::lock_guard lock{mutex_};
    if (!target.url.empty()) {
      targets_[id] = std::move(target);
      plan_.open(id);
    } else if (targets_.erase(id) > 0) {
      plan_.close(id);
      batch.remove_range(Family::kMeta, event_key(id, 0), past_events(id));
    }
  }
  if (!batch.empty()) commit(std::move(batch));
  parts_.poster->wake();
}

Status Webhooks::check(const std::string& url) const {
  return webhook::check_url(url, webhook::Owner::kTenant);
}

Result<Secret> Webhooks::set(const TenantId& tenant, const std::string& url) {
  if (auto checked = check(url); !checked) return fail(checked.error());
  {
    const std::lock_guard lock{mutex_};
    if (targets_.size() >= kEndpointsMax && !targets_.contains(tenant)) {
      return fail(ErrorCode::kLimit, fmt::format("there are {} webhooks already", kEndpointsMax));
    }
  }
  const Secret secret = webhook::make_secret(parts_.random);
  store::Batch batch;
  batch.put(Family::kMeta, endpoint_key(tenant), encode_endpoint({url, secret, false}));
  if (auto stored = commit_and_wait(std::move(batch)); !stored) return fail(stored.error());
  {
    const std::lock_guard lock{mutex_};
    targets_[tenant] = {url, secret};
    plan_.open(tenant);
  }
  parts_.poster->wake();
  return secret;
}

Status Webhooks::remove(const TenantId& tenant) {
  {
    const std::lock_guard lock{mutex_};
    if (targets_.erase(tenant) == 0) return {};
    plan_.close(tenant);
  }
  store::Batch batch;
  batch.remove(Family::kMeta, endpoint_key(tenant));
  batch.remove_range(Family::kMeta, event_key(tenant, 0), past_events(tenant));
  return commit_and_wait(std::move(batch));
}

admin::WebhookView Webhooks::view_of(const EndpointId& id, const WebhookTarget& target) const {
  const auto plan = plan_.view(id).value_or(webhook::EndpointView{});
  admin::WebhookView view{.tenant = id,
                          .url = target.url,
                          .is_off = plan.is_off,
                          .waiting = plan.waiting,
                          .failures = plan.failures,
                          .trouble = plan.trouble,
                          .failing_since = plan.failing_since,
                          .next_at = std::nullopt};
  if (plan.is_off && view.trouble.empty()) view.trouble = "it answered 410";
  if (plan.next_at) {
    const auto wait = std::max(SteadyTime::duration{0}, *plan.next_at - parts_.clock.steady());
    view.next_at = parts_.clock.now() + std::chrono::duration_cast<std::chrono::microseconds>(wait);
  }
  return view;
}

std::optional<admin::WebhookView> Webhooks::of(const TenantId& tenant) const {
  const std::lock_guard lock{mutex_};
  const auto found = targets_.find(tenant);
  if (found == targets_.end()) return std::nullopt;
  return view_of(tenant, found->second);
}

std::vector<admin::WebhookView> Webhooks::failing() const {
  const std::lock_guard lock{mutex_};
  std::vector<admin::WebhookView> views;
  for (const auto& [id, target] : targets_) {
    auto view = view_of(id, target);
    if (view.is_off || view.failures > 0) views.push_back(std::move(view));
  }
  return views;
}

}  // namespace bulkhead::app
