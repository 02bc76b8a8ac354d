// Signals as values: blocked in every thread, taken by main.
#pragma once

#include <chrono>
#include <optional>

namespace bulkhead::app {

enum class Signal { kStop, kReload };

// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it will start, and ignores SIGPIPE. Call first in main.
void block_signals();
// Waits for the next of them.
Signal wait_for_signal();
// The same, but not longer than `time`.
std::optional<Signal> wait_for_signal(std::chrono::milliseconds time);

}  // namespace bulkhead::app
