#include "netpolicy/address_check.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace bulkhead::netpolicy {

namespace {

using Severity = Finding::Severity;

bool is_definite(const Error& error) {
  return error.code == ErrorCode::kNotFound;
}

Finding check_presence(const AddressFacts& facts) {
  const auto ip = facts.subject.ip.text();
  if (facts.is_present) return {Severity::kOk, fmt::format("{} is present on this host.", ip), {}};
  return {
      Severity::kFailure, fmt::format("{} is not present on this host; mail that must leave from it waits.", ip),
      fmt::format("Add it, with your interface for eth0: ip address add {}/{} dev eth0; or, if it will not come back: "
                  "bulkhead address remove {}",
                  ip, facts.subject.ip.family() == Family::kIpv4 ? 32 : 128, ip)};
}

Finding check_helo(const AddressFacts& facts) {
  const auto& [ip, helo, domains, left_out] = facts.subject;
  const char* type = ip.family() == Family::kIpv4 ? "A" : "AAAA";
  const auto advice = fmt::format("Publish {} {} {}, or give the address another HELO name.", helo, type, ip.text());
  if (!facts.helo_addresses) {
    if (!is_definite(facts.helo_addresses.error())) {
      return {Severity::kWarning, fmt::format("The HELO name {} could not be looked up.", helo), "Try again later."};
    }
    return {Severity::kFailure, fmt::format("The HELO name {} has no {} record.", helo, type), advice};
  }
  const auto& found = *facts.helo_addresses;
  if (std::find(found.begin(), found.end(), ip) != found.end()) {
    return {Severity::kOk, fmt::format("The HELO name {} resolves to {}.", helo, ip.text()), {}};
  }
  return {Severity::kFailure, fmt::format("The HELO name {} does not resolve to {}.", helo, ip.text()), advice};
}

Finding check_ptr(const AddressFacts& facts) {
  const auto& helo = facts.subject.helo;
  const auto ip = facts.subject.ip.text();
  const auto advice = fmt::format("Ask the owner of the network to set the PTR record of {} to {}.", ip, helo);
  if (!facts.ptr_names) {
    if (!is_definite(facts.ptr_names.error())) {
      return {Severity::kWarning, fmt::format("The PTR record of {} could not be looked up.", ip), "Try again later."};
    }
    return {Severity::kFailure, fmt::format("{} has no PTR record; many servers refuse such clients.", ip), advice};
  }
  const auto& names = *facts.ptr_names;
  if (std::find(names.begin(), names.end(), helo) != names.end()) {
    return {Severity::kOk, fmt::format("The PTR record of {} is its HELO name {}.", ip, helo), {}};
  }
  if (facts.leads_back == AddressFacts::LeadsBack::kNo) {
    return {Severity::kFailure,
            fmt::format("The PTR record of {} is {}, which does not lead back to it.", ip, fmt::join(names, ", ")),
            advice};
  }
  return {Severity::kWarning,
          fmt::format("The PTR record of {} is {}, its HELO name {}.", ip, fmt::join(names, ", "), helo), advice};
}

Finding check_spf(const AddressFacts& facts, const DomainSpf& spf) {
  const auto& ip = facts.subject.ip;
  const auto said = fmt::format("SPF of {} for {}: {}.", spf.domain, ip.text(), to_string(spf.result));
  const auto term = fmt::format("{}:{}", ip.family() == Family::kIpv4 ? "ip4" : "ip6", ip.text());
  switch (spf.result) {
    case SpfResult::kPass:
      return {Severity::kOk, said, {}};
    case SpfResult::kNone:
      return {Severity::kWarning, said, fmt::format("Publish {} TXT \"v=spf1 {} -all\".", spf.domain, term)};
    case SpfResult::kTempError:
      return {Severity::kWarning, said, "The lookup failed for the moment: try again later."};
    case SpfResult::kUndecided:
      return {Severity::kWarning, said, "The record uses macros, exists or ptr, which this check does not evaluate."};
    case SpfResult::kPermError:
      return {Severity::kFailure, said, "Correct the record: one only, well-formed, at most ten lookups (RFC 7208)."};
    default:
      return {Severity::kFailure, said, fmt::format("Add {} to the SPF record of {}.", term, spf.domain)};
  }
}

}  // namespace

AddressCheckSubject subject_of(const tenants::Snapshot& directory, const tenants::SourceAddress& address,
                               std::string_view node_name) {
  AddressCheckSubject subject;
  subject.ip = address.ip;
  subject.helo = address.helo.empty() ? std::string{node_name} : address.helo;
  for (const auto& domain : directory.domains()) {
    const auto& usable = directory.usable_addresses(domain.tenant, address.ip.family());
    const bool is_used =
        std::any_of(usable.begin(), usable.end(), [&](const auto* candidate) { return candidate->ip == address.ip; });
    if (!is_used) continue;
    if (subject.domains.size() < AddressCheckSubject::kDomainsMax) {
      subject.domains.push_back(domain.name);
    } else {
      ++subject.domains_left_out;
    }
  }
  return subject;
}

