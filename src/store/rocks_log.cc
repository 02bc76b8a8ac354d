#include "src/store/rocks_log.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include <rocksdb/env.h>

namespace bulkhead::store {

namespace {

class RocksLog final : public rocksdb::Logger {
 public:
  explicit RocksLog(Log& log) : rocksdb::Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(log) {}

  using rocksdb::Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format, va_list arguments) override {
    const bool is_header = level == rocksdb::InfoLogLevel::HEADER_LEVEL;
    if (is_header || level < rocksdb::InfoLogLevel::WARN_LEVEL) return;
    std::array<char, 1024> text{};
    const int size = std::vsnprintf(text.data(), text.size(), format, arguments);
    if (size <= 0) return;
    const std::string_view line{text.data(), std::min(static_cast<std::size_t>(size), text.size() - 1)};
    log_.info("metadata store: {}", line);
  }

 private:
  Log& log_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> make_rocks_log(Log& log) {
  return std::make_shared<RocksLog>(log);
}

}  // namespace bulkhead::store
