#include "src/app/notice_plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/base/log.h"

namespace bulkhead::app {

namespace {

constexpr std::size_t kColumns = 76;
constexpr std::size_t kSubjectMax = 120;

// A header field takes printable ASCII only: what comes from outside never ends a line, or begins another field.
std::string as_field(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, kSubjectMax)) out += c >= ' ' && c <= '~' ? c : '?';
  return out;
}

// One line of the text, broken at spaces.
void wrap(std::string_view line, std::string& out) {
  const std::string clean = escape_controls(line, 2000);
  std::string_view rest = clean;
  while (rest.size() > kColumns) {
    auto at = rest.rfind(' ', kColumns);
    if (at == std::string_view::npos || at == 0) at = rest.find(' ', kColumns);
    if (at == std::string_view::npos) break;
    out.append(rest.substr(0, at)).append("\r\n");
    rest.remove_prefix(at + 1);
  }
  out.append(rest).append("\r\n");
}

void add_text(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    wrap(text.substr(0, end), out);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace

void NoticePlan::put(State& state, Notice notice) {
  const auto same = std::ranges::find(state.waiting, notice.about, &Notice::about);
  if (same != state.waiting.end()) {
    *same = std::move(notice);
  } else if (state.waiting.size() < kNoticesMax) {
    state.waiting.push_back(std::move(notice));
  } else {
    ++state.left_out;
    if (!notice.is_case) return;
    // Anybody may cause news by the dozen; what acts on mail is not summed up for it.
    const auto news = std::ranges::find(state.waiting, false, &Notice::is_case);
    if (news == state.waiting.end()) return;
    state.waiting.erase(news);
    state.waiting.push_back(std::move(notice));
  }
}

void NoticePlan::add(const Audience& audience, Notice notice, SteadyTime now) {
  auto found = audiences_.find(audience);
  if (found == audiences_.end()) {
    forget_quiet(now);
    if (audiences_.size() >= kAudiencesMax) return;
    found = audiences_.try_emplace(audience).first;
  }
  State& state = found->second;
  if (state.waiting.empty()) state.due = std::max(now + kFirstWait, state.not_before);
  if (notice.is_urgent) {
    const bool is_after_mail = state.gap > std::chrono::seconds{0};
    const auto soon = now + kFirstWait;
    const auto gap = std::max<std::chrono::seconds>(kGapUrgent, state.gap / 8);
    state.due = std::min(state.due, is_after_mail ? std::max(soon, state.last_at + gap) : soon);
  }
  put(state, std::move(notice));
}

std::vector<DueNotices> NoticePlan::take_due(SteadyTime now) {
  std::vector<DueNotices> all;
  for (auto& [audience, state] : audiences_) {
    if (state.waiting.empty() || now < state.due) continue;
    const bool is_first = state.gap == std::chrono::seconds{0} || now - state.last_at >= kQuiet;
    state.gap = is_first ? kGapLeast : std::min(2 * state.gap, kGapMost);
    state.last_at = now;
    state.not_before = now + state.gap;
    all.push_back({audience, std::move(state.waiting), state.left_out});
    state.waiting.clear();
    state.left_out = 0;
  }
  return all;
}

void NoticePlan::put_back(DueNotices unsent, SteadyTime now) {
  State& state = audiences_[unsent.audience];
  std::vector<Notice> since = std::move(state.waiting);
  state.waiting = std::move(unsent.notices);
  state.left_out += unsent.left_out;
  for (auto& notice : since) put(state, std::move(notice));
  state.due = std::max(now + kGapLeast, state.not_before);
}

void NoticePlan::forget_quiet(SteadyTime now) {
  std::erase_if(audiences_,
                [now](const auto& each) { return each.second.waiting.empty() && now - each.second.last_at >= kQuiet; });
}

NoticeMail compose(const NoticeHeader& header, const DueNotices& due) {
  NoticeMail mail;
  const std::size_t count = due.notices.size() + due.left_out;
  const std::string first = due.notices.empty() ? "" : due.notices.front().subject;
  mail.subject = as_field(count == 1 ? fmt::format("[{}] {}", header.node, first)
                                     : fmt::format("[{}] {} news, the first: {}", header.node, count, first));
  mail.message_id = fmt::format("<{}@{}>", header.unique, header.node);
  std::string body;
  for (const auto& notice : due.notices) {
    if (!body.empty()) body += "\r\n--\r\n\r\n";
    add_text(notice.text, body);
  }
  if (due.left_out > 0) {
    body += fmt::format(
        "\r\n--\r\n\r\nAnd {} more: `bulkhead case list`, `bulkhead listing list`, `bulkhead address list`.\r\n",
        due.left_out);
  }
  mail.is_8bit = std::ranges::any_of(body, [](char c) { return static_cast<unsigned char>(c) > 127; });
  // Auto-Submitted keeps automatic replies away (RFC 3834 §5).
  mail.text = fmt::format(
      "From: Bulkhead <postmaster@{0}>\r\nTo: <{1}>\r\nSubject: {2}\r\nDate: {3}\r\nMessage-ID: {4}\r\n"
      "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: {5}\r\n\r\n{6}",
      header.node, as_field(header.to), mail.subject, to_rfc5322(header.now), mail.message_id,
      mail.is_8bit ? "8bit" : "7bit", body);
  return mail;
}

}  // namespace bulkhead::app
