// The program's own standard output and error, for the verbs that run without a server.
#pragma once

#include <string_view>

namespace bulkhead::app {

// Writes the line to standard output and flushes it: a supervisor waits for it.
void print_line(std::string_view text);
void print_error(std::string_view text);

}  // namespace bulkhead::app
