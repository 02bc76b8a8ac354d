// Which certificate a TLS handshake presents: the domain's by SNI, the tenant's by arrival address, otherwise the
// node's.
//
// Parsed once per change of the directory and swapped in atomically, so that a new certificate serves the next
// handshake.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "src/app/certificate_reader.h"
#include "src/base/log.h"
#include "src/base/result.h"
#include "src/net/tls.h"
#include "tenants/live_directory.h"

namespace bulkhead::app {

class Certificates {
 public:
  // Loads the node's own certificate from where `reader` finds it; it outlives this.
  static Result<std::unique_ptr<Certificates>> load(CertificateReader& reader, Log& log);

  // Parses the certificates of the directory; one that does not parse is logged and left out. Any thread.
  void update(const tenants::SnapshotPtr& snapshot);
  // Reads the node's own files again (SIGHUP). On an error the old one stays.
  Status reload();
  net::CertificatePtr choose(std::string_view server_name, const SocketAddress& arrival) const;

 private:
  struct Table {
    net::CertificatePtr node;
    std::unordered_map<std::string, net::CertificatePtr> by_name;  // the names of domains
    std::unordered_map<IpAddress, net::CertificatePtr> by_arrival;
    // What was parsed, and from what: a change of something else parses nothing again.
    tenants::SnapshotPtr parsed_from;
    std::unordered_map<TenantId, net::CertificatePtr> of_tenant;
    std::unordered_map<DomainId, net::CertificatePtr> of_domain;
  };

  Certificates(CertificateReader& reader, Log& log) : reader_(reader), log_(log) {}
  Result<net::CertificatePtr> read_own() const;
  net::CertificatePtr parse(const std::string& chain, const std::string& key, const std::string& owner) const;
  net::CertificatePtr certificate_of(const tenants::Tenant& tenant, const Table& before) const;
  net::CertificatePtr certificate_of(const tenants::Domain& domain, const Table& before) const;

  CertificateReader& reader_;
  Log& log_;
  std::mutex changing_;  // held by who makes a new table from the old
  std::atomic<std::shared_ptr<const Table>> table_;
};

// Makes a self-signed certificate for `name` in the two files, unless they hold a usable one.
Status ensure_self_signed(const std::string& chain_file, const std::string& key_file, const std::string& name,
                          Log& log);

}  // namespace bulkhead::app
