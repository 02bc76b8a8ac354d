#include "netpolicy/netlink.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include <net/if.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bulkhead::netpolicy {

namespace {

// Reads a structure from the front of `bytes`; nothing when they are too few.
template <class T>
std::optional<T> front(std::span<const char> bytes) {
  if (bytes.size() < sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof value);
  return value;
}

std::size_t aligned(std::size_t size) {
  return (size + 3) & ~std::size_t{3};
}

std::span<const char> after(std::span<const char> bytes, std::size_t size) {
  return bytes.subspan(std::min(aligned(size), bytes.size()));
}

std::optional<IpAddress> address_from(std::span<const char> bytes) {
  if (const auto six = bytes.size() == 16 ? front<std::array<std::uint8_t, 16>>(bytes) : std::nullopt) {
    return IpAddress::v6(*six);
  }
  if (const auto four = bytes.size() == 4 ? front<std::array<std::uint8_t, 4>>(bytes) : std::nullopt) {
    return IpAddress::v4(*four);
  }
  return std::nullopt;
}

struct AddressAttributes {
  std::optional<IpAddress> local, address;
  std::uint32_t flags = 0;
};

AddressAttributes attributes_of(std::span<const char> body, std::uint32_t flags) {
  AddressAttributes all;
  all.flags = flags;
  while (const auto attribute = front<rtattr>(body)) {
    if (attribute->rta_len < sizeof(rtattr) || attribute->rta_len > body.size()) break;
    const auto value = body.subspan(sizeof(rtattr), attribute->rta_len - sizeof(rtattr));
    if (attribute->rta_type == IFA_LOCAL) all.local = address_from(value);
    if (attribute->rta_type == IFA_ADDRESS) all.address = address_from(value);
    if (attribute->rta_type == IFA_FLAGS) all.flags = front<std::uint32_t>(value).value_or(all.flags);
    body = after(body, attribute->rta_len);
  }
  return all;
}

IpNetwork network_of(const IpAddress& ip, int prefix) {
  return IpNetwork::parse(ip.text() + "/" + std::to_string(prefix)).value_or(IpNetwork{ip, 32});
}

Status request_dump(int socket, std::uint16_t type) {
  struct {
    nlmsghdr header{};
    rtgenmsg body{};
  } request;
  request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
  request.header.nlmsg_type = type;
  request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
  request.body.rtgen_family = AF_UNSPEC;
  if (::send(socket, &request, request.header.nlmsg_len, 0) < 0) return fail(system_error("send", "netlink", errno));
  return {};
}

Status read_dump(int socket, std::uint16_t type, AddressDump& dump) {
  if (auto requested = request_dump(socket, type); !requested) return requested;
  std::vector<char> buffer(65536);
  while (!dump.is_done()) {
    const auto size = ::recv(socket, buffer.data(), buffer.size(), 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return fail(system_error("recv", "netlink", errno));
    if (!dump.add({buffer.data(), static_cast<std::size_t>(size)})) {
      return fail(ErrorCode::kProtocol, "netlink answered with something that is no list of addresses");
    }
  }
  if (dump.error() != 0) return fail(system_error("netlink", "list of addresses", dump.error()));
  dump.begin_next();
  return {};
}

}  // namespace

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> open_netlink(std::uint32_t groups) {
  Descriptor socket{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)};
  if (socket.get() < 0) return fail(system_error("socket", "netlink", errno));
  sockaddr_nl address{};
  address.nl_family = AF_NETLINK;
  address.nl_groups = groups;
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return fail(system_error("bind", "netlink", errno));
  }
  return socket;
}

bool AddressDump::add(std::span<const char> piece) {
  if (piece.empty()) return false;
  while (!piece.empty()) {
    const auto header = front<nlmsghdr>(piece);
    if (!header || header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > piece.size()) return false;
    add_message(*header, piece.subspan(sizeof(nlmsghdr), header->nlmsg_len - sizeof(nlmsghdr)));
    piece = after(piece, header->nlmsg_len);
  }
  return true;
}

void AddressDump::add_message(const nlmsghdr& header, std::span<const char> body) {
  if ((header.nlmsg_flags & NLM_F_DUMP_INTR) != 0) is_torn_ = true;
  if (header.nlmsg_type == NLMSG_DONE) is_done_ = true;
  if (header.nlmsg_type == NLMSG_ERROR) {
    const auto answer = front<nlmsgerr>(body);
    error_ = answer ? -answer->error : EPROTO;
    is_done_ = true;
  }
  if (header.nlmsg_type == RTM_NEWLINK) add_link(body);
  if (header.nlmsg_type == RTM_NEWADDR) add_address(body);
}

void AddressDump::add_link(std::span<const char> body) {
  const auto link = front<ifinfomsg>(body);
  if (!link) return;
  if ((link->ifi_flags & IFF_UP) != 0) links_up_.insert(link->ifi_index);
  if ((link->ifi_flags & IFF_LOOPBACK) != 0) loopbacks_.insert(link->ifi_index);
}

void AddressDump::add_address(std::span<const char> body) {
  const auto message = front<ifaddrmsg>(body);
  if (!message) return;
  const int index = static_cast<int>(message->ifa_index);
  // The kernel binds no socket to an address of an interface that is down.
  if (!links_up_.contains(index)) return;
  const auto found = attributes_of(after(body, sizeof(ifaddrmsg)), message->ifa_flags);
  // RFC 4862 §5.4: a tentative address is not assigned until its uniqueness is verified. The optimistic ones of
  // RFC 4429 may be used at once.
  const bool is_tentative = (found.flags & IFA_F_TENTATIVE) != 0 && (found.flags & IFA_F_OPTIMISTIC) == 0;
  if (is_tentative || (found.flags & IFA_F_DADFAILED) != 0) return;
  // On a point-to-point interface IFA_ADDRESS is the other end.
  const auto& own = found.local ? found.local : found.address;
  if (!own) return;
  addresses_.present.insert(*own);
  if (loopbacks_.contains(index) && own->family() == Family::kIpv4 && message->ifa_prefixlen < 32) {
    auto network = network_of(*own, message->ifa_prefixlen);
    auto& all = addresses_.local_networks;
    if (std::find(all.begin(), all.end(), network) == all.end()) all.push_back(network);
  }
}

Result<HostAddresses> read_host_addresses(int socket) {
  constexpr int kAttempts = 10;
  for (int attempt = 1;; ++attempt) {
    AddressDump dump;
    for (const std::uint16_t type : {RTM_GETLINK, RTM_GETADDR}) {
      if (auto done = read_dump(socket, type, dump); !done) return fail(done.error());
    }
    if (!dump.is_torn() || attempt == kAttempts) return dump.take();
  }
}

}  // namespace bulkhead::netpolicy
