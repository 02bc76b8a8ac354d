// The command line of the program: parses, calls the API, prints, and gives the exit status.
#pragma once

#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

#include "src/admin/cli/transport.h"
#include "src/base/secret.h"

namespace bulkhead::admin::cli {

// A command that does not talk to the API (serve, check). It is called with the configuration's path and whether
// --json was given, and answers with the exit status.
struct LocalCommand {
  std::string name;
  std::string help;
  std::function<int(const std::string& configuration_file, bool wants_json)> run;
  std::string noun = {};  // "firewall": the command is "firewall NAME"
  std::string noun_help = {};
};

struct CliEnvironment {
  std::istream& in;
  std::ostream& out;
  std::ostream& err;
  bool has_colours = false;     // standard output is a terminal and NO_COLOR is not set
  bool shows_progress = false;  // standard error is a terminal
  std::string version = {};
  std::vector<LocalCommand> local_commands = {};
  // What the configuration says; asked only when neither --socket nor --url is given.
  std::function<Result<Settings>(const std::string& configuration_file)> settings = {};
  std::function<std::unique_ptr<Transport>(const Settings&)> connect = make_curl_transport;
  std::function<Result<Secret>()> read_password = {};
};

inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitNotReachable = 3;

// The process's own streams, terminal and password prompt.
CliEnvironment process_environment();

int run_cli(int argc, const char* const* argv, const CliEnvironment& environment);

}  // namespace bulkhead::admin::cli
