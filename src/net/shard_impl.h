// What a shard is made of. Private to src/net, as is everything that includes asio.hpp.
#pragma once

#include <coroutine>
#include <mutex>
#include <thread>
#include <vector>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>

#include "src/net/deadline_wheel.h"
#include "src/net/shard.h"

namespace bulkhead::net {

class TlsClients;

struct Shard::Impl {
  Impl();
  ~Impl();

  // A function, or a coroutine to go on with, which needs no allocation.
  struct Posted {
    UniqueFunction<void()> work;
    std::coroutine_handle<> handle;
  };
  void post(Posted posted);
  void drain();
  void request_stop();  // stops the loop once nothing posted is left
  void run();           // the thread's function

  // Links `entry` until its deadline and keeps the wheel turning. On the shard.
  void set_deadline(DeadlineWheel::Entry& entry, SteadyTime deadline);
  void arm_tick();

  asio::io_context io{1};
  std::atomic<std::thread::id> thread_id{};

  std::mutex mutex;
  std::vector<Posted> posted;   // guarded by mutex
  std::vector<Posted> running;  // the batch that drain() works on; kept for its capacity

  DeadlineWheel wheel;
  asio::steady_timer tick;
  bool is_tick_armed = false;

  std::unique_ptr<TlsClients> tls_clients;  // made by the first TLS client on this shard
};

}  // namespace bulkhead::net
