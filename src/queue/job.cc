#include "src/queue/job.h"

namespace bulkhead::queue {

std::string DeliveryKey::text() const {
  return message.text() + "/" + std::to_string(index);
}

}  // namespace bulkhead::queue
