#include "src/app/instance_lock.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

namespace bulkhead::app {

namespace {

// The process id that the holder wrote; "" in the moment between its lock and its writing.
std::string holder_of(int fd) {
  std::array<char, 16> text{};
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  const std::string digits{text.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0))};
  return digits.substr(0, digits.find_first_not_of("0123456789"));
}

}  // namespace

Status InstanceLock::take(const std::string& directory) {
  const std::string path = directory + "/lock";
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd_ < 0) return fail(system_error("open", path, errno));
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return fail(system_error("flock", path, errno));
    const std::string pid = holder_of(fd_);
    return fail(ErrorCode::kConflict,
                fmt::format("another bulkhead serve runs on {}{}", directory, pid.empty() ? "" : ", pid " + pid),
                "stop it first, or give this one a node.data of its own");
  }
  const std::string pid = fmt::format("{}\n", ::getpid());
  if (::ftruncate(fd_, 0) != 0 || ::pwrite(fd_, pid.data(), pid.size(), 0) < 0) {
    return fail(system_error("write", path, errno));
  }
  return {};
}

// The file stays: removing it would let a third server lock a new one while a second waits for the old.
InstanceLock::~InstanceLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace bulkhead::app
