// Signals as values: blocked in every thread, taken by main.
#pragma once

namespace bulkhead::app {

enum class Signal { kStop, kReload };

// Blocks SIGTERM, SIGINT and SIGHUP for this thread and those it will start, and ignores SIGPIPE. Call first in main.
void block_signals();
// Waits for the next of them.
Signal wait_for_signal();

}  // namespace bulkhead::app
