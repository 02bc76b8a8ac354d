// TLS settings for both directions. OpenSSL stays behind these declarations.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/clock.h"
#include "src/base/ip_address.h"
#include "src/base/result.h"

namespace bulkhead::net {

// A certificate with its key, parsed and checked once; immutable and shared between threads.
class Certificate;
using CertificatePtr = std::shared_ptr<const Certificate>;

// What an administrator is shown of a certificate.
std::vector<std::string> names_of(const Certificate& certificate);  // DNS names, as in the certificate
UtcTime expiry_of(const Certificate& certificate);

// Parses PEM texts (chain, key). The error says which of them is wrong and why (key does not match, expired, …).
Result<CertificatePtr> parse_certificate(std::string_view chain_pem, std::string_view key_pem);
// A new P-256 self-signed certificate for `host_name`, as PEM texts, valid ten years.
struct PemPair {
  std::string chain;
  std::string key;
};
Result<PemPair> make_self_signed(std::string_view host_name);

// Chooses the certificate of a handshake. Called on any shard, must be quick: reads a snapshot.
// `server_name` is the SNI, lower case, "" when absent. Null: the handshake fails.
using CertificateChooser = std::function<CertificatePtr(std::string_view server_name, const SocketAddress& arrival)>;

// The server side's TLS configuration: TLS 1.2 and up, session tickets, no renegotiation.
class TlsServerContexts {
 public:
  explicit TlsServerContexts(CertificateChooser chooser);
  ~TlsServerContexts();
  struct Impl;
  const Impl& impl() const { return *impl_; }

 private:
  std::unique_ptr<Impl> impl_;
};

// Client side. Sessions are kept for resumption on the connection's shard, bounded, by `session_key` (source address +
// host) together with the name and kind of verification, so that an unverified session never stands for a verified one.
struct TlsClientPolicy {
  std::string server_name;  // SNI and, if verified, the name that must match
  enum class Verify { kNone, kChainAndName } verify = Verify::kNone;
  std::string session_key;       // "" : no reuse
  std::string authorities_file;  // PEM file of trust anchors; "": the system's
};

}  // namespace bulkhead::net
