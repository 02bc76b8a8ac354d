#include <exception>

#include "src/net/shard.h"

namespace bulkhead::net {

struct TaskGroup::Impl {
  Impl(Shard& s, Log& l) : shard(s), log(l) {}
  void child_ended();

  Shard& shard;
  Log& log;
  std::size_t running = 0;
  bool is_cancelled = false;
  std::vector<std::coroutine_handle<>> joiners;
  CancelHook hooks;  // head of a circular list
};

namespace {

// A coroutine that starts at once, is awaited by nobody and frees itself.
struct Detached {
  struct promise_type {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };
};

Detached drive(TaskGroup::Impl& group, Task<void> task) {
  try {
    co_await std::move(task);
  } catch (const std::exception& e) {
    group.log.error("a task ended with an exception: {}", e.what());
  } catch (...) {
    group.log.error("a task ended with an unknown exception");
  }
  // The child's frame goes first: what it owns may refer to what the group's owner frees after join().
  task = Task<void>{};
  group.child_ended();
}

}  // namespace

void TaskGroup::Impl::child_ended() {
  --running;
  if (running != 0) return;
  // Posted, not resumed: the joiner may destroy the group, whose code is still on this stack.
  for (const auto joiner : joiners) resume_on(shard, joiner);
  joiners.clear();
}

TaskGroup::TaskGroup(Shard& shard, Log& log) : impl_(std::make_unique<Impl>(shard, log)) {}

TaskGroup::~TaskGroup() {
  BULKHEAD_CHECK(impl_->running == 0);
}

void TaskGroup::spawn(Task<void> task) {
  ++impl_->running;
  drive(*impl_, std::move(task));
}

std::size_t TaskGroup::size() const {
  return impl_->running;
}

bool TaskGroup::is_cancelled() const {
  return impl_->is_cancelled;
}

void TaskGroup::cancel() {
  impl_->is_cancelled = true;
  // From here on a new hook is woken as it registers, so the list only shrinks.
  while (impl_->hooks.next_ != &impl_->hooks) {
    CancelHook& hook = *impl_->hooks.next_;
    hook.unlink();
    hook.wake_();
  }
}

TaskGroup::CancelHook::CancelHook(TaskGroup& group, UniqueFunction<void()> wake) : wake_(std::move(wake)) {
  if (group.is_cancelled()) {
    wake_();
    return;
  }
  CancelHook& head = group.impl_->hooks;
  previous_ = head.previous_;
  next_ = &head;
  head.previous_->next_ = this;
  head.previous_ = this;
}

TaskGroup::CancelHook::~CancelHook() {
  unlink();
}

void TaskGroup::CancelHook::unlink() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = next_ = nullptr;
}

Task<void> TaskGroup::join() {
  struct Wait {
    Impl& group;
    bool await_ready() const noexcept { return group.running == 0; }
    void await_suspend(std::coroutine_handle<> awaiting) { group.joiners.push_back(awaiting); }
    void await_resume() const noexcept {}
  };
  // Again, because a joiner that was resumed before may have spawned.
  while (impl_->running != 0) {
    Wait wait{*impl_};
    co_await wait;
  }
}

}  // namespace bulkhead::net
