// Names of threads, as `top -H` and debuggers show them.
#pragma once

#include <string>

namespace bulkhead {

inline constexpr std::size_t kThreadNameMax = 15;  // the kernel keeps no more

// Of the calling thread; what is too long is cut.
void name_this_thread(std::string name);

}  // namespace bulkhead
