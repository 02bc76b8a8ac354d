// The flags that choose a part of the queue, and the commands that give orders about it.
#pragma once

#include "src/admin/cli/command.h"

namespace bulkhead::admin::cli {

std::vector<Argument> queue_selector_flags();
// With --all, which a command that changes something asks for when no selector is given.
std::vector<Argument> with_all(std::vector<Argument> flags);
// top, hold, release, purge, bounce, directives.
std::vector<Command> directive_commands();

// "3 deliveries of 1 message are purged", of the API's answer to an order.
std::string order_sentence(const Json& answer, const std::string& done, bool is_dry_run);

}  // namespace bulkhead::admin::cli
