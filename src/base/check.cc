#include "src/base/check.h"

#include <cstdio>
#include <cstdlib>

namespace bulkhead {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "bulkhead: internal check failed: %s (%s:%d)\n", condition, file, line);
  std::abort();
}

}  // namespace bulkhead
