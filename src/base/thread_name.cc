#include "src/base/thread_name.h"

#include <pthread.h>

namespace bulkhead {

void name_this_thread(std::string name) {
  if (name.size() > kThreadNameMax) name.resize(kThreadNameMax);
  ::pthread_setname_np(::pthread_self(), name.c_str());
}

}  // namespace bulkhead
