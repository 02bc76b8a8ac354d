#include "src/app/signals.h"

#include <csignal>

namespace bulkhead::app {

namespace {

sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  struct sigaction ignore {};
  ignore.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &ignore, nullptr);
}

Signal wait_for_signal() {
  const sigset_t set = awaited();
  for (;;) {
    int number = 0;
    if (sigwait(&set, &number) != 0) continue;
    return number == SIGHUP ? Signal::kReload : Signal::kStop;
  }
}

std::optional<Signal> wait_for_signal(std::chrono::milliseconds time) {
  const sigset_t set = awaited();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const std::chrono::nanoseconds rest = time - seconds;
  const timespec limit{seconds.count(), rest.count()};
  const int number = sigtimedwait(&set, nullptr, &limit);
  if (number < 0) return std::nullopt;
  return number == SIGHUP ? Signal::kReload : Signal::kStop;
}

}  // namespace bulkhead::app
