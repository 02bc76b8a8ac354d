#include "src/admin/cli/actions.h"
#include "src/proto/http/request.h"

namespace bulkhead::admin::cli {
namespace {

// Fails when a list names it.
Status check(CommandContext& context, const Arguments& arguments) {
  const auto name = arguments.text("NAME");
  const auto checked = context.api.get("/listings/" + proto::http::percent_encode(name) + "/check");
  if (!checked) return fail(checked.error());
  context.output.object(*checked);
  if (member(*checked, "listed") != true) return {};
  return fail(ErrorCode::kConflict, name + " is listed");
}

}  // namespace

Noun listing_commands() {
  return {
      "listing",
      "Lists of bad senders that name our addresses and domains",
      {
          {"list",
           "List who is listed, and where",
           "bulkhead listing list --address 192.0.2.10",
           {},
           {{.name = "address", .help = "Only of this address"},
            {.name = "domain", .help = "Only of this domain"},
            {.name = "tenant", .help = "Only of this tenant"}},
           list_of("listings",
                   {{"NAME", "name"}, {"TENANT", "tenant"}, {"LIST", "zone"}, {"CODES", "codes"}, {"SINCE", "since"}})},
          {"check",
           "Ask every list about an address or a domain now",
           "bulkhead listing check 192.0.2.10",
           {subject("An address or a domain of this server")},
           {},
           check},
          {"zones",
           "List the lists that are asked, and whether they are trusted",
           "bulkhead listing zones",
           {},
           {},
           list_of("listings/zones", {{"LIST", "zone"},
                                      {"BRANCH", "branch"},
                                      {"STATE", "state"},
                                      {"WATCHED", "watched"},
                                      {"LISTED", "listed"},
                                      {"WHY", "why"}})},
      }};
}

}  // namespace bulkhead::admin::cli
