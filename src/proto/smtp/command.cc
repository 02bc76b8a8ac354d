#include "src/proto/smtp/command.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "src/mail/utf8.h"
#include "src/proto/smtp/mail_parameters.h"
#include "src/proto/smtp/path.h"

namespace bulkhead::smtp {

namespace {

using Parsed = tl::expected<Command, Refusal>;

constexpr std::size_t kHelloSizeMax = 255;

Parsed refused(int code, std::string_view enhanced, std::string_view text) {
  return tl::unexpected(Refusal{Reply(code, enhanced, text)});
}

Parsed parse_hello(Verb verb, std::string_view text) {
  const auto name = text.substr(0, text.find(' '));
  if (name.empty()) return refused(501, "5.5.4", "Say who you are: EHLO followed by your host name or [address]");
  if (name.size() > kHelloSizeMax || !mail::is_printable_utf8(name)) {
    return refused(501, "5.5.4", "The host name is too long or has characters that no name has");
  }
  return Command{verb, HelloArguments{std::string{name}}};
}

Parsed parse_mail(std::string_view text) {
  const auto split = split_path(text, "FROM");
  if (!split) return tl::unexpected(Refusal{split.error()});
  MailArguments arguments;
  if (!split->path.empty()) {
    auto address = parse_path(split->path);
    if (!address) return tl::unexpected(Refusal{std::move(address.error())});
    arguments.sender.address = std::move(*address);
  }
  if (auto reply = apply_parameters(split->parameters, arguments)) return tl::unexpected(Refusal{std::move(*reply)});
  const bool has_utf8 = !mail::is_ascii(text);
  if (has_utf8 && !arguments.sender.is_smtputf8) {
    return refused(553, "5.6.7", "An address with characters beyond ASCII needs the SMTPUTF8 parameter");
  }
  return Command{Verb::kMail, std::move(arguments)};
}

Parsed parse_rcpt(std::string_view text) {
  const auto split = split_path(text, "TO");
  if (!split) return tl::unexpected(Refusal{split.error()});
  if (split->path.empty()) return refused(501, "5.1.3", "A recipient cannot be empty");
  RcptArguments arguments;
  if (equals_ignoring_case(split->path, "postmaster")) {
    arguments.is_bare_postmaster = true;
    arguments.recipient.address.local = "postmaster";
  } else {
    auto address = parse_path(split->path);
    if (!address) return tl::unexpected(Refusal{std::move(address.error())});
    arguments.recipient.address = std::move(*address);
  }
  if (auto reply = apply_parameters(split->parameters, arguments)) return tl::unexpected(Refusal{std::move(*reply)});
  return Command{Verb::kRcpt, std::move(arguments)};
}

Parsed parse_bdat(std::string_view text) {
  const auto lost = [] {
    return tl::unexpected(Refusal{
        Reply(501, "5.5.4", "Syntax: BDAT size [LAST]; closing, as the next command cannot be found"), false, true});
  };
  const auto digits = text.substr(0, text.find(' '));
  BdatArguments arguments;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), arguments.size);
  if (digits.empty() || error != std::errc{} || end != digits.data() + digits.size()) return lost();
  auto rest = text.substr(digits.size());
  if (!rest.empty()) rest.remove_prefix(1);
  if (!rest.empty() && !equals_ignoring_case(rest, "LAST")) return lost();
  arguments.is_last = !rest.empty();
  return Command{Verb::kBdat, arguments};
}

Parsed parse_auth(std::string_view text) {
  const auto mechanism = text.substr(0, text.find(' '));
  if (mechanism.empty()) return refused(501, "5.5.4", "Syntax: AUTH mechanism [initial-response]");
  AuthArguments arguments;
  for (const char c : mechanism.substr(0, 20)) {
    arguments.mechanism += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  const auto rest = text.substr(mechanism.size());
  if (!rest.empty()) arguments.initial = std::string{rest.substr(1)};
  return Command{Verb::kAuth, std::move(arguments)};
}

Parsed parse_bare(Verb verb, std::string_view text) {
  if (!text.empty()) return refused(501, "5.5.4", std::string{to_string(verb)} + " takes no argument");
  return Command{verb, {}};
}

Parsed parse_arguments(Verb verb, std::string_view text) {
  switch (verb) {
    case Verb::kEhlo:
    case Verb::kHelo:
      return parse_hello(verb, text);
    case Verb::kMail:
      return parse_mail(text);
    case Verb::kRcpt:
      return parse_rcpt(text);
    case Verb::kBdat:
      return parse_bdat(text);
    case Verb::kAuth:
      return parse_auth(text);
    case Verb::kData:
    case Verb::kRset:
    case Verb::kQuit:
    case Verb::kStartTls:
      return parse_bare(verb, text);
    case Verb::kNoop:
    case Verb::kVrfy:
    case Verb::kExpn:
    case Verb::kHelp:
      return Command{verb, {}};  // RFC 5321 §4.1.1.9: an argument is ignored
  }
  return refused(500, "5.5.2", "Unknown command");
}

constexpr std::array<std::pair<std::string_view, Verb>, 14> kVerbs{{{"EHLO", Verb::kEhlo},
                                                                    {"HELO", Verb::kHelo},
                                                                    {"MAIL", Verb::kMail},
                                                                    {"RCPT", Verb::kRcpt},
                                                                    {"DATA", Verb::kData},
                                                                    {"BDAT", Verb::kBdat},
                                                                    {"RSET", Verb::kRset},
                                                                    {"NOOP", Verb::kNoop},
                                                                    {"QUIT", Verb::kQuit},
                                                                    {"VRFY", Verb::kVrfy},
                                                                    {"EXPN", Verb::kExpn},
                                                                    {"HELP", Verb::kHelp},
                                                                    {"STARTTLS", Verb::kStartTls},
                                                                    {"AUTH", Verb::kAuth}}};

}  // namespace

std::string_view to_string(Verb verb) {
  const auto found =
      std::find_if(kVerbs.begin(), kVerbs.end(), [verb](const auto& entry) { return entry.second == verb; });
  return found == kVerbs.end() ? "?" : found->first;
}

Parsed parse_command(std::string_view line) {
  while (line.ends_with(' ') || line.ends_with('\t')) line.remove_suffix(1);
  const auto word = line.substr(0, line.find(' '));
  const auto found = std::find_if(kVerbs.begin(), kVerbs.end(),
                                  [word](const auto& entry) { return equals_ignoring_case(entry.first, word); });
  if (found == kVerbs.end()) {
    Refusal refusal{
        Reply(500, "5.5.2", "Unknown command: EHLO, MAIL, RCPT, DATA, RSET, NOOP and QUIT are the usual ones")};
    refusal.is_unknown_verb = true;
    return tl::unexpected(std::move(refusal));
  }
  auto text = line.substr(word.size());
  text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  return parse_arguments(found->second, text);
}

bool is_foreign_protocol(std::string_view line) {
  constexpr std::array<std::string_view, 9> kHttp{"GET /",    "POST /",   "PUT /",   "HEAD /",    "OPTIONS ",
                                                  "DELETE /", "CONNECT ", "PATCH /", "PRI * HTTP"};
  if (line.starts_with("\x16\x03")) return true;
  return std::any_of(kHttp.begin(), kHttp.end(), [line](std::string_view start) { return line.starts_with(start); });
}

}  // namespace bulkhead::smtp
