// The program: serve and check run here, every other command talks to the API of a running server.
#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>

#include <fmt/format.h>

#include "src/admin/cli/run.h"
#include "src/app/check.h"
#include "src/app/configuration.h"
#include "src/app/firewall_command.h"
#include "src/app/serve.h"
#include "src/app/version.h"

namespace {

using namespace bulkhead;

// The command line finds the server by the admin socket that the configuration names. Keys with faults do not keep
// an administrator from a running server; nor does it that there is no file in the usual place. One that was named and
// cannot be opened, or that is no TOML, is a mistake: the socket would be that of another server.
Result<admin::cli::Settings> settings_of(const std::string& configuration_file) {
  const auto path = app::configuration_path(configuration_file);
  if (path != app::kUsualConfiguration && !std::ifstream{path}) {
    return fail(ErrorCode::kInvalid,
                fmt::format("the configuration {} cannot be opened: {}", path, std::generic_category().message(errno)),
                "it was named by --config or BULKHEAD_CONFIG; the server can be named by --socket PATH, too");
  }
  const auto reading = app::read_configuration(path);
  // A fault without a key is one of the file as a whole.
  const auto broken = std::ranges::find_if(reading.faults, [](const auto& fault) { return fault.key.empty(); });
  if (broken != reading.faults.end() && std::ifstream{path}) {
    return fail(ErrorCode::kInvalid, broken->text(),
                "until it is mended the server can be named by --socket PATH; see: bulkhead check");
  }
  admin::cli::Settings settings;
  settings.socket = reading.configuration.listen.admin;
  return settings;
}

}  // namespace

int main(int argc, char** argv) {
  auto environment = admin::cli::process_environment();
  environment.version = app::kVersion;
  environment.settings = settings_of;
  environment.local_commands = {
      {"serve", "run the server in the foreground; prints \"ready\" once it listens, SIGTERM ends it",
       [](const std::string& file, bool) { return app::serve(app::configuration_path(file)); }},
      {"check", "check the configuration and this host, and say what to do",
       [](const std::string& file, bool wants_json) {
         return app::check(app::configuration_path(file), wants_json ? app::Form::kJson : app::Form::kText);
       }},
      {"print", "print the nftables ruleset that the directory asks for",
       [](const std::string& file, bool wants_json) {
         return app::firewall_print(app::configuration_path(file), wants_json ? app::Form::kJson : app::Form::kText);
       },
       "firewall", "what the kernel lets out to mail ports"},
      {"apply", "put it into the kernel in one step, keeping what was counted",
       [](const std::string& file, bool) { return app::firewall_apply(app::configuration_path(file)); }, "firewall"},
      {"check", "compare what the kernel has with the directory; exit status 1 when they differ",
       [](const std::string& file, bool wants_json) {
         return app::firewall_check(app::configuration_path(file), wants_json ? app::Form::kJson : app::Form::kText);
       },
       "firewall"},
      {"follow", "apply it, and again whenever the directory changes; hand the counters to the server",
       [](const std::string& file, bool) { return app::firewall_follow(app::configuration_path(file)); }, "firewall"},
  };
  return admin::cli::run_cli(argc, argv, environment);
}
