// The coroutine type of the whole program: a lazy computation with one awaiter.
//
// A Task starts when it is awaited and resumes its awaiter when it ends, on the same thread unless what it awaits
// moved it. It knows nothing of ASIO: sessions include this and `src/net/stream.h`, not asio.hpp. A task nobody
// awaits never runs; `net::TaskGroup` is the one place that starts tasks without awaiting them.
//
// g++ 12: no capturing lambda and no owning temporary in the same full expression as co_await; name it first. That
// compiler also destroys temporary Tasks of a condition (`if (co_await f())`) that were never made, or destroys them
// twice. tests/tidy refuses such conditions; against those that it cannot see, a frame begins zeroed and a dying Task
// forgets its handle, so that such a destruction finds nothing to destroy.
#pragma once

#include <coroutine>
#include <cstring>
#include <exception>
#include <new>
#include <optional>
#include <utility>

#include "src/base/check.h"

namespace bulkhead {

template <class T>
class Task;

namespace task_detail {

struct PromiseBase {
  static void* operator new(std::size_t size) {
    void* frame = ::operator new(size);
    return std::memset(frame, 0, size);
  }
  static void operator delete(void* frame) { ::operator delete(frame); }

  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() noexcept { exception = std::current_exception(); }
};

template <class T>
struct Promise : PromiseBase {
  std::optional<T> value;
  Task<T> get_return_object();
  template <class U>
  void return_value(U&& result) {
    value.emplace(std::forward<U>(result));
  }
  T take() {
    if (exception) std::rethrow_exception(exception);
    return std::move(*value);
  }
};

template <>
struct Promise<void> : PromiseBase {
  Task<void> get_return_object();
  void return_void() const noexcept {}
  void take() const {
    if (exception) std::rethrow_exception(exception);
  }
};

}  // namespace task_detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  using promise_type = task_detail::Promise<T>;
  using Handle = std::coroutine_handle<promise_type>;

  Task() = default;
  explicit Task(Handle handle) : handle_(handle) {}
  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    if (this != &other) {
      if (handle_) handle_.destroy();
      handle_ = std::exchange(other.handle_, nullptr);
    }
    return *this;
  }
  ~Task() {
    const Handle dying = handle_;
    // Volatile, because a plain store into a dying object is dropped.
    reinterpret_cast<void* volatile&>(handle_) = nullptr;
    if (dying) dying.destroy();
  }

  struct Awaiter {
    Handle handle;
    bool await_ready() const noexcept { return false; }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> awaiting) noexcept {
      handle.promise().continuation = awaiting;
      return handle;
    }
    T await_resume() { return handle.promise().take(); }
  };
  Awaiter operator co_await() && {
    BULKHEAD_CHECK(handle_);
    return Awaiter{handle_};
  }

 private:
  Handle handle_ = nullptr;
};

namespace task_detail {
template <class T>
Task<T> Promise<T>::get_return_object() {
  return Task<T>{std::coroutine_handle<Promise>::from_promise(*this)};
}
inline Task<void> Promise<void>::get_return_object() {
  return Task<void>{std::coroutine_handle<Promise>::from_promise(*this)};
}
}  // namespace task_detail

}  // namespace bulkhead
