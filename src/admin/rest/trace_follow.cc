#include <deque>
#include <mutex>

#include "src/admin/rest/authentication.h"
#include "src/admin/rest/streams.h"
#include "src/admin/use_cases/use_cases.h"
#include "src/admin/views.h"

namespace bulkhead::admin {
namespace {

constexpr std::size_t kWaitingMax = 10'000;
constexpr std::size_t kPieceMax = 200;  // events in one piece of the answer
constexpr std::chrono::milliseconds kLook{100};
constexpr std::chrono::seconds kSignOfLife{15};

// Between the thread that an event happens on and the shard of the follower.
class Inbox {
 public:
  void put(const trace::Event& event) {
    const std::lock_guard lock{mutex_};
    if (events_.size() >= kWaitingMax) {
      ++skipped_;
    } else {
      events_.push_back(event);
    }
  }
  std::size_t take(std::vector<trace::Event>& events) {
    const std::lock_guard lock{mutex_};
    while (!events_.empty() && events.size() < kPieceMax) {
      events.push_back(std::move(events_.front()));
      events_.pop_front();
    }
    return events_.empty() ? std::exchange(skipped_, 0) : 0;
  }

 private:
  std::mutex mutex_;
  std::deque<trace::Event> events_;
  std::size_t skipped_ = 0;
};

class TraceFollower final : public BodySource {
 public:
  TraceFollower(const AdminServices& services, HttpContext& context, Caller caller, trace::Query query)
      : services_(services), context_(context), caller_(std::move(caller)), inbox_(std::make_shared<Inbox>()) {
    // The subscription may call once more while it dies: the inbox is shared.
    subscription_ =
        services.trace.follow(std::move(query), [inbox = inbox_](const trace::Event& event) { inbox->put(event); });
  }

  Task<Result<std::string>> next() override {
    auto silent_until = context_.clock.steady() + kSignOfLife;
    if (!std::exchange(has_begun_, true)) co_return std::string{"\n"};
    while (true) {
      // A token that was taken away, or has expired, shows nothing more; nor what its tenant owns no longer.
      if (!is_still(caller_, *services_.live.snapshot(), services_.clock.now())) co_return std::string{};
      auto lines = take_lines();
      if (!lines.empty()) co_return lines;
      if (context_.clock.steady() >= silent_until) co_return std::string{"\n"};
      auto sleeping = context_.shard.sleep(kLook, context_.group);
      const bool goes_on = co_await std::move(sleeping);
      if (!goes_on) co_return std::string{};
    }
  }

 private:
  std::string take_lines() {
    std::vector<trace::Event> events;
    const auto skipped = inbox_->take(events);
    const auto snapshot = services_.live.snapshot();
    std::string lines;
    for (const auto& event : events) lines += dump(event_json(*snapshot, event)) + "\n";
    if (skipped > 0) lines += dump(Json{{"event", "skipped"}, {"count", skipped}}) + "\n";
    return lines;
  }

  const AdminServices& services_;
  HttpContext& context_;
  const Caller caller_;
  std::shared_ptr<Inbox> inbox_;
  std::shared_ptr<void> subscription_;
  bool has_begun_ = false;
};

}  // namespace

Result<std::unique_ptr<BodySource>> follow_trace(const AdminServices& services, HttpContext& context,
                                                 const Call& call) {
  auto query = trace_query(services, call);
  if (!query) return fail(query.error());
  return std::make_unique<TraceFollower>(services, context, call.caller, std::move(*query));
}

}  // namespace bulkhead::admin
