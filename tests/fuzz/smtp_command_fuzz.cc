// Command lines as the session takes them: framing first, then the parser. What parses must be safe to write again.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/mail/utf8.h"
#include "src/proto/smtp/command.h"
#include "src/proto/smtp/line_reader.h"

namespace {

void require(bool is_true) {
  if (!is_true) std::abort();
}

void check(const bulkhead::mail::Address& address) {
  const auto text = address.text();
  require(bulkhead::mail::is_printable_utf8(text));
  const auto again = bulkhead::mail::Address::parse(text);
  require(again && *again == address);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace bulkhead;
  std::string_view input{reinterpret_cast<const char*>(bytes), size};
  for (;;) {
    const auto found = smtp::find_line(input, smtp::kCommandSizeMax);
    if (found.kind != smtp::FoundLine::Kind::kLine) break;
    require(found.consumed == found.line.size() + 2);
    const auto command = smtp::parse_command(found.line);
    if (!command) require(command.error().reply.code >= 500);
    if (command) {
      if (const auto* mail = std::get_if<smtp::MailArguments>(&command->arguments)) {
        if (mail->sender.address) check(*mail->sender.address);
        require(mail::is_printable_utf8(mail->sender.envid));
      }
      if (const auto* rcpt = std::get_if<smtp::RcptArguments>(&command->arguments)) {
        if (!rcpt->is_bare_postmaster) check(rcpt->recipient.address);
        require(mail::is_printable_utf8(rcpt->recipient.orcpt));
      }
    }
    input.remove_prefix(found.consumed);
  }
  return 0;
}
