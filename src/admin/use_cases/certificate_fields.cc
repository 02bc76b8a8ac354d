#include "src/admin/use_cases/certificate_fields.h"

#include "src/net/tls.h"

namespace bulkhead::admin {

Status set_certificate(const Call& call, std::string& certificate_pem, std::string& key_pem) {
  if (!call.has("certificate") && !call.has("key")) return {};
  auto certificate = call.text("certificate");
  auto key = call.text("key");
  if (certificate.empty() != key.empty()) {
    return fail(ErrorCode::kInvalid, "a certificate and its private key belong together",
                certificate.empty() ? "give --certificate too" : "give --key too");
  }
  if (!certificate.empty()) {
    if (const auto parsed = net::parse_certificate(certificate, key); !parsed) return fail(parsed.error());
  }
  certificate_pem = std::move(certificate);
  key_pem = std::move(key);
  return {};
}

}  // namespace bulkhead::admin
