#include <algorithm>
#include <unordered_map>

#include "src/net/dns_cache.h"
#include "src/net/dns_query.h"
#include "src/net/dns_servers.h"
#include "src/net/resolver.h"

namespace bulkhead::net {

namespace {

constexpr std::string_view kFresh = "fresh ";  // before the key of what is not cached
constexpr std::size_t kCacheBytesMax = 16 << 20;

// Several lookups that wait for one question.
struct Flight {
  std::unique_ptr<DnsQuery> query;
  std::vector<std::coroutine_handle<>> waiters;
  DnsOutcome outcome;
  SteadyTime began;
  std::chrono::seconds ttl{0};
};

struct FlightWait {
  Flight& flight;
  bool await_ready() const noexcept { return flight.outcome != nullptr; }
  void await_suspend(std::coroutine_handle<> awaiting) { flight.waiters.push_back(awaiting); }
  void await_resume() const noexcept {}
};

std::string normal_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!name.empty() && name.back() == '.') name.pop_back();
  return name;
}

std::string reverse_name(const IpAddress& ip) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  const auto bytes = ip.bytes();
  std::string out;
  for (auto i = bytes.size(); i-- > 0;) {
    const auto byte = static_cast<unsigned char>(bytes[i]);
    if (ip.family() == Family::kIpv4) {
      out += std::to_string(byte) + '.';
    } else {
      out += {kDigits[byte & 15U], '.', kDigits[byte >> 4U], '.'};
    }
  }
  return out + (ip.family() == Family::kIpv4 ? "in-addr.arpa" : "ip6.arpa");
}

std::string_view outcome_name(const Result<DnsAnswer>& answer) {
  if (answer) return "ok";
  if (answer.error().code == ErrorCode::kNotFound) return "none";
  return answer.error().code == ErrorCode::kTimeout ? "timeout" : "failed";
}

Status check_servers(const std::vector<std::string>& servers) {
  for (const auto& server : servers) {
    if (SocketAddress::parse(server)) continue;
    return fail(ErrorCode::kInvalid, "'" + server + "' is no address of a DNS server",
                "write address:port, for example 192.0.2.53:53 or [2001:db8::53]:53");
  }
  return {};
}

class CaresResolver final : public Resolver {
 public:
  CaresResolver(Shard& shard, const Clock& clock, ResolverOptions options)
      : shard_(shard),
        clock_(clock),
        options_(std::move(options)),
        servers_(std::in_place, options_.servers, clock),
        cache_(clock, {options_.entries_max, kCacheBytesMax}) {}
  ~CaresResolver() override {
    for (const auto& [key, flight] : flights_) BULKHEAD_CHECK(flight->waiters.empty());
  }

  Task<Result<std::vector<MxRecord>>> mx(std::string domain) override {
    DnsQuery::Question question{normal_name(std::move(domain)), RecordType::kMx};
    const DnsOutcome outcome = co_await lookup(std::move(question));
    if (!*outcome) co_return fail(outcome->error());
    co_return (*outcome)->mx;
  }
  Task<Result<std::vector<IpAddress>>> addresses(std::string host, Family family) override {
    const auto type = family == Family::kIpv4 ? RecordType::kA : RecordType::kAaaa;
    DnsQuery::Question question{normal_name(std::move(host)), type};
    const DnsOutcome outcome = co_await lookup(std::move(question));
    if (!*outcome) co_return fail(outcome->error());
    co_return (*outcome)->addresses;
  }
  Task<Result<std::vector<std::string>>> txt(std::string name) override {
    return texts({normal_name(std::move(name)), RecordType::kTxt});
  }
  Task<Result<std::vector<std::string>>> ptr(IpAddress ip) override {
    return texts({reverse_name(ip), RecordType::kPtr});
  }
  Task<FreshAddresses> fresh_addresses(std::string host) override;
  Status use_servers(const std::vector<std::string>& servers) override {
    if (auto checked = check_servers(servers); !checked) return checked;
    servers_.emplace(servers, clock_);
    cache_.clear();
    return {};
  }

 private:
  Task<Result<std::vector<std::string>>> texts(DnsQuery::Question question) {
    const DnsOutcome outcome = co_await lookup(std::move(question));
    if (!*outcome) co_return fail(outcome->error());
    co_return (*outcome)->texts;
  }
  Task<DnsOutcome> lookup(DnsQuery::Question question);
  std::shared_ptr<Flight> start(const std::string& key, DnsQuery::Question question);
  void land(const std::string& key, DnsQuery::Outcome outcome);
  void observe(DnsLookup lookup) const {
    if (options_.on_lookup) options_.on_lookup(lookup);
  }

