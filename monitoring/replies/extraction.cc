#include "monitoring/replies/extraction.h"

#include <algorithm>
#include <charconv>

#include <re2/re2.h>

#include "monitoring/replies/patterns.h"

namespace bulkhead::replies {

namespace {

constexpr std::size_t kLinkSizeMax = 300;
constexpr std::size_t kZoneSizeMax = 253;
constexpr std::chrono::seconds kRetryMost = std::chrono::hours{24 * 7};

constexpr const char* kAddressPattern =
    R"((?:[\[(<=/]|\b(?:ip|ipv[46]|from|by|address|host|server|client|for|sender|listed|blocked|using|your))"
    R"([ :]{1,3}\[?|^)((?:\d{1,3}\.){3}\d{1,3}|[0-9a-f]{1,4}:[0-9a-f:]{2,36}(?:\.\d{1,3}){0,3}))"
    R"((?:[\])>;:,?& ]|\.(?:[^0-9]|$)|$))";
constexpr const char* kZonePattern =
    R"((?:blocked|listed|blacklisted|black listed|found|rejected|listing)(?: in dns)? (?:using|by|in|at|on|via|with) )"
    R"((?:rbl |dnsbl |list |https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+))"
    R"(|(?:dnsbl|rbl)[: =]{1,2}([a-z0-9-]+(?:\.[a-z0-9-]+)+)|\(([a-z0-9-]+(?:\.[a-z0-9-]+)+)\))";
constexpr const char* kLinkPattern = R"((https?://[!-~]+))";
constexpr const char* kRetryPattern =
    R"((?:retry|try again|try|again|wait|come back|greylist(?:ed|ing)?|graylist(?:ed|ing)?|delay(?:ed)?|deferred))"
    R"([^0-9]{0,40}(\d{1,6}) ?(seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?)\b)";

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::unique_ptr<re2::RE2> compile(const char* pattern) {
  return std::make_unique<re2::RE2>(pattern, pattern_options());
}

// A name whose last label is all digits is an address or a version, not a zone.
bool is_zone(std::string_view name) {
  const auto dot = name.rfind('.');
  if (name.size() > kZoneSizeMax || dot == std::string_view::npos || dot + 2 >= name.size()) return false;
  return name.find_first_not_of("0123456789", dot + 1) != std::string_view::npos;
}

}  // namespace

std::optional<IpAddress> listed_address(std::string_view text) {
  const auto ip = IpAddress::parse(text);
  if (!ip || ip->is_unspecified() || ip->is_loopback()) return std::nullopt;
  return ip;
}

std::optional<std::chrono::seconds> retry_time(std::string_view number, std::string_view unit) {
  std::int64_t count = 0;
  const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), count);
  if (fault != std::errc{} || end != number.data() + number.size() || count <= 0 || count > 1'000'000) {
    return std::nullopt;
  }
  const char kind = unit.empty() ? 's' : lower(unit).front();
  const std::int64_t seconds = kind == 'm' ? 60 : kind == 'h' ? 3600 : kind == 'd' ? 86400 : 1;
  return std::min(std::chrono::seconds{count * seconds}, kRetryMost);
}

Extractor::Extractor()
    : address_(compile(kAddressPattern)),
      zone_(compile(kZonePattern)),
      link_(compile(kLinkPattern)),
      retry_(compile(kRetryPattern)) {}

Extractor::~Extractor() = default;

Extracted Extractor::extract(std::string_view text) const {
  Extracted out;
  const bool has_digits = text.find_first_of("0123456789") != std::string_view::npos;
  if (has_digits) out.address = address_in(text);
  if (text.find('.') != std::string_view::npos) out.zone = zone_in(text);
  if (text.find("://") != std::string_view::npos) out.link = link_in(text);
  if (has_digits) out.retry_after = retry_in(text);
  return out;
}

std::optional<IpAddress> Extractor::address_in(std::string_view text) const {
  re2::StringPiece rest{text.data(), text.size()};
  re2::StringPiece found;
  while (re2::RE2::FindAndConsume(&rest, *address_, &found)) {
    if (auto ip = listed_address({found.data(), found.size()})) return ip;
    // What ended one candidate may announce the next.
    if (!rest.empty() || found.empty())
      rest = {found.data() + found.size(), static_cast<std::size_t>(rest.end() - found.end())};
  }
  return std::nullopt;
}

std::string Extractor::zone_in(std::string_view text) const {
  re2::StringPiece rest{text.data(), text.size()};
  re2::StringPiece announced, labelled, bracketed;
  while (re2::RE2::FindAndConsume(&rest, *zone_, &announced, &labelled, &bracketed)) {
    const auto& found = !announced.empty() ? announced : !labelled.empty() ? labelled : bracketed;
    std::string name = lower({found.data(), found.size()});
    if (name.starts_with("www.")) name.erase(0, 4);
    if (is_zone(name)) return name;
  }
  return {};
}

std::string Extractor::link_in(std::string_view text) const {
  re2::StringPiece found;
  if (!re2::RE2::PartialMatch({text.data(), text.size()}, *link_, &found)) return {};
  std::string_view link{found.data(), found.size()};
  link = link.substr(0, link.find_first_of("\"'<>\\^`{|}[]"));
  while (!link.empty() && std::string_view{".,;:!?)-"}.find(link.back()) != std::string_view::npos)
    link.remove_suffix(1);
  // A link that is cut short leads elsewhere: better none.
  constexpr std::size_t kSchemeSize = 8;
  return link.size() > kSchemeSize && link.size() <= kLinkSizeMax ? std::string{link} : std::string{};
}

std::optional<std::chrono::seconds> Extractor::retry_in(std::string_view text) const {
  re2::StringPiece number, unit;
  if (!re2::RE2::PartialMatch({text.data(), text.size()}, *retry_, &number, &unit)) return std::nullopt;
  return retry_time({number.data(), number.size()}, {unit.data(), unit.size()});
}

}  // namespace bulkhead::replies
