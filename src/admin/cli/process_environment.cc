#include <cstdlib>
#include <iostream>

#include <termios.h>
#include <unistd.h>

#include "src/admin/cli/run.h"

namespace bulkhead::admin::cli {
namespace {

// Switches the terminal's echo off for its life.
class SilentTerminal {
 public:
  SilentTerminal() : is_terminal_(tcgetattr(STDIN_FILENO, &before_) == 0) {
    if (!is_terminal_) return;
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
  }
  ~SilentTerminal() {
    if (is_terminal_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  SilentTerminal(const SilentTerminal&) = delete;
  SilentTerminal& operator=(const SilentTerminal&) = delete;

 private:
  termios before_{};
  bool is_terminal_;
};

Result<Secret> ask_password() {
  if (isatty(STDIN_FILENO) == 0) {
    return fail(ErrorCode::kInvalid, "there is no terminal to ask for the password", "use --password-stdin");
  }
  std::string first;
  std::string second;
  {
    const SilentTerminal silence;
    std::cerr << "New password: " << std::flush;
    std::getline(std::cin, first);
    std::cerr << "\nAgain: " << std::flush;
    std::getline(std::cin, second);
    std::cerr << "\n";
  }
  Secret password{std::move(first)};
  const Secret again{std::move(second)};
  if (password.reveal() != again.reveal()) return fail(ErrorCode::kInvalid, "the two passwords differ");
  return password;
}

}  // namespace

CliEnvironment process_environment() {
  CliEnvironment environment{std::cin, std::cout, std::cerr, false, false, {}, {}, {}, make_curl_transport, {}};
  const char* no_colour = std::getenv("NO_COLOR");
  environment.has_colours = isatty(STDOUT_FILENO) != 0 && (no_colour == nullptr || *no_colour == '\0');
  environment.shows_progress = isatty(STDERR_FILENO) != 0;
  environment.read_password = ask_password;
  return environment;
}

}  // namespace bulkhead::admin::cli
