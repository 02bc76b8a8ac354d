#include "src/app/certificates.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace bulkhead::app {

namespace {

Status write_file(const std::string& path, const std::string& text, mode_t mode) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return fail(system_error("open", path, errno));
  const ssize_t written = ::write(fd, text.data(), text.size());
  const int error = errno;
  ::close(fd);
  if (written != static_cast<ssize_t>(text.size())) return fail(system_error("write", path, error));
  return {};
}

// A file that a power cut left half written is as good as none: it is made again.
bool is_usable(const std::string& chain_file, const std::string& key_file) {
  const auto pair = CertificateReader{chain_file, key_file}.read();
  return pair && net::parse_certificate(pair->chain, pair->key).has_value();
}

}  // namespace

Status ensure_self_signed(const std::string& chain_file, const std::string& key_file, const std::string& name,
                          Log& log) {
  if (is_usable(chain_file, key_file)) return {};
  const auto pair = net::make_self_signed(name);
  if (!pair) return fail(pair.error());
  if (auto written = write_file(key_file, pair->key, 0600); !written) return written;
  if (auto written = write_file(chain_file, pair->chain, 0644); !written) return written;
  log.info("made a self-signed certificate for {}: {}", name, chain_file);
  return {};
}

Result<std::unique_ptr<Certificates>> Certificates::load(CertificateReader& reader, Log& log) {
  std::unique_ptr<Certificates> certificates{new Certificates{reader, log}};
  auto node = certificates->read_own();
  if (!node) return fail(node.error());
  auto table = std::make_shared<Table>();
  table->node = *node;
  certificates->table_.store(std::move(table));
  return certificates;
}

Result<net::CertificatePtr> Certificates::read_own() const {
  const auto pair = reader_.read();
  if (!pair) return fail(pair.error());
  auto certificate = net::parse_certificate(pair->chain, pair->key);
  if (!certificate) {
    return fail(certificate.error().code, "the node's certificate: " + certificate.error().message,
                certificate.error().advice);
  }
  return certificate;
}

net::CertificatePtr Certificates::parse(const std::string& chain, const std::string& key,
                                        const std::string& owner) const {
  if (chain.empty()) return nullptr;
  auto certificate = net::parse_certificate(chain, key);
  if (certificate) return *certificate;
  log_.warning("the certificate of {} is not used: {}", owner, certificate.error().message);
  return nullptr;
}

void Certificates::update(const tenants::SnapshotPtr& snapshot) {
  const std::lock_guard lock{changing_};
  auto table = std::make_shared<Table>();
  table->node = table_.load()->node;
  std::unordered_map<TenantId, net::CertificatePtr> by_tenant;
  for (const auto& tenant : snapshot->tenants()) {
    if (auto certificate = parse(tenant.certificate_pem, tenant.key_pem, "tenant " + tenant.name)) {
      by_tenant.emplace(tenant.id, std::move(certificate));
    }
  }
  for (const auto& domain : snapshot->domains()) {
    auto certificate = parse(domain.certificate_pem, domain.key_pem, "domain " + domain.name);
    if (const auto of_tenant = by_tenant.find(domain.tenant); !certificate && of_tenant != by_tenant.end()) {
      certificate = of_tenant->second;
    }
    if (certificate) table->by_name.emplace(domain.name, std::move(certificate));
  }
  for (const auto& address : snapshot->addresses()) {
    if (!address.tenant) continue;
    const auto of_tenant = by_tenant.find(*address.tenant);
    if (of_tenant == by_tenant.end()) continue;
    table->by_arrival.emplace(address.ip, of_tenant->second);
    if (!address.helo.empty()) table->by_name.emplace(address.helo, of_tenant->second);
  }
  table_.store(std::move(table));
}

Status Certificates::reload() {
  auto node = read_own();
  if (!node) return fail(node.error());
  const std::lock_guard lock{changing_};
  auto table = std::make_shared<Table>(*table_.load());
  table->node = *node;
  table_.store(std::move(table));
  log_.info("the node's certificate was read again: valid until {}", to_rfc3339(net::expiry_of(**node)));
  return {};
}

net::CertificatePtr Certificates::choose(std::string_view server_name, const SocketAddress& arrival) const {
  const auto table = table_.load();
  // "mail.customer.example" is served with the certificate of "customer.example" when that is what exists.
  for (std::string_view name = server_name; name.find('.') != std::string_view::npos;
       name.remove_prefix(name.find('.') + 1)) {
    if (const auto at = table->by_name.find(std::string{name}); at != table->by_name.end()) return at->second;
    if (name.size() != server_name.size()) break;
  }
  if (const auto at = table->by_arrival.find(arrival.ip); at != table->by_arrival.end()) return at->second;
  return table->node;
}

}  // namespace bulkhead::app
