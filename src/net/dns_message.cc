#include "src/net/dns_message.h"

#include <algorithm>

#include <ares.h>

namespace bulkhead::net {

namespace {

constexpr std::uint16_t kCname = 5;
constexpr std::uint16_t kSoa = 6;
constexpr std::uint16_t kInternet = 1;
constexpr std::size_t kMxMax = 100;
constexpr std::size_t kAddressesMax = 50;
constexpr std::size_t kTextsMax = 50;
constexpr std::size_t kTextSizeMax = 16384;
constexpr int kCnamesMax = 16;

class Reader {
 public:
  explicit Reader(std::string_view bytes) : bytes_(bytes) {}

  bool has(std::size_t size) const { return bytes_.size() - position_ >= size; }
  std::size_t position() const { return position_; }
  bool skip(std::size_t size) {
    if (!has(size)) return false;
    position_ += size;
    return true;
  }
  std::optional<std::uint16_t> u16() {
    if (!has(2)) return std::nullopt;
    const auto high = static_cast<unsigned char>(bytes_[position_]);
    const auto low = static_cast<unsigned char>(bytes_[position_ + 1]);
    position_ += 2;
    return static_cast<std::uint16_t>(high << 8 | low);
  }
  std::optional<std::uint32_t> u32() {
    const auto high = u16();
    const auto low = u16();
    if (!high || !low) return std::nullopt;
    return static_cast<std::uint32_t>(*high) << 16 | *low;
  }
  // A possibly compressed name in lower case; c-ares refuses pointers that loop.
  std::optional<std::string> name() {
    const auto* start = reinterpret_cast<const unsigned char*>(bytes_.data());
    char* text = nullptr;
    long size = 0;
    if (!has(1) ||
        ares_expand_name(start + position_, start, static_cast<int>(bytes_.size()), &text, &size) != ARES_SUCCESS) {
      return std::nullopt;
    }
    std::string out = text;
    ares_free_string(text);
    position_ += static_cast<std::size_t>(size);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return out;
  }

 private:
  std::string_view bytes_;
  std::size_t position_ = 0;
};

struct Record {
  std::string owner;
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;
  std::size_t begin = 0;  // of its data within the message
  std::size_t size = 0;
};

std::optional<Record> read_record(Reader& reader) {
  Record record;
  auto owner = reader.name();
  const auto type = reader.u16();
  const auto record_class = reader.u16();
  const auto ttl = reader.u32();
  const auto size = reader.u16();
  if (!owner || !type || !record_class || !ttl || !size) return std::nullopt;
  record.owner = std::move(*owner);
  record.type = *record_class == kInternet ? *type : std::uint16_t{0};
  // RFC 2181 §8: a TTL with the top bit set is zero.
  record.ttl = *ttl > 0x7FFFFFFF ? 0 : *ttl;
  record.begin = reader.position();
  record.size = *size;
  if (!reader.skip(record.size)) return std::nullopt;
  return record;
}

// The name that a record's data hold after `offset`, and nothing else after it.
std::optional<std::string> name_in(const Record& record, std::string_view bytes, std::size_t offset = 0) {
  Reader reader{bytes};
  if (record.size <= offset || !reader.skip(record.begin + offset)) return std::nullopt;
  auto name = reader.name();
  if (reader.position() != record.begin + record.size) return std::nullopt;
  return name;
}

// What a host may be called, "_" included, because it occurs. Everything else could only do harm further on.
bool is_host_name(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
  });
}

std::optional<std::string> joined_text(std::string_view data) {
  std::string out;
  while (!data.empty()) {
    const auto size = static_cast<unsigned char>(data.front());
    if (data.size() <= size) return std::nullopt;
    out += data.substr(1, size);
    data.remove_prefix(size + 1U);
  }
  return out;
}

