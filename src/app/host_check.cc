#include "src/app/host_check.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <netinet/in.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/base/clock.h"

namespace bulkhead::app {

namespace {

constexpr std::uint64_t kFreeSpaceWanted = 1ULL << 30;
constexpr rlim_t kDescriptorsWanted = 65536;

std::string words_of(int error_number) {
  return std::generic_category().message(error_number);
}

Finding check_user(const Configuration& configuration) {
  const std::string& user = configuration.node.user;
  if (user.empty()) return {Severity::kOk, "the server keeps the user that starts it", ""};
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found != nullptr) return {Severity::kOk, "user " + user + " exists", ""};
  return {Severity::kFault, "there is no user " + user,
          "useradd --system --home-dir /var/lib/bulkhead --shell /usr/sbin/nologin " + user};
}

// The nearest directory that exists, upwards.
std::string existing_parent(std::string path) {
  while (path.size() > 1 && ::access(path.c_str(), F_OK) != 0) {
    path.resize(path.find_last_of('/'));
    if (path.empty()) path = "/";
  }
  return path;
}

Finding check_data(const Configuration& configuration) {
  const std::string& data = configuration.node.data;
  const std::string there = existing_parent(data);
  if (::access(there.c_str(), W_OK) != 0) {
    return {Severity::kFault, fmt::format("{} cannot be written: {}", there, words_of(errno)),
            "start as root, or give the directory to the user"};
  }
  struct statvfs space {};
  if (::statvfs(there.c_str(), &space) != 0) return {Severity::kFault, "statvfs " + there + ": " + words_of(errno), ""};
  const std::uint64_t free = static_cast<std::uint64_t>(space.f_bavail) * space.f_frsize;
  const std::string what = fmt::format("{} has {} MiB free", data, free >> 20);
  if (free < kFreeSpaceWanted) return {Severity::kWarning, what, "below 64 MiB new mail is refused"};
  return {Severity::kOk, what, ""};
}

Finding check_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const std::string what = fmt::format("at most {} open descriptors", limit.rlim_max);
  if (limit.rlim_max >= kDescriptorsWanted) return {Severity::kOk, what, ""};
  return {Severity::kWarning, what, "each connection needs one: LimitNOFILE=131072 in the unit, or ulimit -Hn"};
}

Finding check_clock() {
  const auto now = SystemClock{}.now();
  const UtcTime built = std::chrono::sys_days{std::chrono::year{2026} / 1 / 1};
  const std::string what = "the clock says " + to_rfc3339(now);
  timex kernel{};
  const bool is_synchronised = ::adjtimex(&kernel) != TIME_ERROR;
  if (now > built && is_synchronised) return {Severity::kOk, what + ", synchronised", ""};
  if (now > built) return {Severity::kWarning, what + ", not synchronised", "run chrony or systemd-timesyncd"};
  return {Severity::kFault, what, "set it: certificates, retries and the trace depend on it"};
}

// Whether somebody accepts on the admin socket: then a server runs, and its ports are taken by itself.
bool is_running(const Configuration& configuration) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string& path = configuration.listen.admin;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool is_connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  ::close(fd);
  return is_connected;
}

// 0, or why the endpoint cannot be bound.
int try_bind(const SocketAddress& endpoint) {
  const bool is_v6 = endpoint.ip.family() == Family::kIpv6;
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_in);
  if (is_v6) {
    auto& address = reinterpret_cast<sockaddr_in6&>(storage);
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, endpoint.ip.bytes().data(), 16);
    size = sizeof address;
  } else {
    auto& address = reinterpret_cast<sockaddr_in&>(storage);
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    std::memcpy(&address.sin_addr, endpoint.ip.bytes().data(), 4);
  }
  const int fd = ::socket(is_v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (is_v6) ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  int error = ::bind(fd, reinterpret_cast<const sockaddr*>(&storage), size) == 0 ? 0 : errno;
  // Two sockets may be bound with SO_REUSEADDR; only one may listen.
  if (error == 0 && ::listen(fd, 1) != 0) error = errno;
  ::close(fd);
  return error;
}

void check_ports(const Configuration& configuration, std::vector<Finding>& findings) {
  const auto& listen = configuration.listen;
  for (const auto* list :
       {&listen.smtp, &listen.submission, &listen.submissions, &listen.http, &listen.https, &listen.metrics}) {
    for (const auto& endpoint : *list) {
      const int error = try_bind(endpoint);
      if (error == 0) {
        findings.push_back({Severity::kOk, endpoint.text() + " is free", ""});
      } else {
        findings.push_back({Severity::kFault, fmt::format("{} cannot be bound: {}", endpoint.text(), words_of(error)),
                            error == EADDRINUSE ? "ss -ltnp tells who listens there" : "start as root"});
      }
    }
  }
}

}  // namespace

std::vector<Finding> check_any_host() {
  return {check_descriptors(), check_clock()};
}

std::vector<Finding> check_host(const Configuration& configuration) {
  std::vector<Finding> findings{check_user(configuration), check_data(configuration), check_descriptors(),
                                check_clock()};
  if (is_running(configuration)) {
    findings.push_back({Severity::kOk, "a server runs and answers on " + configuration.listen.admin, ""});
  } else {
    check_ports(configuration, findings);
  }
  return findings;
}

}  // namespace bulkhead::app
