#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

Status add_token(CommandContext& context, const Arguments& arguments) {
  const auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  const auto made = context.api.post("/tokens", *body);
  if (!made) return fail(made.error());
  // The secret alone on a line, so that `TOKEN=$(bulkhead token add x)` works.
  context.output.done(*made, format_value(member(*made, "secret")));
  if (!context.output.is_json()) context.output.warn("keep the token: it is shown this once");
  return {};
}

}  // namespace

Noun token_commands() {
  const Argument added{.name = "NAME", .help = "What it is for", .field = "name", .is_required = true};
  return {"token",
          "Bearer tokens of the API",
          {
              {"add",
               "Add a token and print its secret",
               "bulkhead token add panel --tenant acme",
               {added},
               {{.name = "tenant", .help = "Sees this tenant only; without it, an operator"},
                {.name = "expires-at", .help = "When it ends: 2027-01-31T00:00:00Z"}},
               add_token},
              {"list",
               "List tokens",
               "bulkhead token list",
               {},
               {{.name = "tenant", .help = "Only of this tenant"}},
               list_of("tokens", {{"NAME", "name"}, {"TENANT", "tenant"}, {"EXPIRES", "expires_at"}, {"ID", "id"}})},
              {"remove",
               "Remove a token",
               "bulkhead token remove panel",
               {subject("Name or id")},
               {},
               remove_from("tokens", "token")},
          }};
}

}  // namespace bulkhead::admin::cli
