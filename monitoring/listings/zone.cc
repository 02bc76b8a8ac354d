#include "monitoring/listings/zone.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include <fmt/format.h>

namespace bulkhead::listings {

namespace {

constexpr std::string_view kKeyPlace = "{key}";
constexpr std::size_t kNameMax = 190;  // an IPv6 address takes 64 of 253
constexpr std::size_t kRangesMax = 32;
constexpr std::uint32_t kLoopback = 127U << 24U;

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > kNameMax || text.front() == '.' || text.back() == '.') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return out;
}

std::optional<std::uint32_t> number_of(const IpAddress& ip) {
  if (ip.family() != Family::kIpv4) return std::nullopt;
  std::uint32_t number = 0;
  for (const char c : ip.bytes()) number = number << 8U | static_cast<unsigned char>(c);
  return number;
}

std::optional<std::uint32_t> parse_answer(std::string_view text) {
  const auto ip = IpAddress::parse(text);
  const auto number = ip ? number_of(*ip) : std::nullopt;
  return number && (*number >> 24U) == 127 ? number : std::nullopt;
}

std::optional<double> parse_amount(std::string_view text, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool is_sound = error == std::errc{} && end == text.data() + text.size() && std::isfinite(value);
  return is_sound && value >= 0.001 && value <= most ? std::optional{value} : std::nullopt;
}

// "127.0.0.2", "127.0.0.2-127.0.0.11", "bits:126".
std::optional<AnswerRange> parse_range(std::string_view text) {
  constexpr std::string_view kBits = "bits:";
  if (text.starts_with(kBits)) {
    text.remove_prefix(kBits.size());
    AnswerRange range{kLoopback, kLoopback | 0x00FFFFFFU, 0};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), range.bits);
    const bool is_sound = error == std::errc{} && end == text.data() + text.size() && range.bits >= 1;
    return is_sound && range.bits <= 255 ? std::optional{range} : std::nullopt;
  }
  const auto dash = text.find('-');
  const auto first = parse_answer(text.substr(0, dash));
  const auto last = dash == std::string_view::npos ? first : parse_answer(text.substr(dash + 1));
  if (!first || !last || *first > *last) return std::nullopt;
  return AnswerRange{*first, *last, 0};
}

bool set_listed(Zone& zone, std::string_view value) {
  zone.listed.clear();
  while (!value.empty()) {
    const auto comma = std::min(value.find(','), value.size());
    const auto range = parse_range(value.substr(0, comma));
    if (!range || zone.listed.size() == kRangesMax) return false;
    zone.listed.push_back(*range);
    value.remove_prefix(std::min(comma + 1, value.size()));
  }
  return !zone.listed.empty();
}

bool set_test(std::string& test, std::string_view value) {
  test = lower(value);
  return is_name(test) && test.size() <= 60;
}

// What a word "name=value" says; a sentence when it is wrong.
std::optional<std::string> set(Zone& zone, std::string_view name, std::string_view value, std::string& key) {
  if (name == "kind" && value == "address") return zone.kind = SubjectKind::kAddress, std::nullopt;
  if (name == "kind" && value == "domain") return zone.kind = SubjectKind::kDomain, std::nullopt;
  if (name == "kind") return "kind is address or domain";
  if (name == "families") {
    zone.has_ipv4 = value == "ipv4" || value == "both";
    zone.has_ipv6 = value == "ipv6" || value == "both";
    if (zone.has_ipv4 || zone.has_ipv6) return std::nullopt;
    return "families is ipv4, ipv6 or both";
  }
  if (name == "listed") {
    if (set_listed(zone, value)) return std::nullopt;
    return "listed is a list like 127.0.0.2,127.0.0.4-127.0.0.7,bits:8";
  }
  if (name == "rate" || name == "weight") {
    const auto amount = parse_amount(value, name == "rate" ? Zone::kRateMax : Zone::kWeightMax);
    if (!amount) return name == "rate" ? "rate is questions a second, 0.001 to 1000" : "weight is 0.001 to 100";
    (name == "rate" ? zone.rate : zone.weight) = *amount;
    return std::nullopt;
  }
  if (name == "key") {
    key = lower(value);
    if (is_name(key) && key.size() <= 63) return std::nullopt;
    return "key is at most 63 letters and digits";
  }
  if (name == "scope") {
    zone.is_for_public_only = value == "public";
    if (value == "public" || value == "all") return std::nullopt;
    return "scope is public or all";
  }
  if (name == "listed-test" || name == "clear-test") {
    if (set_test(name == "listed-test" ? zone.listed_test : zone.clear_test, value)) return std::nullopt;
    return "a test is a domain name";
  }
  return fmt::format(
      "'{}' is no setting of a zone; there are kind, families, listed, rate, weight, key, scope, "
      "listed-test and clear-test",
      name);
}

std::string_view next_word(std::string_view& text) {
  const auto begin = std::min(text.find_first_not_of(" \t"), text.size());
  text.remove_prefix(begin);
  const auto word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

auto refuse(std::string_view name, std::string_view why) {
  return fail(ErrorCode::kInvalid, fmt::format("zone {}: {}", name, why));
}

}  // namespace

