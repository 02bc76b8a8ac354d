#include "src/app/child_process.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <optional>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

namespace bulkhead::app {

namespace {

constexpr std::size_t kOutputMax = 256U << 20U;
constexpr std::size_t kErrorsMax = 64U << 10U;

std::optional<std::string> find_program(const std::string& name) {
  const char* path = std::getenv("PATH");  // NOLINT(concurrency-mt-unsafe): one thread
  std::string folders = "/usr/sbin:/sbin:";
  folders += path != nullptr ? path : "/usr/bin:/bin";
  while (!folders.empty()) {
    const auto end = std::min(folders.find(':'), folders.size());
    const std::string file = folders.substr(0, end) + "/" + name;
    if (end > 0 && ::access(file.c_str(), X_OK) == 0) return file;
    folders.erase(0, end + 1);
  }
  return std::nullopt;
}

// Both ends of a pipe, closed at the end of its life.
struct Pipe {
  std::array<int, 2> ends{-1, -1};
  Pipe() = default;
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    close(0);
    close(1);
  }
  bool open() { return ::pipe2(ends.data(), O_CLOEXEC) == 0; }
  void close(std::size_t end) {
    if (ends[end] >= 0) ::close(ends[end]);
    ends[end] = -1;
  }
};

struct Pipes {
  Pipe input, output, errors;
};

[[noreturn]] void become(const std::string& file, const std::vector<std::string>& words, const Pipes& pipes) {
  ::dup2(pipes.input.ends[0], STDIN_FILENO);
  ::dup2(pipes.output.ends[1], STDOUT_FILENO);
  ::dup2(pipes.errors.ends[1], STDERR_FILENO);
  std::vector<std::string> copies = words;
  std::vector<char*> arguments;
  for (auto& word : copies) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  ::execv(file.c_str(), arguments.data());
  ::_exit(127);
}

// False at the end.
bool take_some(int fd, std::string& into, std::size_t size_max) {
  std::array<char, 65536> buffer;
  const ssize_t got = ::read(fd, buffer.data(), buffer.size());
  if (got < 0) return errno == EINTR || errno == EAGAIN;
  const auto room = size_max - std::min(size_max, into.size());
  into.append(buffer.data(), std::min(static_cast<std::size_t>(got), room));
  return got > 0;
}

void converse(Pipes& pipes, std::string_view input, ChildOutcome& outcome) {
  ::fcntl(pipes.input.ends[1], F_SETFL, O_NONBLOCK);
  while (pipes.output.ends[0] >= 0 || pipes.errors.ends[0] >= 0) {
    if (input.empty()) pipes.input.close(1);
    std::array<pollfd, 3> fds{pollfd{pipes.input.ends[1], POLLOUT, 0}, pollfd{pipes.output.ends[0], POLLIN, 0},
                              pollfd{pipes.errors.ends[0], POLLIN, 0}};
    if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) {
      const ssize_t put = ::write(pipes.input.ends[1], input.data(), input.size());
      if (put < 0 && errno != EAGAIN && errno != EINTR) input = {};
      if (put > 0) input.remove_prefix(static_cast<std::size_t>(put));
    }
    if (fds[1].revents != 0 && !take_some(pipes.output.ends[0], outcome.output, kOutputMax)) pipes.output.close(0);
    if (fds[2].revents != 0 && !take_some(pipes.errors.ends[0], outcome.errors, kErrorsMax)) pipes.errors.close(0);
  }
}

}  // namespace

Result<ChildOutcome> run_child(const std::vector<std::string>& words, std::string_view input) {
  const auto file = find_program(words.front());
  if (!file) return fail(ErrorCode::kNotFound, "there is no program " + words.front() + " on this host");
  Pipes pipes;
  if (!pipes.input.open() || !pipes.output.open() || !pipes.errors.open()) {
    return fail(system_error("pipe", words.front(), errno));
  }
  const pid_t child = ::fork();
  if (child < 0) return fail(system_error("fork", words.front(), errno));
  if (child == 0) become(*file, words, pipes);
  pipes.input.close(0);
  pipes.output.close(1);
  pipes.errors.close(1);
  ChildOutcome outcome;
  converse(pipes, input, outcome);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  outcome.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  return outcome;
}

}  // namespace bulkhead::app
