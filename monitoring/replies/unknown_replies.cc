#include "monitoring/replies/unknown_replies.h"

#include <algorithm>

#include <fmt/format.h>

#include "monitoring/replies/words.h"
#include "src/mail/utf8.h"

namespace bulkhead::replies {

namespace {

constexpr std::size_t kShapeSizeMax = 200;
constexpr std::size_t kSampleSizeMax = 400;

bool is_wordish(char c) {
  const auto octet = static_cast<unsigned char>(c);
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || octet > 0x7F || c == '@' ||
         c == '.' || c == '-' || c == '_' || c == ':' || c == '=' || c == '+' || c == '/';
}

// Numbers, addresses, host names, mailboxes, URLs and ids vary from reply to reply; plain words do not.
bool is_variable(std::string_view word) {
  const bool has_digit = word.find_first_of("0123456789") != std::string_view::npos;
  const auto inner = word.substr(0, word.find_last_not_of(".:-") + 1);
  return has_digit || inner.find_first_of("@./=_") != std::string_view::npos || word.size() > 30;
}

}  // namespace

std::string shape_of(int code, std::string_view text) {
  const std::string normal = normal_text(text);
  std::string_view rest = normal;
  std::string out = fmt::format("{}", code);
  if (const auto enhanced = EnhancedCode::parse_front(rest)) {
    out += fmt::format(" {}.{}.{}", enhanced->cls, enhanced->subject, enhanced->detail);
    take_word(rest);
  }
  if (!rest.empty()) out += ' ';
  while (!rest.empty() && out.size() < kShapeSizeMax) {
    const auto stop = std::find_if_not(rest.begin(), rest.end(), is_wordish);
    const std::string_view word = rest.substr(0, static_cast<std::size_t>(stop - rest.begin()));
    out += is_variable(word) ? std::string_view{"#"} : word;
    rest.remove_prefix(word.size());
    if (rest.empty()) break;
    out += rest.front();
    rest.remove_prefix(1);
  }
  return mail::to_printable_utf8(out, kShapeSizeMax);
}

void UnknownReplies::add(const RemoteReply& reply, UtcTime now) {
  ++total_;
  std::string text{reply.text.substr(0, kTextSizeMax)};
  if (!reply.enhanced.empty()) text = fmt::format("{} {}", reply.enhanced.substr(0, 12), text);
  std::string shape = shape_of(reply.code, text);
  std::string key = fmt::format("{} {}", reply.provider, shape);
  std::uint64_t inherited = 0;
  auto found = by_shape_.find(key);
  if (found == by_shape_.end()) {
    if (by_shape_.size() >= shapes_max_ && !by_shape_.empty()) {
      const auto rarest = std::min_element(by_shape_.begin(), by_shape_.end(), [](const auto& a, const auto& b) {
        return a.second.count < b.second.count;
      });
      inherited = rarest->second.count;
      by_shape_.erase(rarest);
    }
    UnknownReply fresh{.provider = std::string{reply.provider},
                       .shape = std::move(shape),
                       .sample = mail::to_printable_utf8(fmt::format("{} {}", reply.code, text), kSampleSizeMax),
                       .stage = reply.stage,
                       .count = inherited,
                       .first = now,
                       .last = now};
    found = by_shape_.emplace(std::move(key), std::move(fresh)).first;
  }
  ++found->second.count;
  found->second.last = now;
}

std::vector<UnknownReply> UnknownReplies::list() const {
  std::vector<UnknownReply> out;
  for (const auto& [key, reply] : by_shape_) out.push_back(reply);
  std::stable_sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.count > b.count; });
  return out;
}

void UnknownReplies::clear() {
  by_shape_.clear();
  total_ = 0;
}

std::string export_text(const std::vector<UnknownReply>& replies) {
  std::string out;
  for (const auto& reply : replies) {
    out += fmt::format("# {} times, from {} to {}\nmatch {{{} {}}} {}\n", reply.count, to_rfc3339(reply.first),
                       to_rfc3339(reply.last), reply.provider.empty() ? "-" : reply.provider, to_string(reply.stage),
                       reply.sample);
  }
  return out;
}

}  // namespace bulkhead::replies
