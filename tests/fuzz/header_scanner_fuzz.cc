// The header scanner, whole and split: the same findings, bounded and fit to show.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "src/mail/header_scanner.h"
#include "src/mail/utf8.h"

namespace {

void require(bool is_true) {
  if (!is_true) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using bulkhead::mail::HeaderScanner;
  if (size < 2) return 0;
  const std::string_view input{reinterpret_cast<const char*>(bytes) + 2, size - 2};
  const std::size_t split = (static_cast<std::size_t>(bytes[0]) << 8 | bytes[1]) % (input.size() + 1);
  HeaderScanner whole;
  const auto end = whole.feed(input);
  require(end.has_value() == whole.is_complete());
  if (end) require(*end < input.size());
  HeaderScanner parted;
  parted.feed(input.substr(0, split));
  parted.feed(input.substr(split));
  const auto a = whole.findings();
  const auto b = parted.findings();
  require(whole.is_complete() == parted.is_complete());
  require(a.subject == b.subject && a.message_id == b.message_id && a.received_count == b.received_count);
  require(a.has_date == b.has_date && a.has_from == b.has_from && a.has_message_id == b.has_message_id);
  require(a.subject.size() <= 200 && a.message_id.size() <= 200);
  require(bulkhead::mail::is_printable_utf8(a.subject) && bulkhead::mail::is_printable_utf8(a.message_id));
  return 0;
}
