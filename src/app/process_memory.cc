#include "src/app/process_memory.h"

#include <algorithm>
#include <cstddef>
#include <thread>

#include <malloc.h>

namespace bulkhead::app {
namespace {

constexpr std::size_t kFreeMax = 16 << 20;  // less than this is not worth the work

}  // namespace

void bound_allocator() {
  // By default there may be eight a core, and each keeps what its threads have once needed.
  const unsigned cores = std::max(std::thread::hardware_concurrency(), 1U);
  ::mallopt(M_ARENA_MAX, static_cast<int>(cores + 2));
}

void give_back_memory() {
  const struct mallinfo2 use = ::mallinfo2();
  if (use.fordblks > kFreeMax && use.fordblks > use.uordblks / 8) ::malloc_trim(0);
}

}  // namespace bulkhead::app
