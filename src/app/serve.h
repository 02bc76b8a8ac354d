// The verb "serve": reads the configuration, starts a node, waits for signals.
#pragma once

#include <string>

namespace bulkhead::app {

inline constexpr const char* kUsualConfiguration = "/etc/bulkhead/bulkhead.toml";

// The configuration file: --config, else $BULKHEAD_CONFIG, else /etc/bulkhead/bulkhead.toml.
std::string configuration_path(const std::string& option);

// Runs the server until SIGTERM or SIGINT. Returns the process's exit status: 0 after a drain, 1 when it could not
// start.
int serve(const std::string& configuration_file);

}  // namespace bulkhead::app
