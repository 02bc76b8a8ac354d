#include "src/net/dns_query.h"

#include <algorithm>
#include <mutex>

namespace bulkhead::net {

namespace {

constexpr std::chrono::seconds kTtlMin{5};
constexpr std::chrono::seconds kTtlMax{3600};
constexpr std::chrono::seconds kNegativeTtl{60};
constexpr std::chrono::seconds kFailureTtl{2};
constexpr int kTries = 3;
// Fits into every path without fragments (DNS flag day 2020).
constexpr int kEdnsSize = 1232;

DnsQuery::Outcome failure(ErrorCode code, std::string message, std::chrono::seconds ttl) {
  return {fail(code, std::move(message)), ttl};
}

DnsQuery::Outcome not_found(std::string message, const std::optional<DnsMessage>& parsed) {
  const auto ttl = parsed && parsed->negative_ttl ? *parsed->negative_ttl : kNegativeTtl;
  return failure(ErrorCode::kNotFound, std::move(message), std::clamp(ttl, kTtlMin, kTtlMax));
}

}  // namespace

DnsQuery::DnsQuery(Shard& shard, const ResolverOptions& options, const std::string& servers, Question question)
    : shard_(shard),
      options_(options),
      servers_(servers),
      question_(std::move(question)),
      deadline_(std::chrono::steady_clock::now() + options.total_timeout) {}

DnsQuery::~DnsQuery() {
  *is_alive_ = false;
  done_ = {};
  if (channel_ != nullptr) ares_destroy(channel_);
}

Status DnsQuery::open_channel() {
  static std::once_flag initialised;
  std::call_once(initialised, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_options options{};
  options.flags = ARES_FLAG_EDNS | ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES;
  options.ednspsz = kEdnsSize;
  options.timeout = static_cast<int>(options_.attempt_timeout.count());
  options.tries = kTries;
  options.sock_state_cb = [](void* self, ares_socket_t fd, int readable, int writable) {
    static_cast<DnsQuery*>(self)->watch(fd, readable != 0, writable != 0);
  };
  options.sock_state_cb_data = this;
  // With all of these given c-ares reads no file: the servers are known, and their place is taken until they are set.
  in_addr placeholder{};
  std::string lookups{"b"};
  options.servers = &placeholder;
  options.nservers = 1;
  options.lookups = lookups.data();
  options.ndots = 1;
  const int status = ares_init_options(&channel_, &options,
                                       ARES_OPT_FLAGS | ARES_OPT_EDNSPSZ | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES |
                                           ARES_OPT_SERVERS | ARES_OPT_DOMAINS | ARES_OPT_LOOKUPS | ARES_OPT_SORTLIST |
                                           ARES_OPT_NDOTS | ARES_OPT_SOCK_STATE_CB | ARES_OPT_NOROTATE);
  if (status != ARES_SUCCESS) {
    channel_ = nullptr;
    return fail(ErrorCode::kUnavailable, std::string{"cannot start the resolver: "} + ares_strerror(status));
  }
  if (servers_.empty()) return fail(ErrorCode::kUnavailable, "the system names no DNS server");
  if (ares_set_servers_ports_csv(channel_, servers_.c_str()) == ARES_SUCCESS) return {};
  return fail(ErrorCode::kInvalid, "the DNS servers " + servers_ + " are no list of address:port");
}

void DnsQuery::start(Done done) {
  done_ = std::move(done);
  if (auto opened = open_channel(); !opened) {
    outcome_ = Outcome{fail(std::move(opened.error())), kFailureTtl};
  } else {
    ares_query(
        channel_, question_.name.c_str(), /* IN */ 1, static_cast<int>(question_.type),
        [](void* self, int status, int, unsigned char* bytes, int size) {
          const std::string_view text{reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(size)};
          static_cast<DnsQuery*>(self)->answered(status, bytes == nullptr ? std::string_view{} : text);
        },
        this);
  }
  if (outcome_) {
    shard_.post([this, alive = is_alive_] {
      if (*alive) finish_if_answered();
    });
  } else {
    arm_timeout();
  }
}

void DnsQuery::watch(int fd, bool wants_read, bool wants_write) {
  auto& watch = watches_[fd];
  if (!wants_read && !wants_write) {
    // c-ares is about to close it: ASIO must let go first, without closing.
    if (watch) watch->descriptor.release();
    watches_.erase(fd);
    return;
  }
  if (!watch) watch = std::make_shared<Watch>(shard_.impl().io, fd);
  watch->wants_read = wants_read;
  watch->wants_write = wants_write;
  wait(fd, watch);
}

void DnsQuery::wait(int fd, const std::shared_ptr<Watch>& watch) {
  const auto is_current = [this, fd, weak = std::weak_ptr{watch}, alive = is_alive_] {
    if (!*alive) return std::shared_ptr<Watch>{};
    const auto found = watches_.find(fd);
    const auto mine = weak.lock();
    return found != watches_.end() && found->second == mine ? mine : nullptr;
  };
  using Descriptor = asio::posix::stream_descriptor;
  if (watch->wants_read && !watch->is_reading) {
    watch->is_reading = true;
    watch->descriptor.async_wait(Descriptor::wait_read, [this, fd, is_current](const asio::error_code& error) {
      const auto current = is_current();
      if (!current) return;
      current->is_reading = false;
      if (!error) process(fd, ARES_SOCKET_BAD);
    });
  }
  if (watch->wants_write && !watch->is_writing) {
    watch->is_writing = true;
    watch->descriptor.async_wait(Descriptor::wait_write, [this, fd, is_current](const asio::error_code& error) {
      const auto current = is_current();
      if (!current) return;
      current->is_writing = false;
      if (!error) process(ARES_SOCKET_BAD, fd);
    });
  }
}

void DnsQuery::process(ares_socket_t readable, ares_socket_t writable) {
  ares_process_fd(channel_, readable, writable);
  if (outcome_) return finish_if_answered();
  // A copy, because waiting may not, but c-ares may, change the set.
  const auto watches = watches_;
  for (const auto& [fd, watch] : watches) wait(fd, watch);
  arm_timeout();
}

void DnsQuery::arm_timeout() {
  timeval left{};
  SteadyTime next = deadline_;
  if (ares_timeout(channel_, nullptr, &left) != nullptr) {
    const auto until = std::chrono::seconds{left.tv_sec} + std::chrono::microseconds{left.tv_usec};
    next = std::min(next, std::chrono::steady_clock::now() + until);
  }
  shard_.impl().set_deadline(*this, next);
}

void DnsQuery::expired() {
  // Beyond the deadline c-ares answers the question itself, with ARES_ECANCELLED.
  if (std::chrono::steady_clock::now() >= deadline_) ares_cancel(channel_);
  process(ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

void DnsQuery::answered(int status, std::string_view bytes) {
  if (outcome_) return;
  const std::string& name = question_.name;
  const auto parsed = bytes.empty() ? std::nullopt : parse_dns_message(bytes, name, question_.type);
  switch (status) {
    case ARES_SUCCESS:
      if (!parsed) {
        outcome_ = failure(ErrorCode::kUnavailable, "the DNS answer about " + name + " is malformed", kFailureTtl);
      } else if (parsed->answer.mx.empty() && parsed->answer.has_unusable_mx) {
        // Not as if there were none: then the address of the domain itself would be used (RFC 5321 §5.1).
        outcome_ = failure(ErrorCode::kUnavailable, "the MX records of " + name + " name no possible host", kTtlMin);
      } else if (parsed->answer.is_empty()) {
        outcome_ = not_found("the DNS has no such record of " + name, parsed);
      } else {
        outcome_ = Outcome{parsed->answer, std::clamp(parsed->ttl.value_or(kTtlMin), kTtlMin, kTtlMax)};
      }
      return;
    case ARES_ENOTFOUND:
      outcome_ = not_found("the DNS knows no " + name, parsed);
      return;
    case ARES_ENODATA:
      outcome_ = not_found("the DNS has no such record of " + name, parsed);
      return;
    case ARES_EBADNAME:
      outcome_ = not_found(name + " is no possible domain name", parsed);
      return;
    case ARES_ETIMEOUT:
    case ARES_ECANCELLED:
      outcome_ = failure(ErrorCode::kTimeout, "no DNS server answered about " + name, kFailureTtl);
      return;
    default:
      outcome_ = failure(ErrorCode::kUnavailable, "the DNS could not tell about " + name + ": " + ares_strerror(status),
                         kFailureTtl);
  }
}

void DnsQuery::finish_if_answered() {
  if (!outcome_ || !done_) return;
  unlink();
  Done done = std::move(done_);
  done(std::move(*outcome_));  // may destroy this
}

}  // namespace bulkhead::net
