// The trace of one node over its store and its files.
#pragma once

#include <array>
#include <atomic>
#include <memory>

#include "src/trace/archive.h"
#include "src/trace/followers.h"
#include "src/trace/recorder.h"
#include "src/trace/trace.h"

namespace bulkhead::trace {

class TraceLog final : public Trace {
 public:
  TraceLog(const Options& options, const Archive::World& world, std::unique_ptr<Archive> archive);
  ~TraceLog() override { close(); }

  void encode_into(store::Batch& batch, const Event& event) override;
  void record(Event event) override;
  void publish(const Event& event) override { followers_.publish(event); }
  Result<std::vector<Event>> search(const Query& query) const override;
  Result<std::vector<Event>> of_message(const MessageId& id) const override;
  Result<std::vector<Event>> of_message(const TenantId& tenant, const MessageId& id) const override;
  std::shared_ptr<void> follow(Query query, std::function<void(const Event&)> on_event) override;
  Result<Verification> verify() const override;
  Status settle() override { return archive_->settle(next_sequence_); }
  Status flush() override { return recorder_.flush(); }
  void close() override { recorder_.close(); }
  Usage usage() const override;

 private:
  Recorder::Entry number(const Event& event);
  void publish_recorded(const Recorder::Entry& entry);
  Result<std::vector<Event>> oldest_first(Query query) const;

  const Archive::World world_;
  const std::unique_ptr<Archive> archive_;
  std::atomic<std::uint64_t> next_sequence_;
  static constexpr std::size_t kKindsMax = 128;
  std::array<std::atomic<std::uint64_t>, kKindsMax> events_{};  // by kind
  mutable std::atomic<std::uint64_t> damaged_blocks_{0};
  Followers followers_;
  Recorder recorder_;
};

}  // namespace bulkhead::trace
