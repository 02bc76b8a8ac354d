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

}  // namespace bulkhead::app
