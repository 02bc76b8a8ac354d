// Tells systemd, when it asks for it, that the service is ready or is stopping (sd_notify(3) protocol).
#pragma once

#include <string_view>

namespace bulkhead::app {

// Sends e.g. "READY=1" to $NOTIFY_SOCKET; nothing happens when that is not set.
void notify_service_manager(std::string_view state);

}  // namespace bulkhead::app
