// The commands as data: nouns with verbs, each with its arguments, an example, and what it does.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "src/admin/cli/api.h"
#include "src/admin/cli/output.h"
#include "src/base/secret.h"

namespace bulkhead::admin::cli {

enum class ValueKind { kText, kSwitch, kList, kNumber, kSize, kFile, kOff, kYesNo };  // kOff: a switch that says no

// A flag "--name VALUE", or, in Command::positionals, a place on the line.
struct Argument {
  std::string name;  // as on the command line: "message-size-max"
  std::string help;
  ValueKind kind = ValueKind::kText;
  std::string field = {};  // of the API, when it is not the name with '_' for '-'
  bool is_required = false;

  std::string api_field() const;
};

// What was given on the command line; only what was given is there.
class Arguments {
 public:
  void set(const std::string& name, std::vector<std::string> values) { values_[name] = std::move(values); }
  bool has(const std::string& name) const { return values_.contains(name); }
  std::string text(const std::string& name) const;  // "" when absent

 private:
  std::map<std::string, std::vector<std::string>> values_;
};

struct CommandContext;
using CommandFunction = std::function<Status(CommandContext&, const Arguments&)>;

struct Command {
  std::string verb;
  std::string help;
  std::string example;
  std::vector<Argument> positionals;
  std::vector<Argument> flags;
  CommandFunction run;
};

struct Noun {
  std::string name;
  std::string help;
  std::vector<Command> commands;  // one with an empty verb: the noun is the command
};

struct CommandContext {
  Api& api;
  Output& output;
  const Command& command;
  std::istream& in;
  std::function<Result<Secret>()> read_password;  // asks on the terminal, without echo
};

// The flags that were given as the JSON fields of a body, and as a query string that begins with '?'.
Result<Json> body_of(const CommandContext& context, const Arguments& arguments);
Result<std::string> query_of(const CommandContext& context, const Arguments& arguments);
// "/tenants/" and the name, encoded as one segment.
std::string path_of(std::string_view collection, const Arguments& arguments, const std::string& positional);
// "10M", "2G", "512k" or plain bytes.
Result<std::uint64_t> parse_size(std::string_view text);

const std::vector<Noun>& nouns();
Noun tenant_commands();
Noun domain_commands();
Noun address_commands();
Noun account_commands();
Noun alias_commands();
Noun route_commands();
Noun token_commands();
Noun limit_commands();
Noun reputation_commands();
Noun case_commands();
Noun listing_commands();
Noun queue_commands();
Noun trace_commands();
Noun status_command();

}  // namespace bulkhead::admin::cli
