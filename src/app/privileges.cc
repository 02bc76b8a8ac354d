#include "src/app/privileges.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "src/base/check.h"

namespace bulkhead::app {

namespace {

struct Ids {
  uid_t uid;
  gid_t gid;
};

Result<Ids> find_user(const std::string& user) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) {
    return fail(
        ErrorCode::kNotFound, "there is no user " + user,
        "useradd --system --home-dir /var/lib/bulkhead --shell /usr/sbin/nologin " + user + ", or set node.user");
  }
  return Ids{found->pw_uid, found->pw_gid};
}

// Of root's powers only the one that SO_MARK needs. CAP_NET_ADMIN would do, too, and could take the firewall away.
Status keep_marking_only() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, 2> sets{};
  sets[0].permitted = sets[0].effective = 1U << CAP_NET_RAW;
  if (::syscall(SYS_capset, &header, sets.data()) != 0) return fail(system_error("capset", "CAP_NET_RAW", errno));
  return {};
}

}  // namespace

Status give_to_user(const std::string& path, const std::string& user) {
  if (::geteuid() != 0 || user.empty()) return {};
  const auto ids = find_user(user);
  if (!ids) return fail(ids.error());
  if (::lchown(path.c_str(), ids->uid, ids->gid) != 0) return fail(system_error("chown", path, errno));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(path, ignored)) {
    if (::lchown(entry.path().c_str(), ids->uid, ids->gid) != 0) {
      return fail(system_error("chown", entry.path().string(), errno));
    }
  }
  return {};
}

Status drop_privileges(const std::string& user, Kept kept) {
  if (::geteuid() != 0 || user.empty()) return {};
  const auto ids = find_user(user);
  if (!ids) return fail(ids.error());
  if (kept == Kept::kMarking && ::prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) != 0) {
    return fail(system_error("prctl", "PR_SET_KEEPCAPS", errno));
  }
  if (::setgroups(0, nullptr) != 0) return fail(system_error("setgroups", "none", errno));
  if (::setresgid(ids->gid, ids->gid, ids->gid) != 0) return fail(system_error("setresgid", user, errno));
  if (::setresuid(ids->uid, ids->uid, ids->uid) != 0) return fail(system_error("setresuid", user, errno));
  if (kept == Kept::kMarking) {
    if (auto reduced = keep_marking_only(); !reduced) return reduced;
  }
  if (::setuid(0) == 0) return fail(ErrorCode::kForbidden, "root could be regained after becoming " + user);
  // A core file of a crash is wanted, and was forbidden by the change of user.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

OwnerRights::OwnerRights(const std::string& path) {
  struct stat status {};
  if (::geteuid() != 0 || ::stat(path.c_str(), &status) != 0 || status.st_uid == 0) return;
  is_other_ = ::setegid(status.st_gid) == 0 && ::seteuid(status.st_uid) == 0;
}

OwnerRights::~OwnerRights() {
  if (is_other_) BULKHEAD_CHECK(::seteuid(0) == 0 && ::setegid(0) == 0);
}

Result<unsigned> server_uid(const std::string& user, const std::string& data) {
  if (!user.empty()) {
    const auto ids = find_user(user);
    if (!ids) return fail(ids.error());
    return ids->uid;
  }
  struct stat status {};
  if (::stat(data.c_str(), &status) != 0) return fail(system_error("stat", data, errno));
  return status.st_uid;
}

unsigned uid_after_drop(const std::string& user) {
  std::array<char, 4096> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::geteuid() == 0 && !user.empty()) ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? found->pw_uid : ::geteuid();
}

}  // namespace bulkhead::app
