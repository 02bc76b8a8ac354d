#include "src/delivery/site.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace bulkhead::delivery {

namespace {

constexpr std::string_view kRoutePrefix = "route:";

struct Provider {
  std::string_view suffix;  // of an MX host, with the dot before it
  std::string_view site;
};

// Large providers whose MX hosts have many names. One provider's hosts share their view of our reputation.
constexpr std::array kProviders{
    Provider{".google.com", "google.com"},
    Provider{".googlemail.com", "google.com"},
    Provider{".smtp.goog", "google.com"},
    Provider{".protection.outlook.com", "outlook.com"},
    Provider{".mx.microsoft", "outlook.com"},
    Provider{".olc.protection.outlook.com", "hotmail.com"},
    Provider{".yahoodns.net", "yahoo.com"},
    Provider{".mail.icloud.com", "icloud.com"},
    Provider{".pphosted.com", "pphosted.com"},
    Provider{".ppe-hosted.com", "pphosted.com"},
    Provider{".mimecast.com", "mimecast.com"},
    Provider{".messagelabs.com", "messagelabs.com"},
    Provider{".iphmx.com", "iphmx.com"},
    Provider{".barracudanetworks.com", "barracudanetworks.com"},
    Provider{".gmx.net", "gmx.net"},
    Provider{".kundenserver.de", "kundenserver.de"},
    Provider{".ovh.net", "ovh.net"},
    Provider{".yandex.net", "yandex.ru"},
    Provider{".yandex.ru", "yandex.ru"},
    Provider{".mail.ru", "mail.ru"},
    Provider{".qq.com", "qq.com"},
    Provider{".messagingengine.com", "messagingengine.com"},
    Provider{".zoho.com", "zoho.com"},
    Provider{".comcast.net", "comcast.net"},
    Provider{".orange.fr", "orange.fr"},
};

// The longest suffix wins: consumer mailboxes of Microsoft are another system than its business ones.
std::string_view provider_of(std::string_view host) {
  const Provider* best = nullptr;
  for (const auto& provider : kProviders) {
    if (host.ends_with(provider.suffix) && (best == nullptr || provider.suffix.size() > best->suffix.size())) {
      best = &provider;
    }
  }
  return best == nullptr ? std::string_view{} : best->site;
}

// FNV-1a: only has to be the same in each run and machine; two sets that collide merely share a lane.
std::uint64_t hash_of(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return hash;
}

}  // namespace

std::string site_of_mx(std::string_view domain, const std::vector<net::MxRecord>& records) {
  std::vector<std::string_view> hosts;
  for (const auto& record : records) {
    if (!record.exchange.empty() && record.exchange != ".") hosts.push_back(record.exchange);
  }
  if (hosts.empty()) return site_of_domain(domain);
  std::sort(hosts.begin(), hosts.end());
  // The DNS allows any octet in a name: what it says must not pass for a route of ours, nor for what waits for a site.
  if (is_site_of_route(hosts.front()) || hosts.front().find('/') != std::string_view::npos) {
    return site_of_domain(domain);
  }
  hosts.erase(std::unique(hosts.begin(), hosts.end()), hosts.end());
  const std::string_view provider = provider_of(hosts.front());
  const auto is_same = [provider](std::string_view host) { return provider_of(host) == provider; };
  if (!provider.empty() && std::all_of(hosts.begin(), hosts.end(), is_same)) return std::string{provider};
  std::string joined = fmt::format("{}", fmt::join(hosts, "+"));
  if (joined.size() <= kSiteLengthMax) return site_of_domain(joined);
  const std::string mark = fmt::format("~{:016x}", hash_of(joined));
  return joined.substr(0, kSiteLengthMax - mark.size()) + mark;
}

std::string site_of_domain(std::string_view name) {
  std::string site{name};
  // The root's dot, which canonical names do not have: mail for a host called "local" is not for our mailboxes.
  if (site == kLocalSite) site.push_back('.');
  return site;
}

bool is_site_of_route(std::string_view site) {
  return site.starts_with(kRoutePrefix);
}

std::string site_of_route(std::string_view host, std::uint16_t port) {
  return fmt::format("{}{}:{}", kRoutePrefix, host, port);
}

}  // namespace bulkhead::delivery
