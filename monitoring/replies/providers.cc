#include "monitoring/replies/providers.h"

#include <algorithm>

namespace bulkhead::replies {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool ends_with_folded(std::string_view host, std::string_view suffix) {
  if (host.size() <= suffix.size()) return false;
  return std::equal(suffix.begin(), suffix.end(), host.end() - static_cast<std::ptrdiff_t>(suffix.size()),
                    [](char a, char b) { return a == lower(b); });
}

}  // namespace

Providers::Providers(std::vector<Provider> list) : list_(std::move(list)) {}

bool Providers::has(std::string_view name) const {
  return std::any_of(list_.begin(), list_.end(), [name](const Provider& p) { return p.name == name; });
}

std::string_view Providers::of_host(std::string_view host) const {
  if (host.ends_with('.')) host.remove_suffix(1);
  std::string_view best;
  std::size_t best_size = 0;
  for (const auto& provider : list_) {
    for (const auto& suffix : provider.suffixes) {
      if (suffix.size() <= best_size || !ends_with_folded(host, suffix)) continue;
      best = provider.name;
      best_size = suffix.size();
    }
  }
  return best;
}

std::string_view Providers::of_mx(std::span<const std::string_view> hosts) const {
  if (hosts.empty()) return {};
  const std::string_view first = of_host(hosts.front());
  if (first.empty()) return {};
  const auto is_same = [&](std::string_view host) { return of_host(host) == first; };
  return std::all_of(hosts.begin() + 1, hosts.end(), is_same) ? first : std::string_view{};
}

std::string_view Providers::of_site(std::string_view site) const {
  for (const auto& provider : list_) {
    if (std::find(provider.sites.begin(), provider.sites.end(), site) != provider.sites.end()) return provider.name;
  }
  if (site.find('~') != std::string_view::npos || site.find(':') != std::string_view::npos) return {};
  std::vector<std::string_view> hosts;
  while (!site.empty()) {
    const auto end = std::min(site.find('+'), site.size());
    hosts.push_back(site.substr(0, end));
    site.remove_prefix(std::min(end + 1, site.size()));
  }
  return of_mx(hosts);
}

}  // namespace bulkhead::replies
