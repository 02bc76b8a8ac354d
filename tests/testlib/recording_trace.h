// A trace that keeps its events in memory, for tests to look at.
#pragma once

#include <algorithm>
#include <mutex>
#include <utility>
#include <vector>

#include "src/trace/trace.h"

namespace bulkhead::testlib {

class RecordingTrace final : public trace::Trace {
 public:
  std::vector<trace::Event> events() const {
    const std::lock_guard lock{mutex_};
    return events_;
  }
  std::vector<trace::Event> events(trace::EventKind kind) const {
    auto all = events();
    std::erase_if(all, [kind](const auto& event) { return event.kind != kind; });
    return all;
  }

  void encode_into(store::Batch&, const trace::Event& event) override { record(event); }
  void record(trace::Event event) override {
    const std::lock_guard lock{mutex_};
    events_.push_back(std::move(event));
  }
  void publish(const trace::Event&) override {}
  Result<std::vector<trace::Event>> search(const trace::Query&) const override { return events(); }
  Result<std::vector<trace::Event>> of_message(const MessageId& id) const override {
    auto all = events();
    std::erase_if(all, [&id](const auto& event) { return event.id != id; });
    return all;
  }
  Result<std::vector<trace::Event>> of_message(const TenantId& tenant, const MessageId& id) const override {
    auto all = events();
    std::erase_if(all, [&](const auto& event) { return event.id != id || event.tenant != tenant; });
    return all;
  }
  std::shared_ptr<void> follow(trace::Query, std::function<void(const trace::Event&)>) override { return nullptr; }
  Result<Verification> verify() const override { return Verification{}; }
  Status settle() override { return {}; }
  Status flush() override { return {}; }
  void close() override {}
  Usage usage() const override { return {}; }

 private:
  mutable std::mutex mutex_;
  std::vector<trace::Event> events_;
};

}  // namespace bulkhead::testlib
