#include <fmt/format.h>

#include "src/admin/cli/actions.h"
#include "src/proto/http/request.h"

namespace bulkhead::admin::cli {
namespace {

const Argument kIp = subject("The IP address");
const Argument kHelo{.name = "helo", .help = "The name that it greets with"};
const Argument kShared{
    .name = "shared", .help = "Serves every tenant that has none of its own", .kind = ValueKind::kSwitch};
const Argument kOwner{.name = "tenant", .help = "Whose it is"};

// One address, or all of them; fails when any has a failure.
Status check(CommandContext& context, const Arguments& arguments) {
  std::vector<std::string> ips{arguments.text("NAME")};
  if (!arguments.has("NAME")) {
    ips.clear();
    const auto collect = [&ips](const Json& address) { ips.push_back(format_value(member(address, "ip"))); };
    if (auto listed = context.api.each_item("/addresses", 0, collect); !listed) return listed;
  }
  std::size_t failures = 0;
  Json all = Json::array();
  for (const auto& ip : ips) {
    auto checked = context.api.get("/addresses/" + proto::http::percent_encode(ip) + "/check");
    if (!checked) return fail(checked.error());
    if (member(*checked, "ok") != true) ++failures;
    if (!context.output.is_json()) context.output.object(*checked);
    all.push_back(std::move(*checked));
  }
  if (context.output.is_json()) context.output.object(all);
  if (failures == 0) return {};
  return fail(ErrorCode::kConflict,
              fmt::format("{} of {} {} a failure", failures, counted(ips.size(), "address", "addresses"),
                          failures == 1 ? "has" : "have"));
}

// Warns when the tenant is left without an address: its mail waits then.
Status remove(CommandContext& context, const Arguments& arguments) {
  const auto path = path_of("addresses", arguments, "NAME");
  const auto address = context.api.get(path);
  if (!address) return fail(address.error());
  const auto removed = context.api.remove(path);
  if (!removed) return fail(removed.error());
  context.output.done(*removed, fmt::format("address {} removed", arguments.text("NAME")));
  const auto& tenant = member(*address, "tenant");
  if (!tenant.is_string()) return {};
  std::size_t left = 0;
  const auto count = [&left](const Json& /*address*/) { ++left; };
  const auto name = tenant.get<std::string>();
  const auto listed = context.api.each_item("/addresses?tenant=" + proto::http::percent_encode(name), 1, count);
  if (listed && left == 0) {
    context.output.warn(fmt::format(
        "warning: {0} has no address of its own any more, and its mail waits until it has one: bulkhead address add "
        "192.0.2.10 --tenant {0}, with your address; or let it use the shared ones: bulkhead tenant set {0} "
        "--shared-addresses yes",
        name));
  }
  return {};
}

}  // namespace

Noun address_commands() {
  const Argument added{.name = "IP", .help = "IPv4 or IPv6", .field = "ip", .is_required = true};
  const Argument preferred{
      .name = "default", .help = "Preferred among its owner's addresses", .kind = ValueKind::kSwitch};
  const Argument not_preferred{
      .name = "no-default", .help = "No longer preferred", .kind = ValueKind::kOff, .field = "default"};
  return {"address",
          "Source addresses: what mail arrives on and leaves from",
          {
              {"add",
               "Add an address of this host",
               "bulkhead address add 192.0.2.10 --tenant acme --helo mail.acme.example",
               {added},
               {kOwner, kShared, kHelo, preferred},
               add_to("addresses", "address")},
              {"list",
               "List addresses",
               "bulkhead address list --tenant acme",
               {},
               {{.name = "tenant", .help = "Only of this tenant"}},
               list_of("addresses", {{"IP", "ip"},
                                     {"TENANT", "tenant"},
                                     {"HELO", "helo"},
                                     {"DEFAULT", "default"},
                                     {"PRESENT", "present"},
                                     {"READY", "readiness.state"},
                                     {"LISTED BY", "listed_by"}})},
              {"show", "Show an address", "bulkhead address show 192.0.2.10", {kIp}, {}, show_of("addresses")},
              {"set",
               "Change an address's settings",
               "bulkhead address set 192.0.2.10 --helo mail.acme.example",
               {kIp},
               {kHelo,
                preferred,
                not_preferred,
                {.name = "ready", .help = "yes: may send without passing its check", .kind = ValueKind::kYesNo}},
               change_of("addresses", "changed")},
              {"move",
               "Give an address to another tenant; queued mail follows",
               "bulkhead address move 192.0.2.10 --tenant other",
               {kIp},
               {kOwner, kShared},
               change_of("addresses", "moved")},
              {"check",
               "Compare addresses with this host, DNS and SPF; all without an IP",
               "bulkhead address check 192.0.2.10",
               {{.name = "NAME", .help = "The IP address", .field = "-"}},
               {},
               check},
              {"remove", "Remove an address", "bulkhead address remove 192.0.2.10", {kIp}, {}, remove},
          }};
}

}  // namespace bulkhead::admin::cli
