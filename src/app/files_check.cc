#include "src/app/files_check.h"

#include <cerrno>
#include <system_error>

#include <fmt/format.h>
#include <unistd.h>

#include "monitoring/replies/rule_book.h"
#include "src/app/certificate_check.h"
#include "src/app/reply_rules.h"
#include "src/app/webhooks.h"

namespace bulkhead::app {

namespace {

bool is_readable(const std::string& file, std::string_view key, std::vector<Finding>& findings) {
  if (::access(file.c_str(), R_OK) == 0) return true;
  const auto reason = std::generic_category().message(errno);
  findings.push_back({Severity::kFault, fmt::format("{} ({}) cannot be read: {}", file, key, reason), ""});
  return false;
}

void check_rules(const std::string& file, std::vector<Finding>& findings) {
  const auto text = read_reply_rules(file);
  if (!text) return findings.push_back({Severity::kFault, file + ": " + text.error().message, text.error().advice});
  replies::RuleBook book;
  if (const auto replaced = book.replace(*text); !replaced) {
    return findings.push_back({Severity::kFault, file + ": " + replaced.error().message, replaced.error().advice});
  }
  findings.push_back(
      {Severity::kOk, fmt::format("{} has {} rules for replies", file, book.current()->rules().size()), ""});
}

void check_webhook(const Configuration::Notify& settings, std::vector<Finding>& findings) {
  if (const auto target = webhook_target(settings); !target) {
    return findings.push_back({Severity::kFault, target.error().message, target.error().advice});
  }
  findings.push_back({Severity::kOk, fmt::format("{} has the webhook's secret", settings.webhook_secret_file), ""});
}

}  // namespace

std::vector<Finding> check_files(const Configuration& configuration) {
  std::vector<Finding> findings;
  const auto& tls = configuration.tls;
  const bool has_certificate = !tls.certificate.empty() && is_readable(tls.certificate, "tls.certificate", findings);
  const bool has_key = !tls.key.empty() && is_readable(tls.key, "tls.key", findings);
  if (has_certificate && has_key) {
    if (const auto certificate = check_certificate(configuration)) findings.push_back(*certificate);
  }
  const auto& rules = configuration.reputation.reply_rules;
  if (!rules.empty() && is_readable(rules, "reputation.reply_rules", findings)) check_rules(rules, findings);
  if (!configuration.notify.webhook.empty()) check_webhook(configuration.notify, findings);
  return findings;
}

}  // namespace bulkhead::app
