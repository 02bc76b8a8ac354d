// What most commands do, said once: list a collection, show, add, change or remove one of it.
#pragma once

#include "src/admin/cli/command.h"

namespace bulkhead::admin::cli {

CommandFunction list_of(std::string collection, Columns columns);
// GET of /collection/NAME, or of a part of it: "/dns".
CommandFunction show_of(std::string collection, std::string part = {});
CommandFunction add_to(std::string collection, std::string noun);
// PATCH with the flags, and with `fixed` fields that the verb stands for ({"state": "suspended"}).
CommandFunction change_of(std::string collection, std::string done, Json fixed = Json::object());
CommandFunction remove_from(std::string collection, std::string noun);

// The name of what a command is about: its first positional.
Argument subject(std::string help);

}  // namespace bulkhead::admin::cli
