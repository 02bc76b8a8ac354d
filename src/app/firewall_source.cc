#include "src/app/firewall_source.h"

#include <unistd.h>

#include "src/app/privileges.h"

namespace bulkhead::app {

namespace {

constexpr std::uint16_t kSmtpPort = 25;

std::string file_of(const Configuration& configuration) {
  return configuration.node.data + "/directory.sqlite";
}

}  // namespace

FirewallSource::FirewallSource(const Configuration& configuration) : configuration_(configuration) {
  settings_.ports = {kSmtpPort, configuration.delivery.port};
  settings_.has_marks = configuration.firewall.marks;
}

Result<std::unique_ptr<FirewallSource>> FirewallSource::open(const Configuration& configuration) {
  const std::string file = file_of(configuration);
  if (::access(file.c_str(), F_OK) != 0) {
    return fail(ErrorCode::kNotFound, "there is no directory at " + file, "start the server once; it makes one");
  }
  std::unique_ptr<FirewallSource> source{new FirewallSource{configuration}};
  const auto uid = server_uid(configuration.node.user, configuration.node.data);
  if (!uid) return fail(uid.error());
  source->settings_.uid = *uid;
  {
    const OwnerRights rights{file};
    auto directory = tenants::open_sqlite_directory(file, source->clock_, source->random_);
    if (!directory) return fail(directory.error());
    source->directory_ = std::move(*directory);
  }
  if (auto read = source->refresh(); !read) return fail(read.error());
  return source;
}

Result<std::uint64_t> FirewallSource::version() {
  const OwnerRights rights{file_of(configuration_)};
  return directory_->snapshot_version();
}

Status FirewallSource::refresh() {
  const OwnerRights rights{file_of(configuration_)};
  auto rows = directory_->snapshot_rows();
  if (!rows) return fail(rows.error());
  snapshot_ = std::make_unique<tenants::Snapshot>(std::move(*rows), std::vector<tenants::Account>{});
  return {};
}

netpolicy::FirewallPlan FirewallSource::plan() const {
  return netpolicy::plan_firewall(*snapshot_, settings_);
}

}  // namespace bulkhead::app
