#include "src/app/reputation_news.h"

#include <utility>

namespace bulkhead::app {

listings::Transition transition_of(const NamedListing& named) {
  listings::Transition transition;
  transition.kind = listings::Transition::Kind::kListed;
  transition.zone = named.zone;
  transition.branch = named.source.family() == Family::kIpv4 ? listings::Branch::kIpv4 : listings::Branch::kIpv6;
  transition.subject = listings::Subject::of(named.source);
  transition.why = "says " + named.site;
  if (!named.link.empty()) transition.why += ", which points to " + named.link;
  return transition;
}

std::optional<reputation::Report> report_of(const listings::Transition& transition) {
  if (transition.kind != listings::Transition::Kind::kListed) return std::nullopt;
  const auto& subject = transition.subject;
  return reputation::Report{{}, reputation::ListingReport{subject.ip, subject.domain, transition.zone}};
}

namespace {

// By its status alone (RFC 3463): the text is whatever the reporter likes to say, and it may not blame an address.
// Nothing: not for the sender to avoid.
std::shared_ptr<const replies::Classification> meaning_of(const std::string& status) {
  const auto code = replies::EnhancedCode::parse_front(status + " ");
  if (!code || code->cls != 5) return nullptr;
  auto meaning = std::make_shared<replies::Classification>();
  meaning->rule = "late-bounce";
  meaning->primary = replies::ReplyClass::kRecipient;
  meaning->classes.add(meaning->primary);
  meaning->fault = replies::Fault::kRecipient;
  const bool is_unknown = code->subject == 1 && (code->detail <= 3 || code->detail == 6 || code->detail == 10);
  const bool is_disabled = code->subject == 2 && code->detail <= 1;
  if (!is_unknown && !is_disabled) return nullptr;
  meaning->detail = is_unknown ? "unknown-user" : "disabled";
  return meaning;
}

}  // namespace

std::optional<reputation::Report> report_of(const Feedback& feedback) {
  const bool is_complaint = feedback.kind == Feedback::Kind::kComplaint;
  auto meaning = is_complaint ? nullptr : meaning_of(feedback.status);
  if (!is_complaint && meaning == nullptr) return std::nullopt;
  reputation::Report report;
  report.sender.tenant = feedback.tenant;
  report.sender.account = feedback.account;
  report.sender.account_name = feedback.account_name;
  const auto at = feedback.sender.rfind('@');
  if (at != std::string::npos) report.sender.domain = feedback.sender.substr(at + 1);
  report.sender.client = feedback.client;
  if (is_complaint) {
    report.event = reputation::ComplaintReport{feedback.text, feedback.people, feedback.source};
    return report;
  }
  // Neither source nor site: who sent it is to blame, nobody knows who wrote the report.
  reputation::ReplyReport refused{.message = feedback.message, .source = {}, .site = {}};
  refused.result = reputation::DeliveryReport::Result::kRefused;
  refused.meaning = std::move(meaning);
  refused.stage = replies::Stage::kOther;
  refused.code = 550;
  refused.text = feedback.status + " " + feedback.text;
  report.event = std::move(refused);
  return report;
}

}  // namespace bulkhead::app
