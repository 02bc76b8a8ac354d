// What most commands do, said once: list a collection, show, add, change or remove one of it.
#pragma once

#include "src/admin/cli/command.h"

namespace bulkhead::admin::cli {

// All of it, or as many as a flag --limit says.
CommandFunction list_of(std::string collection, Columns columns);
// GET of /collection/NAME, or of a part of it: "/dns".
CommandFunction show_of(std::string collection, std::string part = {});
// What the answer to a change warns of, on standard error.
void show_warnings(Output& output, const Json& answer);
CommandFunction add_to(std::string collection, std::string noun);
// PATCH with the flags, and with `fixed` fields that the verb stands for ({"state": "suspended"}).
CommandFunction change_of(std::string collection, std::string done, Json fixed = Json::object());
CommandFunction remove_from(std::string collection, std::string noun);

// A flag --limit more, and what it says: `usual` when it was not given, 0 for all.
std::vector<Argument> with_limit(std::vector<Argument> flags, std::string help);
Result<std::size_t> limit_of(const Arguments& arguments, std::size_t usual);

// The name of what a command is about: its first positional.
Argument subject(std::string help);

}  // namespace bulkhead::admin::cli
