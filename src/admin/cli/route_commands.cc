#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {

Noun route_commands() {
  const Argument pattern{
      .name = "PATTERN", .help = "example.com, *.example.com or '*'", .field = "pattern", .is_required = true};
  const Argument tenant{.name = "tenant", .help = "For this tenant only"};
  return {"route",
          "Fixed next hops instead of MX",
          {
              {"add",
               "Add a route",
               "bulkhead route add '*' --host smarthost.example --port 2525",
               {pattern},
               {{.name = "host", .help = "Name or IP address of the next hop", .is_required = true},
                {.name = "port", .help = "25 when absent", .kind = ValueKind::kNumber},
                {.name = "tls", .help = "opportunistic, required, verified or none"},
                tenant},
               add_to("routes", "route")},
              {"list",
               "List routes",
               "bulkhead route list",
               {},
               {{.name = "tenant", .help = "Only of this tenant"}},
               list_of("routes", {{"PATTERN", "pattern"},
                                  {"HOST", "host"},
                                  {"PORT", "port"},
                                  {"TLS", "tls"},
                                  {"TENANT", "tenant"},
                                  {"ID", "id"}})},
              {"remove",
               "Remove a route",
               "bulkhead route remove '*'",
               {subject("Pattern or id")},
               {tenant},
               remove_from("routes", "route")},
          }};
}

}  // namespace bulkhead::admin::cli
