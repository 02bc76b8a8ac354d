#include "src/trace/followers.h"

namespace bulkhead::trace {

struct Followers::Follower {
  Query query;
  std::function<void(const Event&)> on_event;
  // Recursive, because a call may end its own subscription.
  std::recursive_mutex calling;
  bool has_ended = false;
};

std::shared_ptr<void> Followers::add(Query query, std::function<void(const Event&)> on_event) {
  auto follower = std::make_shared<Follower>();
  follower->query = std::move(query);
  follower->on_event = std::move(on_event);
  {
    const std::lock_guard lock{mutex_};
    std::erase_if(followers_, [](const auto& known) { return known.expired(); });
    followers_.push_back(follower);
  }
  count_->fetch_add(1);
  // The subscription owns the follower; its end waits for a call that another thread is in.
  const auto end = [follower, count = count_](void*) mutable {
    {
      const std::lock_guard lock{follower->calling};
      follower->has_ended = true;
    }
    follower.reset();
    count->fetch_sub(1);
  };
  return std::shared_ptr<void>{follower.get(), end};
}

void Followers::publish(const Event& event) {
  if (!has_any()) return;
  std::vector<std::shared_ptr<Follower>> awake;
  {
    const std::lock_guard lock{mutex_};
    for (const auto& known : followers_) {
      if (auto follower = known.lock()) awake.push_back(std::move(follower));
    }
  }
  for (const auto& follower : awake) {
    const std::lock_guard lock{follower->calling};
    if (!follower->has_ended && matches(follower->query, event)) follower->on_event(event);
  }
}

}  // namespace bulkhead::trace
