// How the process uses the C library's allocator. No state.
#pragma once

namespace bulkhead::app {

// Few arenas, so that what one thread frees serves the others. Once, before there are threads.
void bound_allocator();
// Gives memory that was freed back to the system where there is much of it. Any thread; takes some milliseconds.
void give_back_memory();

}  // namespace bulkhead::app