Result<Zone> parse_zone(std::string_view text) {
  if (text.size() > Zone::kTextMax) return refuse("", "a zone is written in at most 1000 characters");
  Zone zone;
  zone.name = lower(next_word(text));
  std::string key;
  for (auto word = next_word(text); !word.empty(); word = next_word(text)) {
    const auto equals = std::min(word.find('='), word.size());
    const auto value = word.substr(std::min(equals + 1, word.size()));
    if (auto fault = set(zone, word.substr(0, equals), value, key)) return refuse(zone.name, *fault);
  }
  zone.suffix = zone.name;
  const auto place = zone.suffix.find(kKeyPlace);
  if ((place == std::string::npos) != key.empty()) return refuse(zone.name, "{key} in the name and key= go together");
  if (place != std::string::npos) zone.suffix.replace(place, kKeyPlace.size(), key);
  if (!is_name(zone.suffix)) return refuse(zone.name, "its name is no domain name of at most 190 characters");
  return zone;
}

std::vector<std::string> default_zones() {
  return {"zen.spamhaus.org listed=127.0.0.2-127.0.0.11 weight=3 scope=public",
          "bl.spamcop.net listed=127.0.0.2 weight=1 scope=public",
          "b.barracudacentral.org listed=127.0.0.2 weight=2 scope=public",
          "psbl.surriel.com listed=127.0.0.2 weight=1 scope=public",
          "dnsbl-1.uceprotect.net listed=127.0.0.2 rate=1 weight=0.5 scope=public",
          "dbl.spamhaus.org kind=domain listed=127.0.1.2-127.0.1.254 listed-test=dbltest.com weight=3 scope=public",
          "multi.surbl.org kind=domain listed=bits:252 listed-test=test.surbl.org weight=2 scope=public",
          "multi.uribl.com kind=domain listed=bits:14 listed-test=test.uribl.com weight=1 scope=public"};
}

Judgement judge(const Zone& zone, const std::vector<IpAddress>& answers) {
  Judgement judgement;
  const auto note = [&judgement](Verdict verdict, const IpAddress& code) {
    if (judgement.verdict != verdict) judgement.codes.clear();
    judgement.verdict = verdict;
    if (judgement.codes.size() < Judgement::kCodesMax) judgement.codes.push_back(code);
  };
  for (const auto& answer : answers) {
    const auto number = number_of(answer);
    const bool is_error =
        !number || (*number >> 24U) != 127 || *number == (kLoopback | 1U) || (*number >> 8U) == 0x7FFFFFU;
    if (is_error) {
      note(Verdict::kRefused, answer);
      continue;
    }
    const bool is_listing =
        zone.listed.empty() || std::any_of(zone.listed.begin(), zone.listed.end(), [&](const AnswerRange& range) {
          const bool is_within = *number >= range.first && *number <= range.last;
          return is_within && (range.bits == 0 || (*number & range.bits) != 0);
        });
    if (is_listing && judgement.verdict != Verdict::kRefused) note(Verdict::kListed, answer);
  }
  return judgement;
}

std::string text_of(const std::vector<IpAddress>& codes) {
  std::string text;
  for (const auto& code : codes) text += (text.empty() ? "" : ", ") + code.text();
  return text;
}

namespace {

std::string reversed(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (auto i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (bytes.size() == 4) {
      out += std::to_string(byte) + '.';
    } else {
      out += {kDigits[byte & 15U], '.', kDigits[byte >> 4U], '.'};
    }
  }
  return out;
}

// ::FFFF:7F00:1 and ::FFFF:7F00:2; an IpAddress would make IPv4 of them.
std::string mapped(char last) {
  std::string bytes(16, '\0');
  bytes[10] = bytes[11] = static_cast<char>(0xFF);
  bytes[12] = 127;
  bytes[15] = last;
  return reversed(bytes);
}

}  // namespace

std::string question_name(const Zone& zone, const Subject& subject) {
  if (!subject.is_address()) return subject.domain + "." + zone.suffix;
  return reversed(subject.ip.bytes()) + zone.suffix;
}

std::string_view to_string(Branch branch) {
  switch (branch) {
    case Branch::kIpv4:
      return "ipv4";
    case Branch::kIpv6:
      return "ipv6";
    case Branch::kDomain:
      return "domain";
  }
  return "";
}

TestNames test_names(const Zone& zone, Branch branch) {
  switch (branch) {
    case Branch::kIpv4:
      return {"2.0.0.127." + zone.suffix, "1.0.0.127." + zone.suffix};
    case Branch::kIpv6:
      return {mapped(2) + zone.suffix, mapped(1) + zone.suffix};
    case Branch::kDomain:
      break;
  }
  return {zone.listed_test + "." + zone.suffix, zone.clear_test + "." + zone.suffix};
}

}  // namespace bulkhead::listings