namespace {

// Asks for the addresses of the PTR names, until one leads back.
Task<void> follow_back(net::Resolver& resolver, IpAddress ip, AddressFacts& facts) {
  using LeadsBack = AddressFacts::LeadsBack;
  if (!facts.ptr_names) co_return;
  facts.leads_back = LeadsBack::kNo;
  const std::vector<std::string> names = *facts.ptr_names;
  for (std::size_t i = 0; i < std::min(names.size(), AddressFacts::kPtrNamesMax); ++i) {
    auto forward = resolver.addresses(names[i], ip.family());
    const auto found = co_await std::move(forward);
    if (!found && !is_definite(found.error())) facts.leads_back = LeadsBack::kUnknown;
    if (!found || std::find(found->begin(), found->end(), ip) == found->end()) continue;
    facts.leads_back = LeadsBack::kYes;
    co_return;
  }
}

}  // namespace

Task<AddressFacts> gather_facts(net::Resolver& resolver, AddressCheckSubject subject, bool is_present) {
  AddressFacts facts;
  facts.is_present = is_present;
  // Addresses of the loopback network have no place in public DNS.
  if (!subject.ip.is_loopback()) {
    auto forward = resolver.addresses(subject.helo, subject.ip.family());
    facts.helo_addresses = co_await std::move(forward);
    auto reverse = resolver.ptr(subject.ip);
    facts.ptr_names = co_await std::move(reverse);
    auto following = follow_back(resolver, subject.ip, facts);
    co_await std::move(following);
    for (const auto& domain : subject.domains) {
      SpfEvaluation evaluation{resolver, subject.ip};
      auto evaluate = evaluation.run(domain);
      const SpfResult result = co_await std::move(evaluate);
      facts.spf.push_back({domain, result});
    }
  }
  facts.subject = std::move(subject);
  co_return facts;
}

std::vector<Finding> compare(const AddressFacts& facts) {
  std::vector<Finding> findings{check_presence(facts)};
  if (facts.subject.ip.is_loopback()) {
    findings.push_back({Severity::kOk, "A loopback address: DNS is not checked.", {}});
    return findings;
  }
  findings.push_back(check_helo(facts));
  findings.push_back(check_ptr(facts));
  for (const auto& spf : facts.spf) findings.push_back(check_spf(facts, spf));
  if (facts.subject.domains_left_out > 0) {
    findings.push_back({Severity::kWarning,
                        fmt::format("{} further domains that send from this address were not checked.",
                                    facts.subject.domains_left_out),
                        {}});
  }
  return findings;
}

std::string_view to_string(Readiness::State state) {
  switch (state) {
    case Readiness::State::kUnknown:
      return "unknown";
    case Readiness::State::kReady:
      return "ready";
    case Readiness::State::kUnready:
      return "unready";
  }
  return "";
}

Readiness readiness_of(const AddressFacts& facts) {
  using State = Readiness::State;
  if (facts.subject.ip.is_loopback()) return {State::kReady, {}, {}};
  const auto helo = check_helo(facts);
  const auto ptr = check_ptr(facts);
  for (const auto* finding : {&helo, &ptr}) {
    if (finding->severity == Severity::kFailure) return {State::kUnready, finding->what, finding->advice};
  }
  if (!facts.helo_addresses) return {State::kUnknown, helo.what, helo.advice};
  if (!facts.ptr_names) return {State::kUnknown, ptr.what, ptr.advice};
  // A PTR of another name than HELO's is usual; it must lead back.
  if (facts.leads_back == AddressFacts::LeadsBack::kYes) return {State::kReady, {}, {}};
  return {State::kUnknown, "The names of its PTR record could not be looked up.", "Try again later."};
}

Task<DomainFacts> gather_facts(net::Resolver& resolver, std::string domain, std::vector<IpAddress> sources) {
  DomainFacts facts;
  facts.domain = domain;
  auto asking = resolver.mx(domain);
  facts.mx = co_await std::move(asking);
  for (const auto& ip : sources) {
    SpfEvaluation evaluation{resolver, ip};
    auto evaluate = evaluation.run(domain);
    const SpfResult result = co_await std::move(evaluate);
    facts.spf.emplace_back(ip, result);
  }
  co_return facts;
}

Readiness readiness_of(const DomainFacts& facts) {
  using State = Readiness::State;
  const auto advice = fmt::format("bulkhead domain dns {} shows the records to publish.", facts.domain);
  if (!facts.mx && is_definite(facts.mx.error())) {
    return {State::kUnready, fmt::format("{} has no MX record, so that nobody can answer.", facts.domain), advice};
  }
  if (!facts.mx) return {State::kUnknown, "The MX record could not be looked up.", "Try again later."};
  for (const auto& [ip, result] : facts.spf) {
    if (result == SpfResult::kPass || result == SpfResult::kUndecided || result == SpfResult::kTempError) continue;
    return {State::kUnready,
            fmt::format("SPF of {} does not let {} send: {}.", facts.domain, ip.text(), to_string(result)), advice};
  }
  const bool is_unsure = std::any_of(facts.spf.begin(), facts.spf.end(),
                                     [](const auto& each) { return each.second == SpfResult::kTempError; });
  if (is_unsure) return {State::kUnknown, "The SPF record could not be looked up.", "Try again later."};
  return {State::kReady, {}, {}};
}

}  // namespace bulkhead::netpolicy
