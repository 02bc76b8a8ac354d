#include "src/app/reputation_news.h"

#include <utility>

namespace bulkhead::app {

std::optional<reputation::Report> report_of(const listings::Transition& transition) {
  if (transition.kind != listings::Transition::Kind::kListed) return std::nullopt;
  const auto& subject = transition.subject;
  return reputation::Report{{}, reputation::ListingReport{subject.ip, subject.domain, transition.zone}};
}

std::optional<reputation::Report> report_of(const Feedback& feedback) {
  if (feedback.kind != Feedback::Kind::kComplaint) return std::nullopt;
  reputation::Report report;
  report.sender.tenant = feedback.tenant;
  report.sender.account = feedback.account;
  report.sender.account_name = feedback.account_name;
  const auto at = feedback.sender.rfind('@');
  if (at != std::string::npos) report.sender.domain = feedback.sender.substr(at + 1);
  report.sender.client = feedback.client;
  report.event = reputation::ComplaintReport{feedback.text};
  return report;
}

}  // namespace bulkhead::app
