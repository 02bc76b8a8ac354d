// A log that fails the test on a warning or error that nobody expected.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "src/base/log.h"

namespace bulkhead::testlib {

class RecordingLog final : public Log {
 public:
  ~RecordingLog() override {
    // Looked at now: what a test expects may be written before it can say so.
    for (const auto& line : unexpected_) {
      if (!is_expected(line)) ADD_FAILURE() << "unexpected in the log: " << line;
    }
  }
  void write(LogLevel level, std::string_view text) override {
    const std::lock_guard lock{mutex_};
    lines_.emplace_back(text);
    if (level >= LogLevel::kWarning) unexpected_.emplace_back(text);
  }
  // Warnings and errors that contain `part` are part of the test.
  void expect(std::string part) {
    const std::lock_guard lock{mutex_};
    expected_.push_back(std::move(part));
  }
  bool has(std::string_view part) const {
    const std::lock_guard lock{mutex_};
    for (const auto& line : lines_) {
      if (line.find(part) != std::string::npos) return true;
    }
    return false;
  }

 private:
  bool is_expected(std::string_view line) const {
    for (const auto& part : expected_) {
      if (line.find(part) != std::string_view::npos) return true;
    }
    return false;
  }

  mutable std::mutex mutex_;
  std::vector<std::string> lines_, expected_, unexpected_;
};

}  // namespace bulkhead::testlib
