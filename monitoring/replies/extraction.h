// What the text of a refusal carries besides its meaning: the address that it is about, the list, a link, a time.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/ip_address.h"

namespace re2 {
class RE2;
}

namespace bulkhead::replies {

struct Extracted {
  std::optional<IpAddress> address;  // which may not be the one that connected
  std::string zone;                  // the DNS list, lower case: "zen.spamhaus.org"
  std::string link;                  // http or https, printable ASCII, at most 300 octets: where to ask for delisting
  std::optional<std::chrono::seconds> retry_after;  // one second to seven days
};

// Immutable; safe to use from every thread. The text of the functions is a normal_text().
class Extractor {
 public:
  Extractor();
  ~Extractor();

  // Only what stands where such a thing is announced counts: "4.16.55.1" at the end of a reply is a provider's mark,
  // and 127.0.0.2 the answer of a list.
  Extracted extract(std::string_view text) const;

 private:
  std::optional<IpAddress> address_in(std::string_view text) const;
  std::string zone_in(std::string_view text) const;
  std::string link_in(std::string_view text) const;
  std::optional<std::chrono::seconds> retry_in(std::string_view text) const;

  std::unique_ptr<re2::RE2> address_;
  std::unique_ptr<re2::RE2> zone_;
  std::unique_ptr<re2::RE2> link_;
  std::unique_ptr<re2::RE2> retry_;
};

// An address as a reply shows it: parsed, and not one that says something else (0.0.0.0, 127.0.0.0/8).
std::optional<IpAddress> listed_address(std::string_view text);
// "5", "minutes" → 300 s, within the bounds above.
std::optional<std::chrono::seconds> retry_time(std::string_view number, std::string_view unit);

}  // namespace bulkhead::replies
