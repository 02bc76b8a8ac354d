// Giving up root after the sockets are bound.
#pragma once

#include <string>

#include "src/base/result.h"

namespace bulkhead::app {

// Gives `path` and what is directly in it to the user, so that it can be written after the drop. No-op when not root.
Status give_to_user(const std::string& path, const std::string& user);

// Becomes `user`, with its primary group and no others, for good. No-op when not root or when `user` is "".
// kNotFound: no such user, with the command that makes one.
Status drop_privileges(const std::string& user);

}  // namespace bulkhead::app
