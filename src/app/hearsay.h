// What remote servers say of DNS lists, and when it is believed.
//
// Whoever runs one server may name any zone, and a thousand of them, in his refusals. So a listing is believed when
// several sites have named the same zone for the address within a day, and people are told of few zones a day.
#pragma once

#include <chrono>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/app/named_listing.h"
#include "src/base/clock.h"

namespace bulkhead::app {

// Not thread-safe. Bounded: so many addresses, so many zones of each; the oldest make room.
class Hearsay {
 public:
  static constexpr std::size_t kSites = 3;  // that must name a zone
  static constexpr std::size_t kToldMax = 5;
  static constexpr std::size_t kZonesMax = 30;  // of an address
  static constexpr std::size_t kAddressesMax = 2000;
  static constexpr std::chrono::hours kDay{24};

  // What the words weigh; nothing when they are not new. `now` goes on steadily.
  std::optional<NamedListing::Weight> hear(const NamedListing& named, UtcTime now);

 private:
  struct Zone {
    std::string name;
    UtcTime since{};
    std::set<std::string> sites;  // kSites at most
  };
  struct Address {
    UtcTime since{};
    UtcTime told_since{};
    std::size_t told = 0;  // zones, since then
    std::vector<Zone> zones;
  };
  Address& open(const IpAddress& ip, UtcTime now);
  static void make_room(std::vector<Zone>& zones);

  std::unordered_map<IpAddress, Address> addresses_;
};

}  // namespace bulkhead::app
