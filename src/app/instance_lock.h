// One server a data directory: two would destroy each other's files.
#pragma once

#include <string>

#include "src/base/result.h"

namespace bulkhead::app {

// Holds the file `lock` of the directory from take() to the end of the object, or of the process, however it ends.
class InstanceLock {
 public:
  InstanceLock() = default;
  // kConflict: another server has it, with its process id in the message.
  Status take(const std::string& directory);
  ~InstanceLock();
  InstanceLock(const InstanceLock&) = delete;
  InstanceLock& operator=(const InstanceLock&) = delete;

 private:
  int fd_ = -1;
};

}  // namespace bulkhead::app
