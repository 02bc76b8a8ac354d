// The program's log: what an operator reads when something is wrong with the server itself.
//
// What happened to a message belongs in the trace, not here. One Log is made in main and passed by reference.
// Thread-safe. Control characters in the text are escaped, so that a peer cannot forge lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace bulkhead {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view text) = 0;

  template <class... Args>
  void info(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void warning(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kWarning, fmt::format(format, std::forward<Args>(args)...));
  }
  template <class... Args>
  void error(fmt::format_string<Args...> format, Args&&... args) {
    write(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
  }
};

// Writes lines to standard error: "2026-11-23T01:02:03.456Z warning text".
class StderrLog final : public Log {
 public:
  explicit StderrLog(LogLevel least = LogLevel::kInfo) : least_(least) {}
  void write(LogLevel level, std::string_view text) override;

 private:
  LogLevel least_;
};

// `text` with control characters as \xNN, at most `size_max` characters of it.
std::string escape_controls(std::string_view text, std::size_t size_max = 4096);

}  // namespace bulkhead
