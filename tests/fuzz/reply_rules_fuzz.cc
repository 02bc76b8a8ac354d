// Replies of any text through the shipped rules; and any text as a rules' file.

#include <cstdint>
#include <string_view>

#include "monitoring/replies/rule_book.h"
#include "monitoring/replies/unknown_replies.h"
#include "src/base/check.h"
#include "src/mail/utf8.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace bulkhead::replies;
  static const auto rules = RuleSet::parse(shipped_rules()).value();
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  if (!text.empty() && text.front() == 'r') {
    (void)RuleSet::parse(text);
    return 0;
  }
  const auto& providers = rules->providers().list();
  const std::size_t pick = text.empty() ? 0 : static_cast<unsigned char>(text.front());
  const std::string_view provider =
      pick < providers.size() ? std::string_view{providers[pick].name} : std::string_view{};
  const RemoteReply reply{provider, static_cast<Stage>(pick % kStages), 400 + static_cast<int>(pick % 200), {}, text};
  const auto meaning = rules->classify(reply);
  BULKHEAD_CHECK(meaning.is_known() != meaning.rule.empty());
  BULKHEAD_CHECK(bulkhead::mail::is_ascii(meaning.carried.link) && meaning.carried.link.size() <= 300);
  UnknownReplies unknown{4};
  unknown.add(reply, {});
  BULKHEAD_CHECK(bulkhead::mail::is_printable_utf8(unknown.list().front().sample));
  return 0;
}
