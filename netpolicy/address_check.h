// `bulkhead address check`: whether the world sees a source address as this directory means it. The comparison is a
// plain function over facts; gathering the facts asks DNS.
#pragma once

#include <string>
#include <vector>

#include "netpolicy/source_choice.h"
#include "netpolicy/spf_evaluation.h"
#include "src/net/resolver.h"

namespace bulkhead::netpolicy {

// What is to be checked. At most kDomainsMax domains are asked for; `domains_left_out` counts the rest.
struct AddressCheckSubject {
  static constexpr std::size_t kDomainsMax = 100;
  IpAddress ip;
  std::string helo;                  // the address's, or the node's name
  std::vector<std::string> domains;  // that send from it: its tenant's, or of all that share it
  std::size_t domains_left_out = 0;
};
AddressCheckSubject subject_of(const tenants::Snapshot& directory, const tenants::SourceAddress& address,
                               std::string_view node_name);

struct DomainSpf {
  std::string domain;
  SpfResult result = SpfResult::kNone;
};

struct AddressFacts {
  AddressCheckSubject subject;
  bool is_present = false;                        // on this host now
  Result<std::vector<IpAddress>> helo_addresses;  // A or AAAA of the HELO name, of the address's family
  Result<std::vector<std::string>> ptr_names;     // lower case, no trailing dot
  // Whether one of them leads back to the address (forward-confirmed reverse DNS); at most kPtrNamesMax are asked for.
  static constexpr std::size_t kPtrNamesMax = 5;
  enum class LeadsBack { kYes, kNo, kUnknown } leads_back = LeadsBack::kUnknown;
  std::vector<DomainSpf> spf;
};
// On a shard; the resolver must outlive the task.
Task<AddressFacts> gather_facts(net::Resolver& resolver, AddressCheckSubject subject, bool is_present);

struct Finding {
  enum class Severity { kOk, kWarning, kFailure } severity = Severity::kOk;
  std::string what;    // a sentence
  std::string advice;  // what to do; "" when all is well
};
// In order: presence, HELO, PTR, SPF of each domain.
std::vector<Finding> compare(const AddressFacts& facts);

// Whether an address, or a domain, is fit to send mail that others take.
struct Readiness {
  enum class State : std::uint8_t { kUnknown, kReady, kUnready } state = State::kUnknown;
  std::string why;     // a sentence, unless it is ready
  std::string advice;  // what to do
};
std::string_view to_string(Readiness::State state);  // "unknown", "ready", "unready"
// By HELO name and PTR, each leading to the address. That it is present, and SPF, are not its own matter. A loopback
// address is ready.
Readiness readiness_of(const AddressFacts& facts);

struct DomainFacts {
  std::string domain;
  Result<std::vector<net::MxRecord>> mx;
  std::vector<std::pair<IpAddress, SpfResult>> spf;  // of the addresses that its mail leaves from
};
// On a shard; the resolver must outlive the task.
Task<DomainFacts> gather_facts(net::Resolver& resolver, std::string domain, std::vector<IpAddress> sources);
// By MX (mail can be answered) and SPF (each of the addresses passes).
Readiness readiness_of(const DomainFacts& facts);

}  // namespace bulkhead::netpolicy
