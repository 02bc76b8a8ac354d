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

template <class Owner>
bool is_same_pair(const Owner& a, const Owner& b) {
  return a.certificate_pem == b.certificate_pem && a.key_pem == b.key_pem;
}

template <class Map, class Key>
net::CertificatePtr found_in(const Map& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? nullptr : found->second;
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

net::CertificatePtr Certificates::certificate_of(const tenants::Tenant& tenant, const Table& before) const {
  const auto* known = before.parsed_from == nullptr ? nullptr : before.parsed_from->tenant(tenant.id);
  return known != nullptr && is_same_pair(*known, tenant)
             ? found_in(before.of_tenant, tenant.id)
             : parse(tenant.certificate_pem, tenant.key_pem, "tenant " + tenant.name);
}

net::CertificatePtr Certificates::certificate_of(const tenants::Domain& domain, const Table& before) const {
  const auto* known = before.parsed_from == nullptr ? nullptr : before.parsed_from->domain(domain.id);
  return known != nullptr && is_same_pair(*known, domain)
             ? found_in(before.of_domain, domain.id)
             : parse(domain.certificate_pem, domain.key_pem, "domain " + domain.name);
}

void Certificates::update(const tenants::SnapshotPtr& snapshot) {
  const std::lock_guard lock{changing_};
  const auto before = table_.load();
  auto table = std::make_shared<Table>();
  table->node = before->node;
  table->parsed_from = snapshot;
  for (const auto& tenant : snapshot->tenants()) {
    if (auto certificate = certificate_of(tenant, *before)) table->of_tenant.emplace(tenant.id, std::move(certificate));
  }
  for (const auto& domain : snapshot->domains()) {
    auto certificate = certificate_of(domain, *before);
    if (certificate) table->of_domain.emplace(domain.id, certificate);
    if (!certificate) certificate = found_in(table->of_tenant, domain.tenant);
    if (certificate) table->by_name.emplace(domain.name, std::move(certificate));
  }
  for (const auto& address : snapshot->addresses()) {
    // Not by its HELO name, which the tenant may choose freely: it might be another one's.
    auto certificate = address.tenant ? found_in(table->of_tenant, *address.tenant) : nullptr;
    if (certificate) table->by_arrival.emplace(address.ip, std::move(certificate));
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