  Shard& shard_;
  const Clock& clock_;
  ResolverOptions options_;
  std::optional<DnsServers> servers_;  // always there
  DnsCache cache_;
  std::unordered_map<std::string, std::shared_ptr<Flight>> flights_;
};

Task<DnsOutcome> CaresResolver::lookup(DnsQuery::Question question) {
  constexpr std::size_t kNameMax = 253;
  if (question.name.empty() || question.name.size() > kNameMax) {
    Result<DnsAnswer> refused = fail(ErrorCode::kNotFound, "'" + question.name + "' is no possible domain name");
    co_return std::make_shared<const Result<DnsAnswer>>(std::move(refused));
  }
  const std::string key = std::to_string(static_cast<int>(question.type)) + ' ' + question.name;
  if (DnsOutcome known = cache_.find(key)) {
    observe({"cached", std::nullopt});
    co_return known;
  }
  std::shared_ptr<Flight> flight;
  if (const auto found = flights_.find(key); found != flights_.end()) {
    flight = found->second;
    observe({"cached", std::nullopt});
  } else if (flights_.size() >= options_.questions_max) {
    observe({"refused", std::nullopt});
    Result<DnsAnswer> refused = fail(ErrorCode::kUnavailable, "too many DNS questions are waiting for an answer");
    co_return std::make_shared<const Result<DnsAnswer>>(std::move(refused));
  } else {
    flight = start(key, std::move(question));
  }
  FlightWait wait{*flight};
  co_await wait;
  co_return flight->outcome;
}

Task<FreshAddresses> CaresResolver::fresh_addresses(std::string host) {
  std::string name = normal_name(std::move(host));
  const std::string key = std::string{kFresh} + name;
  std::shared_ptr<Flight> flight;
  if (const auto found = flights_.find(key); found != flights_.end()) {
    flight = found->second;
  } else if (flights_.size() >= options_.questions_max / 2) {
    observe({"refused", std::nullopt});
    co_return FreshAddresses{fail(ErrorCode::kLimit, "too many DNS questions are waiting for an answer")};
  } else {
    flight = start(key, {std::move(name), RecordType::kA});
  }
  FlightWait wait{*flight};
  co_await wait;
  if (!*flight->outcome) co_return FreshAddresses{fail(flight->outcome->error()), flight->ttl};
  co_return FreshAddresses{(*flight->outcome)->addresses, flight->ttl};
}

std::shared_ptr<Flight> CaresResolver::start(const std::string& key, DnsQuery::Question question) {
  auto flight = std::make_shared<Flight>();
  flight->query = std::make_unique<DnsQuery>(shard_, options_, servers_->list(), std::move(question));
  flight->began = clock_.steady();
  flights_.emplace(key, flight);
  flight->query->start([this, key](DnsQuery::Outcome outcome) { land(key, std::move(outcome)); });
  return flight;
}

void CaresResolver::land(const std::string& key, DnsQuery::Outcome outcome) {
  const auto node = flights_.extract(key);
  const std::shared_ptr<Flight> flight = node.mapped();
  observe({outcome_name(outcome.answer),
           std::chrono::duration_cast<std::chrono::microseconds>(clock_.steady() - flight->began)});
  flight->outcome = std::make_shared<const Result<DnsAnswer>>(std::move(outcome.answer));
  flight->ttl = outcome.ttl;
  if (!node.key().starts_with(kFresh)) cache_.put(node.key(), flight->outcome, outcome.ttl);
  // Posted: the waiters may ask again, or end what holds this resolver, while c-ares is still on the stack.
  for (const auto waiter : flight->waiters) resume_on(shard_, waiter);
  flight->waiters.clear();
  shard_.post([query = std::move(flight->query)] {});
}

}  // namespace

Result<std::unique_ptr<Resolver>> make_cares_resolver(Shard& shard, const Clock& clock, ResolverOptions options) {
  if (auto checked = check_servers(options.servers); !checked) return fail(checked.error());
  return std::make_unique<CaresResolver>(shard, clock, std::move(options));
}

}  // namespace bulkhead::net
