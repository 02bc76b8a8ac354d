// What the trace's tests share: a trace on a store in memory and files in a temporary directory, and events to put in.
#pragma once

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/trace/trace.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::trace {

class TraceFixture : public ::testing::Test {
 protected:
  TraceFixture() {
    options_.directory = directory_.path();
    options_.settle_age = std::chrono::seconds{0};
    options_.record_linger = std::chrono::milliseconds{0};
    open();
  }

  // As after a restart of the process: the store and the files are what is left.
  void open() {
    trace_.reset();
    auto opened = Trace::open(options_, store_, *files_, clock_, log_);
    ASSERT_TRUE(opened) << opened.error().message;
    trace_ = std::move(*opened);
  }

  Event event_at_next_second(EventKind kind = EventKind::kReceived) {
    clock_.advance(std::chrono::seconds{1});
    Event event;
    event.at = clock_.now();
    event.kind = kind;
    return event;
  }
  Status commit(const Event& event) {
    store::Transaction transaction;
    trace_->encode_into(transaction.batch, event);
    Status status;
    store_.commit(std::move(transaction), [&status](const Result<store::Committed>& result) {
      if (!result) status = fail(result.error());
    });
    return status;
  }
  // One event a block, named by its detail.
  void settle_one(const std::string& detail) {
    auto event = event_at_next_second();
    event.detail = detail;
    ASSERT_TRUE(commit(event));
    const auto settled = trace_->settle();
    ASSERT_TRUE(settled) << settled.error().message;
  }
  std::vector<std::string> details(const Query& query = {}) {
    const auto events = trace_->search(query);
    EXPECT_TRUE(events);
    std::vector<std::string> found;
    if (!events) return found;
    for (const auto& event : *events) found.push_back(event.detail);
    return found;
  }
  std::size_t waiting_in_kv() const {
    std::size_t count = 0;
    for (const auto& [key, value] : store_.kv_contents()) count += key.starts_with("e") ? 1U : 0U;
    return count;
  }

  struct Store final : testlib::FakeStore {
    testlib::FakeKv::Map kv_contents() const {
      return static_cast<const testlib::FakeKv&>(kv()).contents(store::Family::kTrace);
    }
  };

  testlib::TemporaryDirectory directory_;
  testlib::ManualClock clock_;
  testlib::RecordingLog log_;
  Store store_;
  std::unique_ptr<store::FileSystem> files_ = store::make_posix_file_system();
  SeededRandom random_{7};
  Trace::Options options_;
  std::unique_ptr<Trace> trace_;
};

}  // namespace bulkhead::trace
