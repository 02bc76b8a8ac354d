#include "netpolicy/spf_evaluation.h"

#include <algorithm>

namespace bulkhead::netpolicy {

namespace {

SpfResult result_of(char qualifier) {
  switch (qualifier) {
    case '-':
      return SpfResult::kFail;
    case '~':
      return SpfResult::kSoftFail;
    case '?':
      return SpfResult::kNeutral;
    default:
      return SpfResult::kPass;
  }
}

bool has_macro(std::string_view domain) {
  return domain.find('%') != std::string_view::npos;
}

bool is_within(const IpAddress& ip, const IpAddress& host, const SpfTerm& term) {
  const int prefix = host.family() == Family::kIpv4 ? term.prefix4 : term.prefix6;
  const auto network = IpNetwork::parse(host.text() + "/" + std::to_string(prefix));
  return network && network->contains(ip);
}

}  // namespace

std::string_view to_string(SpfResult result) {
  switch (result) {
    case SpfResult::kNone:
      return "none";
    case SpfResult::kNeutral:
      return "neutral";
    case SpfResult::kPass:
      return "pass";
    case SpfResult::kFail:
      return "fail";
    case SpfResult::kSoftFail:
      return "softfail";
    case SpfResult::kTempError:
      return "temperror";
    case SpfResult::kPermError:
      return "permerror";
    case SpfResult::kUndecided:
      return "undecided";
  }
  return "none";
}

Task<SpfResult> SpfEvaluation::run(std::string domain) {
  auto ask = resolver_.txt(domain);
  const auto texts = co_await std::move(ask);
  if (!texts) {
    co_return texts.error().code == ErrorCode::kNotFound ? SpfResult::kNone : SpfResult::kTempError;
  }
  const auto is_ours = [](const std::string& text) { return is_spf(text); };
  const auto count = std::count_if(texts->begin(), texts->end(), is_ours);
  if (count == 0) co_return SpfResult::kNone;
  if (count > 1) co_return SpfResult::kPermError;
  const auto record = parse_spf(*std::find_if(texts->begin(), texts->end(), is_ours));
  if (!record) co_return SpfResult::kPermError;
  for (const auto& term : record->terms) {
    auto try_term = match(term, domain);
    const Match matched = co_await std::move(try_term);
    if (matched == Match::kTempError) co_return SpfResult::kTempError;
    if (matched == Match::kPermError) co_return SpfResult::kPermError;
    if (matched == Match::kNo) continue;
    const auto result = result_of(term.qualifier);
    co_return result != SpfResult::kPass&& is_undecided_ ? SpfResult::kUndecided : result;
  }
  if (record->redirect.empty()) co_return is_undecided_ ? SpfResult::kUndecided : SpfResult::kNeutral;
  if (has_macro(record->redirect)) co_return SpfResult::kUndecided;
  if (!count_lookup()) co_return SpfResult::kPermError;
  auto follow = run(record->redirect);
  const SpfResult redirected = co_await std::move(follow);
  co_return redirected == SpfResult::kNone ? SpfResult::kPermError : redirected;
}

Task<SpfEvaluation::Match> SpfEvaluation::match(SpfTerm term, std::string domain) {
  using Mechanism = SpfTerm::Mechanism;
  if (term.mechanism == Mechanism::kAll) co_return Match::kYes;
  if (term.mechanism == Mechanism::kIp4 || term.mechanism == Mechanism::kIp6) {
    co_return term.network.contains(ip_) ? Match::kYes : Match::kNo;
  }
  if (!count_lookup()) co_return Match::kPermError;
  const auto target = term.domain.empty() ? domain : term.domain;
  if (has_macro(target) || term.mechanism == Mechanism::kExists || term.mechanism == Mechanism::kPtr) {
    is_undecided_ = true;
    co_return Match::kNo;
  }
  if (term.mechanism == Mechanism::kInclude) {
    auto include = match_include(target);
    co_return co_await std::move(include);
  }
  if (term.mechanism == Mechanism::kMx) {
    auto mx = match_mx(target, term);
    co_return co_await std::move(mx);
  }
  std::vector<std::string> hosts{target};
  auto a = match_hosts(std::move(hosts), term);
  co_return co_await std::move(a);
}

// RFC 7208 §5.2: only a pass of the included record matches, and one that is missing is an error.
Task<SpfEvaluation::Match> SpfEvaluation::match_include(std::string domain) {
  auto include = run(std::move(domain));
  const SpfResult result = co_await std::move(include);
  switch (result) {
    case SpfResult::kPass:
      co_return Match::kYes;
    case SpfResult::kTempError:
      co_return Match::kTempError;
    case SpfResult::kPermError:
    case SpfResult::kNone:
      co_return Match::kPermError;
    default:
      co_return Match::kNo;
  }
}

Task<SpfEvaluation::Match> SpfEvaluation::match_mx(std::string domain, SpfTerm term) {
  auto ask = resolver_.mx(std::move(domain));
  const auto records = co_await std::move(ask);
  if (!records) co_return match_of(records.error());
  if (records->size() > kMxMax) co_return Match::kPermError;
  std::vector<std::string> hosts;
  for (const auto& record : *records) {
    if (!record.exchange.empty()) hosts.push_back(record.exchange);
  }
  auto match_them = match_hosts(std::move(hosts), std::move(term));
  co_return co_await std::move(match_them);
}

Task<SpfEvaluation::Match> SpfEvaluation::match_hosts(std::vector<std::string> hosts, SpfTerm term) {
  for (const auto& host : hosts) {
    auto ask = resolver_.addresses(host, ip_.family());
    const auto addresses = co_await std::move(ask);
    if (!addresses) {
      if (const auto failed = match_of(addresses.error()); failed != Match::kNo) co_return failed;
      continue;
    }
    for (const auto& address : *addresses) {
      if (is_within(ip_, address, term)) co_return Match::kYes;
    }
  }
  co_return Match::kNo;
}

SpfEvaluation::Match SpfEvaluation::match_of(const Error& error) {
  if (error.code != ErrorCode::kNotFound) return Match::kTempError;
  return ++void_lookups_ > kVoidLookupsMax ? Match::kPermError : Match::kNo;
}

}  // namespace bulkhead::netpolicy
