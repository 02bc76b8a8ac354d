#include "src/app/certificate_check.h"

#include <fmt/format.h>

#include "src/app/certificate_reader.h"
#include "src/base/clock.h"

namespace bulkhead::app {

namespace {

constexpr std::chrono::hours kRenewalTime{24 * 14};

}  // namespace

std::optional<Finding> check_certificate(const Configuration& configuration) {
  const auto& tls = configuration.tls;
  if (tls.certificate.empty()) return std::nullopt;
  const auto pair = CertificateReader{tls.certificate, tls.key}.read();
  if (!pair) return Finding{Severity::kFault, pair.error().message, pair.error().advice};
  const auto certificate = net::parse_certificate(pair->chain, pair->key);
  if (!certificate) {
    return Finding{Severity::kFault, tls.certificate + ": " + certificate.error().message, certificate.error().advice};
  }
  std::string names;
  for (const auto& name : net::names_of(**certificate)) names += (names.empty() ? "" : ", ") + name;
  const auto expiry = net::expiry_of(**certificate);
  const std::string what = fmt::format("the certificate for {} is valid until {}", names, to_rfc3339(expiry));
  if (expiry - SystemClock{}.now() > kRenewalTime) return Finding{Severity::kOk, what, ""};
  return Finding{Severity::kWarning, what, "renew it, then: systemctl reload bulkhead, or send the server SIGHUP"};
}

}  // namespace bulkhead::app
