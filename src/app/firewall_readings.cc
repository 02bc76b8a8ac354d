#include "src/app/firewall_readings.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <span>

#include <nlohmann/json.hpp>
#include <unistd.h>

namespace bulkhead::app {

using monitoring::Metric;
using monitoring::Metrics;

namespace {

using Json = nlohmann::json;

constexpr std::size_t kFileSizeMax = 256U << 10U;
constexpr std::size_t kTenantsMax = 100;
constexpr std::chrono::seconds kAgeMax{60};

std::string file_of(const std::string& data) {
  return data + "/firewall.readings";
}

double number(std::uint64_t value) {
  return static_cast<double>(value);
}

}  // namespace

std::string readings_text(const FirewallReadings& readings) {
  Json tenants = Json::array();
  for (const auto& each : std::span{readings.tenants}.first(std::min(kTenantsMax, readings.tenants.size()))) {
    tenants.push_back({{"tenant", each.tenant}, {"packets", each.traffic.packets}, {"bytes", each.traffic.bytes}});
  }
  const Json json{{"at", to_rfc3339(readings.at)},
                  {"refused_users", readings.refused_users},
                  {"refused_addresses", readings.refused_addresses},
                  {"repairs", readings.repairs},
                  {"tenants", tenants}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::optional<FirewallReadings> parse_readings(std::string_view text) {
  const Json json = Json::parse(text, nullptr, false);
  if (!json.is_object()) return std::nullopt;
  try {
    FirewallReadings readings;
    const auto at = parse_rfc3339(json.at("at").get<std::string>());
    if (!at) return std::nullopt;
    readings.at = *at;
    readings.refused_users = json.at("refused_users").get<std::uint64_t>();
    readings.refused_addresses = json.at("refused_addresses").get<std::uint64_t>();
    readings.repairs = json.at("repairs").get<std::uint64_t>();
    for (const auto& each : json.at("tenants")) {
      readings.tenants.push_back({each.at("tenant").get<std::string>(),
                                  {each.at("packets").get<std::uint64_t>(), each.at("bytes").get<std::uint64_t>()}});
    }
    return readings;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

Status write_readings(const std::string& data, const FirewallReadings& readings) {
  const std::string file = file_of(data);
  const std::string fresh = file + ".new";
  {
    std::ofstream stream{fresh, std::ios::binary | std::ios::trunc};
    stream << readings_text(readings);
    if (!stream.flush()) return fail(ErrorCode::kIo, "cannot write " + fresh);
  }
  if (::rename(fresh.c_str(), file.c_str()) != 0) return fail(system_error("rename", file, errno));
  return {};
}

std::optional<FirewallReadings> read_readings(const std::string& data) {
  std::ifstream stream{file_of(data), std::ios::binary};
  if (!stream) return std::nullopt;
  std::string text(kFileSizeMax, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  return parse_readings(text);
}

void provide_firewall_readings(Metrics& metrics, const std::string& data, const Clock& clock) {
  using Use = std::function<void(const FirewallReadings&, const Metrics::Emit&)>;
  const auto provide = [&metrics, &clock, data](Metric metric, Use use) {
    metrics.provide(metric, [&clock, data, use = std::move(use)](const Metrics::Emit& emit) {
      const auto readings = read_readings(data);
      if (readings && clock.now() - readings->at <= kAgeMax) use(*readings, emit);
    });
  };
  metrics.provide(Metric::kFirewallReadingAge, [&clock, data](const Metrics::Emit& emit) {
    const auto readings = read_readings(data);
    if (readings) emit({}, std::chrono::duration<double>(clock.now() - readings->at).count());
  });
  provide(Metric::kFirewallRefused, [](const auto& readings, const auto& emit) {
    emit({"user"}, number(readings.refused_users));
    emit({"address"}, number(readings.refused_addresses));
  });
  provide(Metric::kFirewallRepairs, [](const auto& readings, const auto& emit) { emit({}, number(readings.repairs)); });
  const auto provide_traffic = [&](Metric metric, std::uint64_t netpolicy::Traffic::*which) {
    provide(metric, [which](const auto& readings, const auto& emit) {
      for (const auto& each : readings.tenants) {
        emit({each.tenant.empty() ? "shared" : each.tenant}, number(each.traffic.*which));
      }
    });
  };
  provide_traffic(Metric::kFirewallTenantPackets, &netpolicy::Traffic::packets);
  provide_traffic(Metric::kFirewallTenantBytes, &netpolicy::Traffic::bytes);
}

}  // namespace bulkhead::app
