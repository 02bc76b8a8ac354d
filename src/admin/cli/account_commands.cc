#include "src/admin/cli/account_import.h"
#include "src/admin/cli/actions.h"

namespace bulkhead::admin::cli {
namespace {

const Argument kName = subject("The account, by address or id");
const Argument kPasswordStdin{.name = "password-stdin",
                              .help = "Read the password from standard input",
                              .kind = ValueKind::kSwitch,
                              .field = "-"};

std::vector<Argument> settings() {
  return {{.name = "name", .help = "Full name"},
          {.name = "kind", .help = "person, room, equipment or shared"},
          {.name = "quota", .help = "Mail that it may keep: 2G; 0 is unlimited", .kind = ValueKind::kSize},
          {.name = "plan", .help = "normal, bulk or new; '' for new in its first days, then its tenant's"},
          {.name = "client-networks",
           .help = "Networks whose clients need no password: 192.0.2.7,192.0.2.64/26",
           .kind = ValueKind::kList}};
}

std::vector<Argument> with_password(std::vector<Argument> flags) {
  flags.push_back(kPasswordStdin);
  return flags;
}

// The first line of standard input, or what is typed on the terminal.
Result<Secret> password_for(CommandContext& context, const Arguments& arguments) {
  if (!arguments.has("password-stdin")) return context.read_password();
  std::string line;
  if (!std::getline(context.in, line) || line.empty()) {
    return fail(ErrorCode::kInvalid, "standard input holds no password");
  }
  if (line.ends_with('\r')) line.pop_back();
  return Secret{std::move(line)};
}

Status add_account(CommandContext& context, const Arguments& arguments) {
  auto body = body_of(context, arguments);
  if (!body) return fail(body.error());
  if (arguments.has("password-stdin")) {
    const auto password = password_for(context, arguments);
    if (!password) return fail(password.error());
    (*body)["password"] = std::string{password->reveal()};
  }
  const auto made = context.api.post("/accounts", *body);
  if (!made) return fail(made.error());
  context.output.done(*made, "account " + arguments.text("ADDRESS") + " added");
  return {};
}

Status set_password(CommandContext& context, const Arguments& arguments) {
  Json body{{"password", nullptr}};
  if (!arguments.has("none")) {
    const auto password = password_for(context, arguments);
    if (!password) return fail(password.error());
    body["password"] = std::string{password->reveal()};
  }
  const auto changed = context.api.put(path_of("accounts", arguments, "NAME") + "/password", body);
  if (!changed) return fail(changed.error());
  context.output.done(
      *changed, arguments.text("NAME") + (arguments.has("none") ? " has no password now" : " has a new password"));
  return {};
}

Status export_accounts(CommandContext& context, const Arguments& arguments) {
  const auto query = query_of(context, arguments);
  if (!query) return fail(query.error());
  if (context.output.is_json()) return list_of("accounts", {})(context, arguments);
  return context.api.each_line("/accounts/export" + *query, [&context](std::string_view line) {
    context.output.line(std::string{line});
    return true;
  });
}

std::vector<Command> changing_commands() {
  const Argument new_address{.name = "NEW", .help = "The new address", .field = "address", .is_required = true};
  return {
      {"set",
       "Change an account's settings",
       "bulkhead account set web@acme.example --client-networks 192.0.2.7/32",
       {kName},
       settings(),
       change_of("accounts", "changed")},
      {"rename",
       "Give an account another address; the old one goes on working",
       "bulkhead account rename ann@acme.example ann.smith@acme.example",
       {kName, new_address},
       {},
       change_of("accounts", "renamed")},
      {"passwd",
       "Set the password",
       "bulkhead account passwd ann@acme.example --password-stdin < file",
       {kName},
       {kPasswordStdin, {.name = "none", .help = "Take the password away", .kind = ValueKind::kSwitch, .field = "-"}},
       set_password},
      {"suspend",
       "Stop an account",
       "bulkhead account suspend ann@acme.example",
       {kName},
       {},
       change_of("accounts", "suspended", Json{{"state", "suspended"}})},
      {"resume",
       "Let a suspended account go on",
       "bulkhead account resume ann@acme.example",
       {kName},
       {},
       change_of("accounts", "resumed", Json{{"state", "active"}})},
      {"remove",
       "Remove an account",
       "bulkhead account remove ann@acme.example",
       {kName},
       {},
       remove_from("accounts", "account")},
  };
}

}  // namespace

Noun account_commands() {
  const Argument added{.name = "ADDRESS", .help = "user@domain", .field = "address", .is_required = true};
  const Argument tenant{.name = "tenant", .help = "Only of this tenant"};
  const Argument file{.name = "FILE",
                      .help =
                          "CSV with a header line: address,name,kind,state,password,quota,client_networks,"
                          "former_addresses,plan,password_hash; those that apply",
                      .field = "-",
                      .is_required = true};
  Noun noun{
      "account",
      "Mailboxes with credentials",
      {
          {"add",
           "Add an account",
           "bulkhead account add ann@acme.example --name \"Ann Smith\" --password-stdin < file",
           {added},
           with_password(settings()),
           add_account},
          {"list",
           "List accounts",
           "bulkhead account list --tenant acme",
           {},
           {tenant},
           list_of(
               "accounts",
               {{"ADDRESS", "address"}, {"NAME", "name"}, {"TENANT", "tenant"}, {"KIND", "kind"}, {"STATE", "state"}})},
          {"show",
           "Show an account, its mailbox and its former addresses",
           "bulkhead account show ann@acme.example",
           {kName},
           {},
           show_of("accounts")},
          {"import",
           "Add accounts from a CSV file",
           "bulkhead account import accounts.csv",
           {file},
           {},
           import_accounts},
          {"export",
           "Write accounts as CSV",
           "bulkhead account export --tenant acme > accounts.csv",
           {},
           {tenant,
            {.name = "with-passwords",
             .help = "Also plans and password hashes, to move accounts to another server; operators only",
             .kind = ValueKind::kSwitch}},
           export_accounts},
      }};
  for (auto& command : changing_commands()) noun.commands.push_back(std::move(command));
  return noun;
}

}  // namespace bulkhead::admin::cli