// Adds the record to the answer; false when its data are malformed. An unusable record is left out.
bool add_record(const Record& record, std::string_view bytes, RecordType type, DnsAnswer& out) {
  const auto data = bytes.substr(record.begin, record.size);
  switch (type) {
    case RecordType::kA: {
      std::array<std::uint8_t, 4> ip{};
      if (data.size() != ip.size()) return false;
      std::copy(data.begin(), data.end(), ip.begin());
      if (out.addresses.size() < kAddressesMax) out.addresses.push_back(IpAddress::v4(ip));
      return true;
    }
    case RecordType::kAaaa: {
      std::array<std::uint8_t, 16> ip{};
      if (data.size() != ip.size()) return false;
      std::copy(data.begin(), data.end(), ip.begin());
      const auto address = IpAddress::v6(ip);
      // An IPv4-mapped address in an AAAA record would change the family that was asked for.
      if (address.family() == Family::kIpv6 && out.addresses.size() < kAddressesMax) out.addresses.push_back(address);
      return true;
    }
    case RecordType::kMx: {
      const auto preference = Reader{data}.u16();
      auto exchange = name_in(record, bytes, sizeof(std::uint16_t));
      if (!preference || !exchange) return false;
      const bool is_usable = is_host_name(*exchange);
      out.has_unusable_mx = out.has_unusable_mx || !is_usable;
      if (out.mx.size() < kMxMax && is_usable) out.mx.push_back({*preference, std::move(*exchange)});
      return true;
    }
    case RecordType::kTxt: {
      auto text = joined_text(data);
      if (!text) return false;
      if (out.texts.size() < kTextsMax && text->size() <= kTextSizeMax) out.texts.push_back(std::move(*text));
      return true;
    }
    case RecordType::kPtr: {
      auto host = name_in(record, bytes);
      if (!host) return false;
      if (out.texts.size() < kTextsMax && is_host_name(*host)) out.texts.push_back(std::move(*host));
      return true;
    }
  }
  return false;
}

std::chrono::seconds seconds_of(std::uint32_t ttl) {
  return std::chrono::seconds{ttl};
}

// RFC 2308 §5: the lesser of the SOA's own TTL and its MINIMUM field, which is its last.
std::optional<std::chrono::seconds> negative_ttl_of(const Record& soa, std::string_view bytes) {
  constexpr std::size_t kNumbers = 20;
  if (soa.size < kNumbers) return std::nullopt;
  Reader reader{bytes};
  if (!reader.skip(soa.begin + soa.size - 4)) return std::nullopt;
  return seconds_of(std::min(soa.ttl, reader.u32().value_or(0)));
}

// Where the CNAMEs of the answer lead from `name`; notes their TTL.
std::optional<std::string> follow_aliases(const std::vector<Record>& records, std::string_view bytes, std::string name,
                                          DnsMessage& out) {
  for (int i = 0; i < kCnamesMax; ++i) {
    const auto alias = std::find_if(records.begin(), records.end(),
                                    [&](const Record& r) { return r.type == kCname && r.owner == name; });
    if (alias == records.end()) return name;
    auto target = name_in(*alias, bytes);
    if (!target) return std::nullopt;
    out.ttl = std::min(out.ttl.value_or(seconds_of(alias->ttl)), seconds_of(alias->ttl));
    name = std::move(*target);
  }
  return std::nullopt;
}

struct Sections {
  std::vector<Record> answer;
  std::optional<Record> soa;
};

std::optional<Sections> read_sections(std::string_view bytes) {
  Reader reader{bytes};
  if (!reader.skip(4)) return std::nullopt;
  const auto questions = reader.u16();
  const auto answers = reader.u16();
  const auto authorities = reader.u16();
  if (!questions || !answers || !authorities || !reader.skip(2)) return std::nullopt;
  for (int i = 0; i < *questions; ++i) {
    if (!reader.name() || !reader.skip(4)) return std::nullopt;
  }
  // The counts are the sender's; the records are bounded by the 64 KiB of a message.
  Sections out;
  for (int i = 0; i < *answers; ++i) {
    auto record = read_record(reader);
    if (!record) return std::nullopt;
    out.answer.push_back(std::move(*record));
  }
  for (int i = 0; i < *authorities; ++i) {
    auto record = read_record(reader);
    if (!record) return std::nullopt;
    if (record->type == kSoa) out.soa = std::move(record);
  }
  return out;
}

}  // namespace

std::optional<DnsMessage> parse_dns_message(std::string_view bytes, std::string_view name, RecordType type) {
  const auto sections = read_sections(bytes);
  if (!sections) return std::nullopt;
  DnsMessage out;
  if (sections->soa) out.negative_ttl = negative_ttl_of(*sections->soa, bytes);
  const auto owner = follow_aliases(sections->answer, bytes, std::string{name}, out);
  if (!owner) return std::nullopt;
  for (const Record& record : sections->answer) {
    if (record.type != static_cast<std::uint16_t>(type) || record.owner != *owner) continue;
    if (!add_record(record, bytes, type, out.answer)) return std::nullopt;
    out.ttl = std::min(out.ttl.value_or(seconds_of(record.ttl)), seconds_of(record.ttl));
  }
  return out;
}

}  // namespace bulkhead::net
