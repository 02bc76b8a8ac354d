#include "src/net/dns_servers.h"

#include <array>
#include <mutex>

#include <ares.h>
#include <arpa/inet.h>
#include <sys/stat.h>

#include "src/net/resolver.h"

namespace bulkhead::net {

namespace {

constexpr std::chrono::seconds kLookInterval{1};
constexpr int kDnsPort = 53;

std::string text_of(const ares_addr_port_node& server) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (::inet_ntop(server.family, &server.addr, text.data(), text.size()) == nullptr) return {};
  const int port = server.udp_port == 0 ? kDnsPort : server.udp_port;
  const std::string address{text.data()};
  return (server.family == AF_INET6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::string join(const std::vector<std::string>& parts) {
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

std::vector<std::string> servers_of(const std::string& file) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  ares_channel channel = nullptr;
  ares_options options{};
  std::string path = file;
  options.resolvconf_path = path.data();
  std::vector<std::string> servers;
  if (ares_init_options(&channel, &options, ARES_OPT_RESOLVCONF) != ARES_SUCCESS) return servers;
  ares_addr_port_node* first = nullptr;
  if (ares_get_servers_ports(channel, &first) == ARES_SUCCESS) {
    for (const auto* server = first; server != nullptr; server = server->next) servers.push_back(text_of(*server));
    ares_free_data(first);
  }
  ares_destroy(channel);
  return servers;
}

}  // namespace

std::vector<std::string> system_dns_servers() {
  return servers_of("/etc/resolv.conf");
}

DnsServers::DnsServers(const std::vector<std::string>& given, const Clock& clock, std::string file)
    : clock_(clock), file_(std::move(file)), is_given_(!given.empty()), list_(join(given)) {}

DnsServers::Version DnsServers::version() const {
  struct stat status {};
  if (::stat(file_.c_str(), &status) != 0) return {};
  return {status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

const std::string& DnsServers::list() {
  const auto now = clock_.steady();
  if (is_given_ || (read_ && now < next_look_)) return list_;
  next_look_ = now + kLookInterval;
  const Version current = version();
  if (!read_ || *read_ != current) {
    read_ = current;
    list_ = join(servers_of(file_));
  }
  return list_;
}

}  // namespace bulkhead::net
