// The trace as the SMTP server sees it: what it records is counted as metrics, too. Everything is passed on.
#pragma once

#include "src/app/event_metrics.h"
#include "src/trace/trace.h"

namespace bulkhead::app {

class CountedTrace final : public trace::Trace {
 public:
  CountedTrace(trace::Trace& trace, EventMetrics& metrics) : trace_(trace), metrics_(metrics) {}

  void record(trace::Event event) override {
    metrics_.count(event);
    trace_.record(std::move(event));
  }
  void encode_into(store::Batch& batch, const trace::Event& event) override { trace_.encode_into(batch, event); }
  void publish(const trace::Event& event) override { trace_.publish(event); }
  Result<std::vector<trace::Event>> search(const trace::Query& query) const override { return trace_.search(query); }
  Result<std::vector<trace::Event>> of_message(const MessageId& id) const override { return trace_.of_message(id); }
  Result<std::vector<trace::Event>> of_message(const TenantId& tenant, const MessageId& id) const override {
    return trace_.of_message(tenant, id);
  }
  std::shared_ptr<void> follow(trace::Query query, std::function<void(const trace::Event&)> on_event) override {
    return trace_.follow(std::move(query), std::move(on_event));
  }
  Result<Verification> verify() const override { return trace_.verify(); }
  Status settle() override { return trace_.settle(); }
  Status flush() override { return trace_.flush(); }
  void close() override { trace_.close(); }
  Usage usage() const override { return trace_.usage(); }

 private:
  trace::Trace& trace_;
  EventMetrics& metrics_;
};

}  // namespace bulkhead::app
