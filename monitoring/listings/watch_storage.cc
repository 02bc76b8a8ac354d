// What a Watch keeps over a restart: the listings that are believed.
//
// A row: version, time of the first sight in microseconds (little-endian), codes of four octets each. Its key: the
// zone's name, a line feed, the subject.

#include <cstring>

#include "monitoring/listings/watch.h"

namespace bulkhead::listings {

namespace {

constexpr char kVersion = 1;
constexpr std::size_t kHead = 1 + 8;

std::string encode(const ListingView& listing) {
  std::string value(1, kVersion);
  auto since = static_cast<std::uint64_t>(listing.since.time_since_epoch().count());
  for (int i = 0; i < 8; ++i, since >>= 8U) value += static_cast<char>(since & 0xFFU);
  for (const auto& code : listing.codes) value += code.bytes();
  return value;
}

bool decode(std::string_view value, UtcTime& since, std::vector<IpAddress>& codes) {
  if (value.size() < kHead || value[0] != kVersion || (value.size() - kHead) % 4 != 0) return false;
  if (value.size() > kHead + 4 * Judgement::kCodesMax) return false;
  std::uint64_t number = 0;
  for (std::size_t i = 8; i > 0; --i) number = number << 8U | static_cast<unsigned char>(value[i]);
  since = UtcTime{std::chrono::microseconds{static_cast<std::int64_t>(number)}};
  for (auto at = kHead; at < value.size(); at += 4) {
    std::array<std::uint8_t, 4> bytes{};
    std::memcpy(bytes.data(), value.data() + at, 4);
    codes.push_back(IpAddress::v4(bytes));
  }
  return true;
}

}  // namespace

std::string Watch::row_key(const Half& half, Slot slot) const {
  return zone_of(half).name + '\n' + subjects_[slot].text();
}

std::vector<StoredListing> Watch::take_changes() {
  std::vector<StoredListing> rows;
  if (changed_.empty()) return rows;
  std::map<std::string, ListingView> present;
  for (auto& listing : listings()) {
    auto key = listing.zone + '\n' + listing.subject.text();
    if (changed_.contains(key)) present.emplace(std::move(key), std::move(listing));
  }
  for (const auto& key : changed_) {
    const auto listing = present.find(key);
    rows.push_back({key, listing == present.end() ? std::string{} : encode(listing->second)});
  }
  changed_.clear();
  return rows;
}

bool Watch::restore(std::string_view key, std::string_view value) {
  Listing listing;
  listing.is_believed = true;
  if (!decode(value, listing.since, listing.codes)) return false;
  const auto end = key.find('\n');
  if (end == std::string_view::npos) return false;
  const auto ip = IpAddress::parse(key.substr(end + 1));
  const auto slot = slots_.find(ip ? Subject::of(*ip) : Subject::of(std::string{key.substr(end + 1)}));
  if (slot == slots_.end()) return false;
  for (auto& half : halves_) {
    const bool is_meant = zone_of(half).name == key.substr(0, end) && half.pairs.size() > slot->second &&
                          half.pairs[slot->second].is_watched;
    if (!is_meant) continue;
    half.listings[slot->second] = std::move(listing);
    return true;
  }
  return false;
}

}  // namespace bulkhead::listings
