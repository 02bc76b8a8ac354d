#include "src/app/monitor_notices.h"

#include <fmt/format.h>

namespace bulkhead::app {

namespace {

using listings::Subject;
using listings::Transition;
using State = netpolicy::Readiness::State;

std::string name_of(const Subject& subject) {
  return fmt::format("{} {}", subject.is_address() ? "address" : "domain", subject.text());
}

}  // namespace

std::optional<Notice> notice_of(const Transition& transition) {
  const bool is_listed = transition.kind == Transition::Kind::kListed;
  if (!is_listed && transition.kind != Transition::Kind::kDelisted) return std::nullopt;
  const auto& subject = transition.subject;
  Notice notice;
  notice.about = fmt::format("listing {} {}", transition.zone, subject.text());
  notice.subject =
      fmt::format("{} is {} by {}", name_of(subject), is_listed ? "listed" : "no longer listed", transition.zone);
  const bool is_hearsay = !transition.why.empty();
  notice.text = is_hearsay ? fmt::format("{}, {}.\n", notice.subject, transition.why) : notice.subject + ".\n";
  if (!is_listed) return notice;
  if (!transition.codes.empty()) notice.text += fmt::format("It answers {}.\n", listings::text_of(transition.codes));
  notice.text += fmt::format(
      "\nServers that ask this list refuse or distrust its mail. Find out who caused it before the list is asked to "
      "take "
      "it off: a second listing stays longer.\n"
      "\nLook:       {} {}\nWho did it: bulkhead case list\n",
      is_hearsay             ? "bulkhead reputation history"
      : subject.is_address() ? "bulkhead listing list --address"
                             : "bulkhead listing list --domain",
      subject.text());
  return notice;
}

std::optional<Notice> notice_of(const netpolicy::ReadinessChange& change, bool is_operator) {
  const bool is_ready = change.readiness.state == State::kReady;
  if (!change.was_ready && !change.was_withheld) return std::nullopt;
  if (is_ready && change.before != State::kUnready) return std::nullopt;  // at the first look
  const Subject subject = subject_of(change.subject);
  const std::string name = name_of(subject);
  Notice notice;
  notice.about = "readiness " + subject.text();
  if (is_ready) {
    notice.subject = fmt::format("{} is ready to send{}", name, change.was_ready ? " again" : ", and its mail leaves");
    notice.text = notice.subject + ".\n";
    return notice;
  }
  if (change.readiness.state == State::kUnknown) {
    if (!is_operator) return std::nullopt;
    notice.subject = name + " sends unchecked";
  } else if (change.was_withheld) {
    notice.subject = name + " is not ready to send, and its mail waits";
  } else {
    notice.subject = name + " is not ready to send any more";
  }
  notice.text = fmt::format("{}.\n\n{}\n{}\n", notice.subject, change.readiness.why, change.readiness.advice);
  notice.text += subject.is_address() ? fmt::format("\nLook:       bulkhead address check {}\n", subject.text())
                                      : fmt::format("\nLook:       bulkhead domain show {}\n", subject.text());
  if (change.was_withheld && is_operator && change.readiness.state == State::kUnready) {
    notice.text += fmt::format("Let it go:  bulkhead address set {} --ready yes\n", subject.text());
  }
  return notice;
}

TenantId owner_of(const tenants::Snapshot& directory, const Subject& subject) {
  if (!subject.is_address()) {
    const auto* domain = directory.domain_by_name(subject.domain);
    return domain != nullptr ? domain->tenant : TenantId{};
  }
  const auto* address = directory.address(subject.ip);
  return address != nullptr && address->tenant ? *address->tenant : TenantId{};
}

Subject subject_of(const netpolicy::ReadinessSubject& subject) {
  return subject.is_domain() ? Subject::of(subject.name) : Subject::of(subject.ip);
}

}  // namespace bulkhead::app
