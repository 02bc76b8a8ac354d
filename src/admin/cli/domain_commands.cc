#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

const Argument kName = subject("The domain, by name or id");
const Argument kOfTenant{.name = "tenant", .help = "Only of this tenant"};

std::vector<Argument> settings() {
  return {{.name = "catch-all", .help = "Where mail to unknown recipients goes; \"\" refuses it"},
          {.name = "certificate", .help = "PEM file with its certificate chain", .kind = ValueKind::kFile},
          {.name = "key", .help = "PEM file with its private key", .kind = ValueKind::kFile}};
}

std::vector<Argument> with_tenant(std::vector<Argument> flags) {
  flags.push_back({.name = "tenant", .help = "Whose it is", .is_required = true});
  return flags;
}

Status show_records(CommandContext& context, const Arguments& arguments) {
  const auto found = context.api.get(path_of("domains", arguments, "NAME") + "/dns");
  if (!found) return fail(found.error());
  if (context.output.is_json()) {
    context.output.object(*found);
    return {};
  }
  // One record a line as a zone file has it, the purpose as its comment.
  for (const auto& record : member(*found, "records")) {
    const bool is_text = member(record, "type") == "TXT";
    const auto value = format_value(member(record, "value"));
    context.output.line("; " + format_value(member(record, "purpose")));
    context.output.line(format_value(member(record, "name")) + " IN " + format_value(member(record, "type")) + " " +
                        (is_text ? "\"" + value + "\"" : value));
  }
  return {};
}

}  // namespace

Noun domain_commands() {
  const Argument added{.name = "NAME", .help = "The domain", .field = "name", .is_required = true};
  const Argument new_name{.name = "NEW", .help = "The new name", .field = "name", .is_required = true};
  return {
      "domain",
      "Mail domains of tenants",
      {
          {"add",
           "Add a domain",
           "bulkhead domain add acme.example --tenant acme",
           {added},
           with_tenant(settings()),
           add_to("domains", "domain")},
          {"list",
           "List domains",
           "bulkhead domain list --tenant acme",
           {},
           {kOfTenant},
           list_of("domains",
                   {{"NAME", "name"}, {"TENANT", "tenant"}, {"CATCH-ALL", "catch_all"}, {"ADDED", "created_at"}})},
          {"show", "Show a domain", "bulkhead domain show acme.example", {kName}, {}, show_of("domains")},
          {"set",
           "Change a domain's settings",
           "bulkhead domain set acme.example --catch-all info@acme.example",
           {kName},
           settings(),
           change_of("domains", "changed")},
          {"rename",
           "Give a domain another name; the old one goes on working",
           "bulkhead domain rename acme.example acme-group.example",
           {kName, new_name},
           {},
           change_of("domains", "renamed")},
          {"remove",
           "Remove a domain",
           "bulkhead domain remove acme.example",
           {kName},
           {},
           remove_from("domains", "domain")},
          {"dns", "Print the DNS records to publish", "bulkhead domain dns acme.example", {kName}, {}, show_records},
      }};
}

}  // namespace bulkhead::admin::cli
