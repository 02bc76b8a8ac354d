#include "src/admin/cli/run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

#include "src/admin/cli/command.h"
#include "src/base/log.h"

namespace bulkhead::admin::cli {
namespace {

constexpr const char* kDefaultConfiguration = "/etc/bulkhead/bulkhead.toml";

constexpr const char* kCommonOptions =
    "\n\nEvery command takes --json, --config, --socket, --url and --token, too: see bulkhead --help";

// What every command takes.
struct Globals {
  bool wants_json = false;
  std::string configuration_file = kDefaultConfiguration;
  Settings settings;
};

void add_globals(CLI::App& app, Globals& globals) {
  app.add_flag("--json", globals.wants_json, "Print one JSON document");
  app.add_option("--socket", globals.settings.socket, "Unix socket of the server")->type_name("PATH");
  app.add_option("--url", globals.settings.url, "API of a server elsewhere: https://mx1.isp.example:8443")
      ->type_name("URL");
  app.add_option("--token", globals.settings.token, "Bearer token for --url; better in BULKHEAD_TOKEN")
      ->envname("BULKHEAD_TOKEN")
      ->type_name("T");
  app.add_option("--config", globals.configuration_file, "Configuration that names the socket")
      ->envname("BULKHEAD_CONFIG")
      ->capture_default_str()
      ->type_name("FILE");
}

void add_argument(CLI::App& app, const Argument& argument, Arguments& arguments, bool is_positional) {
  if (argument.kind == ValueKind::kSwitch || argument.kind == ValueKind::kOff) {
    app.add_flag_callback(
        "--" + argument.name, [&arguments, name = argument.name] { arguments.set(name, {"yes"}); }, argument.help);
    return;
  }
  auto* option = app.add_option((is_positional ? "" : "--") + argument.name,
                                [&arguments, name = argument.name](const CLI::results_t& values) {
                                  arguments.set(name, values);
                                  return true;
                                },
                                argument.help);
  option->required(argument.is_required)->type_name("");
  if (argument.kind == ValueKind::kList) option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

// One verb, with what was given to it.
struct BoundCommand {
  const Command* command = nullptr;
  CLI::App* app = nullptr;
  std::unique_ptr<Arguments> arguments = std::make_unique<Arguments>();
};

BoundCommand bind(CLI::App& noun_app, const Command& command) {
  BoundCommand bound;
  bound.command = &command;
  bound.app = command.verb.empty() ? &noun_app : noun_app.add_subcommand(command.verb, command.help);
  bound.app->fallthrough();
  bound.app->footer("Example:\n  " + command.example + kCommonOptions);
  for (const auto& positional : command.positionals) add_argument(*bound.app, positional, *bound.arguments, true);
  for (const auto& flag : command.flags) add_argument(*bound.app, flag, *bound.arguments, false);
  return bound;
}

std::vector<BoundCommand> bind_all(CLI::App& app) {
  std::vector<BoundCommand> bound;
  for (const auto& noun : nouns()) {
    auto* noun_app = app.add_subcommand(noun.name, noun.help);
    noun_app->fallthrough();
    if (!noun.commands.front().verb.empty()) noun_app->require_subcommand(1);
    std::string examples;
    for (const auto& command : noun.commands) {
      bound.push_back(bind(*noun_app, command));
      examples += "\n  " + command.example;
    }
    noun_app->footer("Examples:" + examples + (noun.commands.front().verb.empty() ? kCommonOptions : ""));
  }
  return bound;
}

int exit_status(const Error& error) {
  if (error.code == ErrorCode::kClosed) return kExitNotReachable;
  return error.code == ErrorCode::kInvalid ? kExitUsage : kExitRefused;
}

int report(std::ostream& err, const Error& error) {
  err << "bulkhead: " << escape_controls(error.message) << "\n";
  if (!error.advice.empty()) err << "  " << escape_controls(error.advice) << "\n";
  return exit_status(error);
}

// The JSON library throws where an answer has another type than the command reads.
Status run_command(CommandContext& context, const Arguments& arguments) {
  try {
    return context.command.run(context, arguments);
  } catch (const Json::exception&) {
    return fail(ErrorCode::kProtocol, "the server's answer is not understood",
                "do this command and the server have the same version?");
  }
}

// A name that is empty names nothing; a script's variable was.
const Argument* empty_name(const BoundCommand& bound) {
  const auto& positionals = bound.command->positionals;
  const auto found = std::ranges::find_if(positionals, [&](const Argument& positional) {
    const auto text = bound.arguments->text(positional.name);
    return bound.arguments->has(positional.name) && text.find_first_not_of(' ') == std::string::npos;
  });
  return found == positionals.end() ? nullptr : &*found;
}

int run_remote(const CliEnvironment& environment, Globals globals, const BoundCommand& bound) {
  if (const auto* empty = empty_name(bound)) {
    return report(environment.err, Error{ErrorCode::kInvalid, fmt::format("{} is empty", empty->name),
                                         "see: " + bound.command->example});
  }
  if (globals.settings.socket.empty() && globals.settings.url.empty()) {
    auto configured = environment.settings(globals.configuration_file);
    if (!configured) return report(environment.err, configured.error());
    if (configured->token.empty()) configured->token = globals.settings.token;
    globals.settings = std::move(*configured);
  }
  if (!globals.settings.url.empty() && globals.settings.token.empty()) {
    return report(environment.err,
                  Error{ErrorCode::kInvalid, "--url needs a token",
                        "give --token T or set BULKHEAD_TOKEN; the server's operator makes one with: bulkhead token "
                        "add panel"});
  }
  const auto transport = environment.connect(globals.settings);
  Output output{environment.out,
                environment.err,
                {.format = globals.wants_json ? Format::kJson : Format::kText,
                 .colours = environment.has_colours ? Colours::kAnsi : Colours::kNone,
                 .shows_progress = environment.shows_progress}};
  Api api{*transport, [&output](const std::string& text) { output.warn("warning: " + text); }};
  CommandContext context{api, output, *bound.command, environment.in, environment.read_password};
  const auto done = run_command(context, *bound.arguments);
  environment.out << std::flush;
  return done ? kExitDone : report(environment.err, done.error());
}

// The words that are neither flags nor the values of the flags that every command takes.
std::vector<std::string> plain_words(const std::vector<std::string>& words) {
  std::vector<std::string> plain;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto& word = words[i];
    if (word == "--socket" || word == "--url" || word == "--token" || word == "--config") ++i;
    if (!word.starts_with('-')) plain.push_back(word);
  }
  return plain;
}

std::string names_of(const CLI::App& app) {
  std::string names;
  for (const auto* each : app.get_subcommands([](const CLI::App*) { return true; })) {
    names += (names.empty() ? "" : ", ") + each->get_name();
  }
  return names;
}

// "account add": the command that the words name, as far as they name one.
std::string command_path(CLI::App& app, const std::vector<std::string>& words) {
  std::string path;
  const CLI::App* known = &app;
  for (const auto& word : plain_words(words)) {
    const auto below = known->get_subcommands([](const CLI::App*) { return true; });
    const auto found = std::ranges::find(below, word, [](const CLI::App* each) { return each->get_name(); });
    if (found == below.end()) break;
    path += (path.empty() ? "" : " ") + word;
    known = *found;
  }
  return path;
}

// What CLI11 tells less clearly: a noun or a verb that does not exist or is missing, and words that are too many.
std::optional<Error> usage_error(CLI::App& app, const std::vector<std::string>& words) {
  CLI::App* known = &app;
  std::string path;
  for (const auto& word : plain_words(words)) {
    const auto below = known->get_subcommands([](const CLI::App*) { return true; });
    if (below.empty()) break;
    const auto found = std::ranges::find(below, word, [](const CLI::App* each) { return each->get_name(); });
    path += (path.empty() ? "" : " ") + word;
    if (found == below.end()) {
      return Error{ErrorCode::kInvalid, fmt::format("no command '{}'; there are: {}", path, names_of(*known)), ""};
    }
    known = *found;
  }
  if (!known->get_subcommands([](const CLI::App*) { return true; }).empty()) {
    return Error{ErrorCode::kInvalid, fmt::format("which command? there are: {}", names_of(*known)),
                 "each explains itself with --help"};
  }
  std::string strays;
  for (const auto& stray : app.remaining(true)) strays += (strays.empty() ? "" : " ") + stray;
  if (strays.empty()) return std::nullopt;
  return Error{ErrorCode::kInvalid, fmt::format("not understood: {}", strays),
               fmt::format("see: bulkhead {} --help", path)};
}

// What people type by habit: "help account add" is "account add --help", "--version" is "version".
std::vector<std::string> usual_words(int argc, const char* const* argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  if (words.empty()) return words;
  if (words.front() == "--version") words.front() = "version";
  if (words.front() == "help") {
    words.erase(words.begin());
    words.emplace_back("--help");
  }
  return words;
}

}  // namespace

int run_cli(int argc, const char* const* argv, const CliEnvironment& environment) {
  const auto asked = usual_words(argc, argv);
  CLI::App app{"Bulkhead, a mail server for those who host mail for others", "bulkhead"};
  Globals globals;
  add_globals(app, globals);
  app.require_subcommand(1);
  std::vector<std::pair<CLI::App*, const LocalCommand*>> locals;
  std::map<std::string, CLI::App*> local_nouns;
  for (const auto& local : environment.local_commands) {
    auto* parent = &app;
    if (!local.noun.empty()) {
      auto& noun = local_nouns[local.noun];
      if (noun == nullptr) noun = app.add_subcommand(local.noun, local.noun_help)->require_subcommand(1)->fallthrough();
      parent = noun;
    }
    locals.emplace_back(parent->add_subcommand(local.name, local.help)->fallthrough(), &local);
  }
  const auto* version = app.add_subcommand("version", "Print the version of this program")->fallthrough();
  const auto commands = bind_all(app);
  try {
    // CLI11 takes words from the end.
    app.parse(std::vector<std::string>(asked.rbegin(), asked.rend()));
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0)
      return app.exit(error, environment.out, environment.err) == 0 ? kExitDone : kExitUsage;
    if (const auto wrong = usage_error(app, asked)) return report(environment.err, *wrong);
    return report(environment.err, Error{ErrorCode::kInvalid, error.what(),
                                         fmt::format("see: bulkhead {} --help", command_path(app, asked))});
  }
  for (const auto& [local_app, local] : locals) {
    if (local_app->parsed()) return local->run(globals.configuration_file, globals.wants_json);
  }
  if (version->parsed()) {
    environment.out << (globals.wants_json ? dump(Json{{"version", environment.version}})
                                           : "bulkhead " + environment.version)
                    << "\n";
    return kExitDone;
  }
  for (const auto& bound : commands) {
    if (bound.app->parsed()) return run_remote(environment, globals, bound);
  }
  return kExitUsage;
}

}  // namespace bulkhead::admin::cli
