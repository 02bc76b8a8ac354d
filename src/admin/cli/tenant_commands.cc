#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

const Argument kName = subject("Name or id of the tenant");

std::vector<Argument> settings() {
  return {{.name = "reseller", .help = "The tenant that owns it"},
          {.name = "postmaster", .help = "Where mail to postmaster of its domains goes"},
          {.name = "feedback-address", .help = "Where complaints and late bounces about its mail come back to"},
          {.name = "message-size-max", .help = "Largest message: 50M", .kind = ValueKind::kSize},
          {.name = "recipients-max", .help = "Recipients of one message", .kind = ValueKind::kNumber},
          {.name = "tenants-max", .help = "Tenants that it may own as a reseller", .kind = ValueKind::kNumber},
          {.name = "shared-addresses",
           .help = "yes or no: may use the shared addresses while it has none of its own",
           .kind = ValueKind::kYesNo},
          {.name = "plan", .help = "Of its accounts: normal, bulk or new"},
          {.name = "over-limit", .help = "refuse mail over a limit, or pace it: accept it and send it later"},
          {.name = "webhook", .help = "https URL that its events are posted to; \"\" for none"},
          {.name = "certificate", .help = "PEM file with its certificate chain", .kind = ValueKind::kFile},
          {.name = "key", .help = "PEM file with its private key", .kind = ValueKind::kFile}};
}

}  // namespace

Noun tenant_commands() {
  const Argument new_name{.name = "NEW", .help = "The new name", .field = "name", .is_required = true};
  const Argument added{
      .name = "NAME", .help = "Lower-case letters, digits and hyphens", .field = "name", .is_required = true};
  return {"tenant",
          "Customers of this server",
          {
              {"add",
               "Add a tenant",
               "bulkhead tenant add acme --postmaster admin@acme.example",
               {added},
               settings(),
               add_to("tenants", "tenant")},
              {"list",
               "List tenants",
               "bulkhead tenant list --json",
               {},
               {},
               list_of("tenants",
                       {{"NAME", "name"}, {"STATE", "state"}, {"RESELLER", "reseller"}, {"ADDED", "created_at"}})},
              {"show", "Show a tenant", "bulkhead tenant show acme", {kName}, {}, show_of("tenants")},
              {"set",
               "Change a tenant's settings",
               "bulkhead tenant set acme --message-size-max 100M",
               {kName},
               settings(),
               change_of("tenants", "changed")},
              {"rename",
               "Give a tenant another name; sessions go on",
               "bulkhead tenant rename acme acme-group",
               {kName, new_name},
               {},
               change_of("tenants", "renamed")},
              {"suspend",
               "Stop a tenant's mail",
               "bulkhead tenant suspend acme",
               {kName},
               {},
               change_of("tenants", "suspended", Json{{"state", "suspended"}})},
              {"resume",
               "Let a suspended tenant go on",
               "bulkhead tenant resume acme",
               {kName},
               {},
               change_of("tenants", "resumed", Json{{"state", "active"}})},
              {"remove",
               "Remove a tenant that has nothing left",
               "bulkhead tenant remove acme",
               {kName},
               {},
               remove_from("tenants", "tenant")},
          }};
}

}  // namespace bulkhead::admin::cli
