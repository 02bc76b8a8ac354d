// Known mail providers by the names of their MX hosts.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bulkhead::replies {

// A stanza of the rules' file.
struct Provider {
  std::string name;
  int line = 0;                       // of the rules' file
  std::vector<std::string> suffixes;  // of MX hosts, lower case, with the dot before
  std::vector<std::string> sites;     // names that the delivery gives to sites of this provider
};

// Immutable; safe to use from every thread.
class Providers {
 public:
  Providers() = default;
  explicit Providers(std::vector<Provider> list);

  // The provider that every one of the hosts belongs to: a domain that lists one MX of a provider among its own is not
  // that provider's, and what its other hosts say must not be read as the provider's words. "" for none. The longest
  // suffix wins. Case and a trailing dot do not matter.
  std::string_view of_mx(std::span<const std::string_view> hosts) const;
  // The same by the delivery's name of a site: a provider's name, or MX hosts joined by '+'. A name whose end was cut
  // off ("~" and a hash) shows not every host and gives none.
  std::string_view of_site(std::string_view site) const;

  bool has(std::string_view name) const;
  const std::vector<Provider>& list() const { return list_; }

 private:
  std::string_view of_host(std::string_view host) const;

  std::vector<Provider> list_;
};

}  // namespace bulkhead::replies
