#include "src/base/log.h"

#include <unistd.h>

#include "src/base/clock.h"

namespace bulkhead {

namespace {

std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kError:
      return "error";
  }
  return "?";
}

}  // namespace

std::string escape_controls(std::string_view text, std::size_t size_max) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (out.size() >= size_max) {
      out += "…";
      break;
    }
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += c;
    }
  }
  return out;
}

void StderrLog::write(LogLevel level, std::string_view text) {
  if (level < least_) return;
  const std::string line =
      fmt::format("{} {} {}\n", to_rfc3339(SystemClock{}.now()), name_of(level), escape_controls(text));
  // One write a line, so that lines of several threads do not mix. A log that cannot be written has nobody to tell.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace bulkhead
