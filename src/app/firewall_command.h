// `bulkhead firewall`: the kernel lets only the server's user leave to mail ports, and only from assigned addresses.
//
// These commands run beside the server, as root, and read the directory themselves: so they work before the server has
// started, and the server needs no right to change the kernel's tables. docs/decisions/0013-firewall.md.
#pragma once

#include <string>

#include "src/app/check.h"

namespace bulkhead::app {

// Each answers with the exit status of the program.
int firewall_print(const std::string& configuration_file, Form form);
int firewall_apply(const std::string& configuration_file);
int firewall_check(const std::string& configuration_file, Form form);
// Until SIGTERM; prints "ready" once the table is in force. The table stays when it ends.
int firewall_follow(const std::string& configuration_file);

}  // namespace bulkhead::app
