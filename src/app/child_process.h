// Runs another program, feeds it, and takes what it says: for the commands that need one, never for the server.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace bulkhead::app {

struct ChildOutcome {
  int status = 0;      // 128 + the number of the signal that ended it
  std::string output;  // at most 256 MiB
  std::string errors;  // at most 64 KiB
};

// `words[0]` is looked for in /usr/sbin, /sbin and the PATH; kNotFound when it is nowhere. Blocks until the program has
// ended. For a program of one thread.
Result<ChildOutcome> run_child(const std::vector<std::string>& words, std::string_view input);

}  // namespace bulkhead::app
