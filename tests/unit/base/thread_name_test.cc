#include "src/base/thread_name.h"

#include <array>
#include <thread>

#include <gtest/gtest.h>
#include <pthread.h>

namespace bulkhead {
namespace {

TEST(ThreadName, IsThatOfTheCallerAndIsCutToWhatTheKernelKeeps) {
  std::array<char, 32> seen{};
  std::thread{[&seen] {
    name_this_thread("a-name-that-is-too-long");
    ::pthread_getname_np(::pthread_self(), seen.data(), seen.size());
  }}.join();
  EXPECT_EQ(std::string{seen.data()}, "a-name-that-is-");
}

}  // namespace
}  // namespace bulkhead
