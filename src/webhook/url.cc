#include "src/webhook/url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>

#include <curl/curl.h>

#include "src/base/special_networks.h"

namespace bulkhead::webhook {

namespace {

constexpr std::size_t kUrlMax = 2000;
// A tenant's posts knock at no mail server or other service of the system: those have the ports between.
constexpr unsigned kHttpsPort = 443, kFreePorts = 1024;

struct UrlDeleter {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};

std::string part_of(CURLU* url, CURLUPart part) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, 0) != CURLUE_OK || text == nullptr) return {};
  std::string copy{text};
  curl_free(text);
  return copy;
}

// "[2001:db8::1]" without its brackets.
std::string bare(std::string host) {
  if (host.starts_with('[') && host.ends_with(']')) return host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

Status check_url(const std::string& url, Owner owner) {
  const bool is_tenants = owner == Owner::kTenant;
  const bool has_scheme = url.starts_with("https://") || (!is_tenants && url.starts_with("http://"));
  if (!has_scheme) {
    return fail(ErrorCode::kInvalid,
                is_tenants ? "a tenant's webhook is an https:// URL" : "a webhook is an http:// or https:// URL");
  }
  const auto is_odd = [](char c) { return c <= ' ' || c >= '\x7f'; };
  if (url.size() > kUrlMax || std::ranges::any_of(url, is_odd)) {
    return fail(ErrorCode::kInvalid, "a webhook's URL has at most 2000 printable characters and no space");
  }
  const std::unique_ptr<CURLU, UrlDeleter> parsed{curl_url()};
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK) {
    return fail(ErrorCode::kInvalid, "the webhook's URL cannot be read");
  }
  if (!part_of(parsed.get(), CURLUPART_USER).empty() || !part_of(parsed.get(), CURLUPART_PASSWORD).empty()) {
    return fail(ErrorCode::kInvalid, "a webhook's URL has no user and no password: its posts are signed instead");
  }
  const auto port = part_of(parsed.get(), CURLUPART_PORT);
  unsigned number = kHttpsPort;
  if (!port.empty()) std::from_chars(port.data(), port.data() + port.size(), number);
  if (is_tenants && number != kHttpsPort && number < kFreePorts) {
    return fail(ErrorCode::kInvalid, "a tenant's webhook has port 443, or one from 1024 on");
  }
  const auto ip = IpAddress::parse(bare(part_of(parsed.get(), CURLUPART_HOST)));
  if (is_tenants && ip && !may_connect(*ip)) {
    return fail(ErrorCode::kInvalid, "a tenant's webhook leads to a public address, not to " + ip->text());
  }
  return {};
}

bool may_connect(const IpAddress& ip) {
  // 6to4 (RFC 3056), NAT64 (RFC 6052) and IPv4-compatible addresses reach an IPv4 address that they hide.
  static const std::array kHiding{IpNetwork::parse("2002::/16"), IpNetwork::parse("64:ff9b::/96"),
                                  IpNetwork::parse("::/96")};
  const auto hides = [&ip](const auto& network) { return network && network->contains(ip); };
  return is_globally_routed(ip) && std::ranges::none_of(kHiding, hides);
}

}  // namespace bulkhead::webhook
