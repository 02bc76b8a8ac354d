// Giving up root after the sockets are bound.
#pragma once

#include <string>

#include "src/base/result.h"

namespace bulkhead::app {

// Gives `path` and what is directly in it to the user, so that it can be written after the drop. No-op when not root.
Status give_to_user(const std::string& path, const std::string& user);

enum class Kept { kNothing, kMarking };  // kMarking: CAP_NET_RAW, for SO_MARK

// Becomes `user`, with its primary group and no others, for good. No-op when not root or when `user` is "". What is
// kept holds for this thread and those that it starts. kNotFound: no such user, with the command that makes one.
Status drop_privileges(const std::string& user, Kept kept);

// Runs what is done in its life with the rights of the owner of `path`, when that is another user and this one is root:
// files that it makes there are the owner's. For a program of one thread.
class OwnerRights {
 public:
  explicit OwnerRights(const std::string& path);
  ~OwnerRights();
  OwnerRights(const OwnerRights&) = delete;
  OwnerRights& operator=(const OwnerRights&) = delete;

 private:
  bool is_other_ = false;
};

// The user that the server runs as: node.user's id; when that is "", the owner of the data directory.
Result<unsigned> server_uid(const std::string& user, const std::string& data);

// The uid that the process will have afterwards.
unsigned uid_after_drop(const std::string& user);

}  // namespace bulkhead::app
