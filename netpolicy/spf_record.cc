#include "netpolicy/spf_record.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace bulkhead::netpolicy {

namespace {

using Mechanism = SpfTerm::Mechanism;

constexpr std::string_view kVersion = "v=spf1";
constexpr std::size_t kRecordSizeMax = 8192;

constexpr std::array<std::pair<std::string_view, Mechanism>, 8> kMechanisms{{
    {"all", Mechanism::kAll},
    {"include", Mechanism::kInclude},
    {"a", Mechanism::kA},
    {"mx", Mechanism::kMx},
    {"ptr", Mechanism::kPtr},
    {"ip4", Mechanism::kIp4},
    {"ip6", Mechanism::kIp6},
    {"exists", Mechanism::kExists},
}};

std::string lower(std::string_view text) {
  std::string result{text};
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return result;
}

// "/24" from the end of `text`, taken off; nothing when it is malformed.
std::optional<int> take_prefix(std::string_view& text, std::string_view slash, int most) {
  const auto at = text.rfind(slash);
  if (at == std::string_view::npos) return most;
  const auto digits = text.substr(at + slash.size());
  int number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc{} || end != digits.data() + digits.size() || number < 0 || number > most) return std::nullopt;
  text = text.substr(0, at);
  return number;
}

// ":domain/24//64" of the mechanisms a and mx.
bool parse_domain_and_prefixes(std::string_view rest, SpfTerm& term) {
  const auto six = take_prefix(rest, "//", 128);
  if (!six) return false;
  const auto four = take_prefix(rest, "/", 32);
  if (!four) return false;
  term.prefix6 = *six;
  term.prefix4 = *four;
  if (rest.empty()) return true;
  if (rest.front() != ':' || rest.size() < 2) return false;
  term.domain = lower(rest.substr(1));
  return true;
}

bool parse_arguments(std::string_view rest, SpfTerm& term) {
  const bool has_value = rest.size() > 1 && rest.front() == ':';
  switch (term.mechanism) {
    case Mechanism::kAll:
      return rest.empty();
    case Mechanism::kA:
    case Mechanism::kMx:
      return parse_domain_and_prefixes(rest, term);
    case Mechanism::kPtr:
    case Mechanism::kInclude:
    case Mechanism::kExists:
      if (has_value) term.domain = lower(rest.substr(1));
      return has_value || (rest.empty() && term.mechanism == Mechanism::kPtr);
    case Mechanism::kIp4:
    case Mechanism::kIp6: {
      const auto network = has_value ? IpNetwork::parse(rest.substr(1)) : std::nullopt;
      if (!network) return false;
      term.network = *network;
      return (network->address.family() == Family::kIpv4) == (term.mechanism == Mechanism::kIp4);
    }
  }
  return false;
}

std::optional<SpfTerm> parse_mechanism(std::string_view text) {
  SpfTerm term;
  if (std::string_view{"+-~?"}.find(text.front()) != std::string_view::npos) {
    term.qualifier = text.front();
    text.remove_prefix(1);
  }
  const auto end = std::min(text.find_first_of(":/"), text.size());
  const auto name = lower(text.substr(0, end));
  const auto* const known =
      std::find_if(kMechanisms.begin(), kMechanisms.end(), [&](const auto& m) { return m.first == name; });
  if (known == kMechanisms.end()) return std::nullopt;
  term.mechanism = known->second;
  if (!parse_arguments(text.substr(end), term)) return std::nullopt;
  return term;
}

// A modifier is "name=value", with no ':' or '/' before the '=' (RFC 7208 §4.6.1).
bool is_modifier(std::string_view text) {
  const auto end = text.find_first_of("=:/");
  return end != std::string_view::npos && end > 0 && text[end] == '=';
}

}  // namespace

bool is_spf(std::string_view text) {
  return lower(text.substr(0, kVersion.size())) == kVersion &&
         (text.size() == kVersion.size() || text[kVersion.size()] == ' ');
}

Result<SpfRecord> parse_spf(std::string_view text) {
  if (!is_spf(text) || text.size() > kRecordSizeMax) return fail(ErrorCode::kInvalid, "no SPF record");
  text.remove_prefix(kVersion.size());
  SpfRecord record;
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    const auto word = text.substr(0, blank);
    text.remove_prefix(std::min(blank + 1, text.size()));
    if (word.empty()) continue;
    if (is_modifier(word)) {
      if (lower(word).starts_with("redirect=")) record.redirect = lower(word.substr(9));
      continue;
    }
    auto term = parse_mechanism(word);
    if (!term) return fail(ErrorCode::kInvalid, fmt::format("the term \"{}\" is malformed", word));
    record.terms.push_back(std::move(*term));
  }
  return record;
}

}  // namespace bulkhead::netpolicy
