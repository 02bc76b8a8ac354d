#include "src/queue/amount.h"

#include <fmt/format.h>

namespace bulkhead::queue {

std::string amount_text(std::uint64_t deliveries, std::uint64_t messages) {
  return fmt::format("{} {} of {} {}", deliveries, deliveries == 1 ? "delivery" : "deliveries", messages,
                     messages == 1 ? "message" : "messages");
}

}  // namespace bulkhead::queue
