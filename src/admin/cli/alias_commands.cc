#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {

Noun alias_commands() {
  const Argument from{.name = "FROM", .help = "user@domain", .field = "from", .is_required = true};
  const Argument to{.name = "to",
                    .help = "Local and remote addresses: a@acme.example,b@other.example",
                    .kind = ValueKind::kList,
                    .is_required = true};
  const Argument name = subject("The alias, by its address");
  return {"alias",
          "Addresses that lead to others",
          {
              {"add",
               "Add an alias",
               "bulkhead alias add sales@acme.example --to ann@acme.example,bob@acme.example",
               {from},
               {to},
               add_to("aliases", "alias")},
              {"list",
               "List aliases",
               "bulkhead alias list --tenant acme",
               {},
               {{.name = "tenant", .help = "Only of this tenant"}},
               list_of("aliases", {{"FROM", "from"}, {"TO", "to"}, {"TENANT", "tenant"}})},
              {"show", "Show an alias", "bulkhead alias show sales@acme.example", {name}, {}, show_of("aliases")},
              {"remove",
               "Remove an alias, or a former address of an account",
               "bulkhead alias remove sales@acme.example",
               {name},
               {},
               remove_from("aliases", "alias")},
          }};
}

}  // namespace bulkhead::admin::cli
