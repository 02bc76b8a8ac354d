// A list that is asked by DNS (RFC 5782), as the configuration describes it, and what its answers mean.
//
// A zone is written as its name and settings, separated by blanks:
//   "zen.spamhaus.org families=both listed=127.0.0.2-127.0.0.11 rate=10 weight=3"
//   "{key}.dbl.dq.spamhaus.net kind=domain key=abc123 listed=127.0.1.2-127.0.1.99"
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/listings/subject.h"
#include "src/base/result.h"

namespace bulkhead::listings {

// Answers from `first` to `last`; with `bits`, only those whose last octet has one of these bits.
struct AnswerRange {
  std::uint32_t first = 0, last = 0;
  std::uint32_t bits = 0;
  bool operator==(const AnswerRange&) const = default;
};

struct Zone {
  static constexpr std::size_t kTextMax = 1000;
  static constexpr double kRateMax = 1000;
  static constexpr double kWeightMax = 100;

  std::string name;    // what people see; "{key}" stands in it where the key belongs
  std::string suffix;  // what is asked; secret where there is a key
  SubjectKind kind = SubjectKind::kAddress;
  bool has_ipv4 = true, has_ipv6 = false;
  std::vector<AnswerRange> listed;  // empty: every answer that is no error
  double rate = 5;                  // questions a second
  double weight = 1;                // how much a listing matters
  bool is_for_public_only = false;  // never asked about what public lists cannot know
  // Of a domain's zone: the names that RFC 5782 §5 wants listed, and not listed. Some lists have others.
  std::string listed_test = "test", clear_test = "invalid";

  bool operator==(const Zone&) const = default;
};

// kInvalid says which word is wrong and what would be right.
Result<Zone> parse_zone(std::string_view text);
// The lists that are asked unless the configuration names others: well known, free for small volumes.
std::vector<std::string> default_zones();

enum class Verdict : std::uint8_t {
  kClear,
  kListed,
  kRefused,  // the answer is an error of the zone, never a listing
};
struct Judgement {
  Verdict verdict = Verdict::kClear;
  std::vector<IpAddress> codes;  // the answers that mean so; at most kCodesMax
  static constexpr std::size_t kCodesMax = 8;
};
// What the addresses of an answer mean. Answers outside of 127.0.0.0/8 (a parked or hijacked zone), 127.0.0.1 and
// those in 127.255.255.0/24 are errors.
Judgement judge(const Zone& zone, const std::vector<IpAddress>& answers);
// "127.0.0.2, 127.0.0.4"
std::string text_of(const std::vector<IpAddress>& codes);

// The name under which a subject is asked for: octets or nibbles reversed, or the domain, then the zone.
std::string question_name(const Zone& zone, const Subject& subject);

// What must be listed and what must not (RFC 5782 §5).
enum class Branch : std::uint8_t { kIpv4, kIpv6, kDomain };
std::string_view to_string(Branch branch);
struct TestNames {
  std::string listed, clear;
};
TestNames test_names(const Zone& zone, Branch branch);

}  // namespace bulkhead::listings
