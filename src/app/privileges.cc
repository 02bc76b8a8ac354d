#include "src/app/privileges.h"

#include <array>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <system_error>

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

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

Status drop_privileges(const std::string& user) {
  if (::geteuid() != 0 || user.empty()) return {};
  const auto ids = find_user(user);
  if (!ids) return fail(ids.error());
  if (::setgroups(0, nullptr) != 0) return fail(system_error("setgroups", "none", errno));
  if (::setresgid(ids->gid, ids->gid, ids->gid) != 0) return fail(system_error("setresgid", user, errno));
  if (::setresuid(ids->uid, ids->uid, ids->uid) != 0) return fail(system_error("setresuid", user, errno));
  if (::setuid(0) == 0) return fail(ErrorCode::kForbidden, "root could be regained after becoming " + user);
  // A core file of a crash is wanted, and was forbidden by the change of user.
  ::prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
  return {};
}

}  // namespace bulkhead::app
