#include "monitoring/replies/rule.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace bulkhead::replies {

namespace {

constexpr std::array<std::string_view, 29> kDetails{
    "ptr",     "spf",     "dkim", "dmarc",          "auth",       "tls",          "helo",       "dns",    "ipv6",
    "dynamic", "harvest", "spam", "netblock",       "listed",     "open-relay",   "complaints", "banned", "recipient",
    "quota",   "size",    "url",  "per-connection", "message-id", "unknown-user", "outbound",   "virus",  "over-quota",
    "volume",  "disabled"};

}  // namespace

bool EnhancedRange::fits(EnhancedCode code) const {
  if (!code.is_present()) return is_none;
  if (is_none) return false;
  return (cls == 0 || cls == code.cls) && subject == code.subject && code.detail >= detail_least &&
         code.detail <= detail_most;
}

bool Rule::fits(Stage stage, int code, EnhancedCode enhanced_code) const {
  if (!stages.empty() && std::find(stages.begin(), stages.end(), stage) == stages.end()) return false;
  const auto has_code = [code](const CodeRange& range) { return code >= range.least && code <= range.most; };
  if (!codes.empty() && std::none_of(codes.begin(), codes.end(), has_code)) return false;
  const auto has_enhanced = [enhanced_code](const EnhancedRange& range) { return range.fits(enhanced_code); };
  return enhanced.empty() || std::any_of(enhanced.begin(), enhanced.end(), has_enhanced);
}

std::string RuleFault::text() const {
  return fmt::format("line {}: {}", line, message);
}

bool is_known_detail(std::string_view detail) {
  return std::find(kDetails.begin(), kDetails.end(), detail) != kDetails.end();
}

}  // namespace bulkhead::replies
