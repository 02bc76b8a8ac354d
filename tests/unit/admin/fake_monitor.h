// Lists and readiness in memory, as the API sees them: one list has the addresses 192.0.2.1 to 192.0.2.4.
#pragma once

#include "src/admin/monitor.h"

namespace bulkhead::admin {

class FakeMonitor final : public Monitor {
 public:
  std::vector<listings::ListingView> listings() const override {
    std::vector<listings::ListingView> found;
    for (const char* ip : {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"}) {
      listings::ListingView listing;
      listing.subject = listings::Subject::of(*IpAddress::parse(ip));
      listing.zone = "bl.example";
      found.push_back(std::move(listing));
    }
    return found;
  }
  std::vector<listings::ListingView> listings_of(const listings::Subject& subject) const override {
    auto found = listings();
    std::erase_if(found, [&](const auto& listing) { return !(listing.subject == subject); });
    return found;
  }
  std::vector<listings::ZoneView> zones() const override { return zones_; }
  Task<Result<std::vector<ZoneAnswer>>> ask_zones(net::Shard&, listings::Subject subject) override {
    const bool is_listed = !listings_of(subject).empty();
    std::vector<ZoneAnswer> answers;
    answers.push_back({"bl.example", is_listed ? "listed" : "clear", is_listed ? "127.0.0.2" : "", ""});
    co_return answers;
  }
  std::optional<netpolicy::ReadinessView> readiness(const listings::Subject&) const override { return std::nullopt; }
  Status set_ready(const IpAddress& ip, bool is_ready) override {
    if (!refusal) return refusal;
    orders.emplace_back(ip, is_ready);
    return {};
  }

  std::vector<std::pair<IpAddress, bool>> orders;
  Status refusal;  // what set_ready() answers, unless it is fine

 private:
  std::vector<listings::ZoneView> zones_{1};
};

}  // namespace bulkhead::admin
