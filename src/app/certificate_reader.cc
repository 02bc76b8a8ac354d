#include "src/app/certificate_reader.h"

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::app {

namespace {

constexpr std::size_t kPemSizeMax = 1U << 20;
constexpr char kReadBoth = 'r';
constexpr timeval kAnswerTimeout{5, 0};

// What goes before the octets of a file; `error` is an errno.
struct Header {
  std::int32_t error = 0;
  std::uint32_t size = 0;
};

bool read_exactly(int fd, void* to, std::size_t size) {
  for (auto* at = static_cast<char*>(to); size > 0;) {
    const ssize_t got = ::read(fd, at, size);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return false;
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

bool write_exactly(int fd, const void* from, std::size_t size) {
  for (const auto* at = static_cast<const char*>(from); size > 0;) {
    const ssize_t put = ::send(fd, at, size, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    at += put;
    size -= static_cast<std::size_t>(put);
  }
  return true;
}

// The file's text, or an errno.
int read_file(const std::string& path, std::string& text) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return errno;
  text.resize(kPemSizeMax);
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(fd, text.data() + size, text.size() - size)) > 0) {
    size += static_cast<std::size_t>(got);
  }
  const int error = got < 0 ? errno : 0;
  ::close(fd);
  text.resize(size);
  return error;
}

Error file_error(const std::string& path, int error_number) {
  Error error = system_error("read", path, error_number);
  error.advice = error_number == EACCES ? "let the server's group read it: chgrp bulkhead " + path + " && chmod 640 " +
                                              path + ", and give the group the x right on the directories above it"
                                        : "tls.certificate and tls.key name the PEM files";
  return error;
}

// Of root's powers only the one to read any file is left; where a container has taken that one away, the nearest.
void drop_other_powers() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  if (::syscall(SYS_capget, &header, sets.data()) != 0) ::_exit(1);
  const unsigned held = sets[0].permitted;
  const unsigned search = held & (1U << CAP_DAC_READ_SEARCH);
  sets = {};
  sets[0].permitted = sets[0].effective = search != 0 ? search : held & (1U << CAP_DAC_OVERRIDE);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::syscall(SYS_capset, &header, sets.data()) != 0) ::_exit(1);
}

bool hand_over(int channel, const std::string& path) {
  std::string text;
  const int error = read_file(path, text);
  if (error != 0) text.clear();
  const Header header{error, static_cast<std::uint32_t>(text.size())};
  return write_exactly(channel, &header, sizeof header) && write_exactly(channel, text.data(), text.size());
}

// The helper's whole life: it ends when the server's end of the channel is closed, thus also when the server dies.
[[noreturn]] void run_helper(int channel, const std::string& chain_file, const std::string& key_file) {
  ::prctl(PR_SET_NAME, "bulkhead-cert");
  drop_other_powers();
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, STDIN_FILENO);
  ::dup2(null, STDOUT_FILENO);  // who waits for the end of the server's output waits for the server alone
  char request = 0;
  while (read_exactly(channel, &request, 1) && request == kReadBoth) {
    if (!hand_over(channel, chain_file) || !hand_over(channel, key_file)) break;
  }
  ::_exit(0);
}

}  // namespace

Status CertificateReader::start_helper() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) != 0) {
    return fail(system_error("socketpair", "for the certificate's helper", errno));
  }
  helper_ = ::fork();
  if (helper_ == 0) {
    ::close(ends[0]);
    run_helper(ends[1], chain_file_, key_file_);
  }
  const int error = errno;
  ::close(ends[1]);
  channel_ = ends[0];
  if (helper_ < 0) return fail(system_error("fork", "the certificate's helper", error));
  ::setsockopt(channel_, SOL_SOCKET, SO_RCVTIMEO, &kAnswerTimeout, sizeof kAnswerTimeout);
  return {};
}

CertificateReader::~CertificateReader() {
  if (channel_ >= 0) ::close(channel_);
  if (helper_ > 0) ::waitpid(helper_, nullptr, 0);
}

Result<std::string> CertificateReader::receive(const std::string& path) {
  Header header;
  std::string text;
  if (read_exactly(channel_, &header, sizeof header) && header.size <= kPemSizeMax) {
    text.resize(header.size);
    if (read_exactly(channel_, text.data(), text.size())) {
      if (header.error != 0) return fail(file_error(path, header.error));
      return text;
    }
  }
  // An answer that comes later would be taken for that of the next question.
  ::shutdown(channel_, SHUT_RDWR);
  return fail(ErrorCode::kUnavailable, "the helper that reads " + path + " does not answer", "restart the server");
}

Result<net::PemPair> CertificateReader::read() {
  net::PemPair pair;
  if (channel_ < 0) {
    if (const int error = read_file(chain_file_, pair.chain); error != 0) return fail(file_error(chain_file_, error));
    if (const int error = read_file(key_file_, pair.key); error != 0) return fail(file_error(key_file_, error));
    return pair;
  }
  // When it has gone, reading the answer says so.
  write_exactly(channel_, &kReadBoth, 1);
  auto chain = receive(chain_file_);
  auto key = receive(key_file_);
  if (!chain) return fail(chain.error());
  if (!key) return fail(key.error());
  return net::PemPair{std::move(*chain), std::move(*key)};
}

}  // namespace bulkhead::app
