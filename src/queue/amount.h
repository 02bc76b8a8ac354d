// How much of the queue, in words.
#pragma once

#include <cstdint>
#include <string>

namespace bulkhead::queue {

// "3 deliveries of 1 message".
std::string amount_text(std::uint64_t deliveries, std::uint64_t messages);

}  // namespace bulkhead::queue
