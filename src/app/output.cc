#include "src/app/output.h"

#include <string>

#include <unistd.h>

namespace bulkhead::app {

namespace {

// Nobody could be told that standard output is closed.
void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace

void print_line(std::string_view text) {
  write_all(STDOUT_FILENO, std::string{text} + "\n");
}

void print_error(std::string_view text) {
  write_all(STDERR_FILENO, text);
}

}  // namespace bulkhead::app
