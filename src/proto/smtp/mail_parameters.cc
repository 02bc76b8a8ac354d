#include "src/proto/smtp/mail_parameters.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "src/mail/utf8.h"
#include "src/mail/xtext.h"

namespace bulkhead::smtp {

namespace {

using MaybeReply = std::optional<Reply>;

constexpr std::size_t kEnvidSizeMax = 100;  // RFC 3461 §4.4, encoded
constexpr std::size_t kOrcptSizeMax = 500;  // RFC 3461 §4.2, encoded

Reply bad_value(std::string_view syntax) {
  return Reply(501, "5.5.4", std::string{"Syntax: "}.append(syntax));
}

MaybeReply unknown(std::string_view keyword) {
  return Reply(555, "5.5.4", std::string{"Unknown parameter "}.append(keyword.substr(0, 40)));
}

MaybeReply apply_size(const Parameter& parameter, MailArguments& arguments) {
  const auto text = parameter.value.value_or("");
  const bool is_number = !text.empty() && text.size() <= 20 &&
                         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!is_number) return bad_value("SIZE=octets");
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), arguments.size);
  // Twenty digits may pass what 64 bits hold: larger than any limit either way.
  if (error != std::errc{}) arguments.size = std::numeric_limits<std::uint64_t>::max();
  return std::nullopt;
}

MaybeReply apply_body(const Parameter& parameter, MailArguments& arguments) {
  const auto text = parameter.value.value_or("");
  const bool is_8bit = equals_ignoring_case(text, "8BITMIME");
  if (!is_8bit && !equals_ignoring_case(text, "7BIT")) return bad_value("BODY=7BIT or BODY=8BITMIME");
  arguments.sender.body = is_8bit ? mail::Body::k8BitMime : mail::Body::k7Bit;
  return std::nullopt;
}

MaybeReply apply_ret(const Parameter& parameter, MailArguments& arguments) {
  const auto text = parameter.value.value_or("");
  const bool is_full = equals_ignoring_case(text, "FULL");
  if (!is_full && !equals_ignoring_case(text, "HDRS")) return bad_value("RET=FULL or RET=HDRS");
  arguments.sender.ret = is_full ? mail::Ret::kFull : mail::Ret::kHeaders;
  return std::nullopt;
}

MaybeReply apply_envid(const Parameter& parameter, MailArguments& arguments) {
  const auto text = parameter.value.value_or("");
  auto decoded = mail::decode_xtext(text);
  if (text.empty() || text.size() > kEnvidSizeMax || !decoded) {
    return bad_value("ENVID= and at most 100 characters of xtext without control characters");
  }
  arguments.sender.envid = std::move(*decoded);
  return std::nullopt;
}

// AUTH= is checked and then ignored: nobody is trusted to name another sender (RFC 4954 §5 allows it).
MaybeReply check_auth(const Parameter& parameter) {
  const auto text = parameter.value.value_or("");
  if (text.empty() || (text != "<>" && !mail::decode_xtext(text))) return bad_value("AUTH=<> or AUTH= and xtext");
  return std::nullopt;
}

MaybeReply apply_notify(std::string_view text, mail::Notify& notify) {
  notify.is_given = true;
  if (equals_ignoring_case(text, "NEVER")) {
    notify.never = true;
    return std::nullopt;
  }
  for (bool is_last = false; !is_last;) {
    const auto comma = text.find(',');
    const auto word = text.substr(0, comma);
    is_last = comma == std::string_view::npos;
    if (!is_last) text.remove_prefix(comma + 1);
    bool* const bit = equals_ignoring_case(word, "SUCCESS")   ? &notify.success
                      : equals_ignoring_case(word, "FAILURE") ? &notify.failure
                      : equals_ignoring_case(word, "DELAY")   ? &notify.delay
                                                              : nullptr;
    if (bit == nullptr) return bad_value("NOTIFY=NEVER, or SUCCESS, FAILURE and DELAY with commas");
    *bit = true;
  }
  return std::nullopt;
}

bool is_address_type(std::string_view text) {
  const auto is_allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
  };
  return !text.empty() && std::all_of(text.begin(), text.end(), is_allowed);
}

MaybeReply apply_orcpt(std::string_view text, mail::Recipient& recipient) {
  const auto semicolon = text.find(';');
  const auto refused = [] {
    return bad_value("ORCPT=rfc822; and at most 500 characters of xtext without control characters");
  };
  if (semicolon == std::string_view::npos || text.size() > kOrcptSizeMax ||
      !is_address_type(text.substr(0, semicolon))) {
    return refused();
  }
  const auto encoded = text.substr(semicolon + 1);
  const bool is_utf8 = equals_ignoring_case(text.substr(0, semicolon), "utf-8");
  const auto decoded = is_utf8 ? mail::decode_utf8_address(encoded) : mail::decode_xtext(encoded);
  if (!decoded || decoded->empty()) return refused();
  recipient.orcpt = std::string{text.substr(0, semicolon + 1)} + *decoded;
  return std::nullopt;
}

MaybeReply apply(const Parameter& parameter, MailArguments& arguments) {
  const auto is = [&parameter](std::string_view keyword) { return equals_ignoring_case(parameter.keyword, keyword); };
  if (is("SIZE")) return apply_size(parameter, arguments);
  if (is("BODY")) return apply_body(parameter, arguments);
  if (is("RET")) return apply_ret(parameter, arguments);
  if (is("ENVID")) return apply_envid(parameter, arguments);
  if (is("AUTH")) return check_auth(parameter);
  if (!is("SMTPUTF8")) return unknown(parameter.keyword);
  if (parameter.value) return bad_value("SMTPUTF8, without a value");
  arguments.sender.is_smtputf8 = true;
  return std::nullopt;
}

}  // namespace

std::optional<Reply> apply_parameters(const std::vector<Parameter>& parameters, MailArguments& arguments) {
  for (const auto& parameter : parameters) {
    if (auto reply = apply(parameter, arguments)) return reply;
  }
  return std::nullopt;
}

std::optional<Reply> apply_parameters(const std::vector<Parameter>& parameters, RcptArguments& arguments) {
  for (const auto& parameter : parameters) {
    const auto value = parameter.value.value_or("");
    MaybeReply reply;
    if (equals_ignoring_case(parameter.keyword, "NOTIFY")) {
      reply = apply_notify(value, arguments.recipient.notify);
    } else if (equals_ignoring_case(parameter.keyword, "ORCPT")) {
      reply = apply_orcpt(value, arguments.recipient);
    } else {
      reply = unknown(parameter.keyword);
    }
    if (reply) return reply;
  }
  return std::nullopt;
}

}  // namespace bulkhead::smtp
