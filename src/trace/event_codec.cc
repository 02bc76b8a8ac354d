#include "src/trace/event_codec.h"

#include <algorithm>
#include <array>

#include "src/trace/wire.h"

namespace bulkhead::trace {

namespace {

constexpr std::uint8_t kVersion = 1;

// The presence bits, in the order of the fields on disk. A new field takes the next bit.
enum Bit : unsigned {
  kId,
  kTenant,
  kAccount,
  kAccountName,
  kClientIp,
  kArrival,
  kSource,
  kRemote,
  kProtocol,
  kSender,
  kRecipients,
  kMessageIdHeader,
  kSubject,
  kSize,
  kFolder,
  kUid,
  kRule,
  kVerdict,
  kReply,
  kTls,
  kUser,
  kDetail,
  kSite,
  kBitCount
};

struct TextField {
  Bit bit;
  std::string Event::*field;
};
constexpr std::array<TextField, 14> kTexts{{{kAccountName, &Event::account_name},
                                            {kRemote, &Event::remote},
                                            {kProtocol, &Event::protocol},
                                            {kSender, &Event::sender},
                                            {kMessageIdHeader, &Event::message_id},
                                            {kSubject, &Event::subject},
                                            {kFolder, &Event::folder},
                                            {kRule, &Event::rule},
                                            {kVerdict, &Event::verdict},
                                            {kReply, &Event::reply},
                                            {kTls, &Event::tls},
                                            {kUser, &Event::user},
                                            {kDetail, &Event::detail},
                                            {kSite, &Event::site}}};

std::uint64_t presence_of(const Event& event) {
  std::uint64_t bits = 0;
  const auto set = [&bits](Bit bit, bool is_present) { bits |= static_cast<std::uint64_t>(is_present) << bit; };
  set(kId, !event.id.is_nil());
  set(kTenant, !event.tenant.is_nil());
  set(kAccount, event.account.has_value());
  set(kClientIp, event.client_ip.has_value());
  set(kArrival, event.arrival.has_value());
  set(kSource, event.source.has_value());
  set(kRecipients, !event.recipients.empty());
  set(kSize, event.size != 0);
  set(kUid, event.uid != 0);
  for (const auto& text : kTexts) set(text.bit, !(event.*text.field).empty());
  return bits;
}

void append_recipients(std::string& out, const std::vector<std::string>& recipients) {
  const auto count = std::min(recipients.size(), kRecipientsMax);
  append_varint(out, count);
  for (std::size_t i = 0; i < count; ++i) append_text(out, std::string_view{recipients[i]}.substr(0, kTextSizeMax));
}

void append_ip(std::string& out, const IpAddress& ip) {
  append_text(out, ip.bytes());
}

template <class IdType>
IdType read_id(WireReader& reader) {
  return IdType::from_bytes(reader.bytes(16));
}

// Nothing unless it is 4 or 16 bytes, and in the form in which IpAddress itself would keep them.
std::optional<IpAddress> read_ip(WireReader& reader) {
  const auto bytes = reader.text();
  std::array<std::uint8_t, 16> raw{};
  std::copy_n(bytes.begin(), std::min(bytes.size(), raw.size()), raw.begin());
  if (bytes.size() == 4) return IpAddress::v4({raw[0], raw[1], raw[2], raw[3]});
  if (bytes.size() != 16) return std::nullopt;
  return IpAddress::v6(raw);
}

bool read_recipients(WireReader& reader, std::vector<std::string>& recipients) {
  const auto count = reader.varint();
  if (reader.is_bad() || count > kRecipientsMax || count > reader.left()) return false;
  recipients.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto recipient = reader.text();
    if (recipient.size() > kTextSizeMax) return false;
    recipients.emplace_back(recipient);
  }
  return !reader.is_bad();
}

// Reads the field of one bit that holds no text.
bool read_value(WireReader& reader, unsigned bit, Event& event) {
  switch (bit) {
    case kId:
      event.id = read_id<MessageId>(reader);
      return true;
    case kTenant:
      event.tenant = read_id<TenantId>(reader);
      return true;
    case kAccount:
      event.account = read_id<AccountId>(reader);
      return true;
    case kClientIp:
      return (event.client_ip = read_ip(reader)).has_value();
    case kSource:
      return (event.source = read_ip(reader)).has_value();
    case kArrival: {
      const auto ip = read_ip(reader);
      if (ip) event.arrival = SocketAddress{*ip, reader.fixed<std::uint16_t>()};
      return ip.has_value();
    }
    case kRecipients:
      return read_recipients(reader, event.recipients);
    case kSize:
      event.size = reader.varint();
      return true;
    case kUid: {
      const auto uid = reader.varint();
      event.uid = static_cast<std::uint32_t>(uid);
      return uid <= 0xFFFFFFFF;
    }
    default:
      return false;
  }
}

bool read_field(WireReader& reader, unsigned bit, Event& event) {
  const auto text = std::find_if(kTexts.begin(), kTexts.end(), [bit](const auto& known) { return known.bit == bit; });
  if (text == kTexts.end()) return read_value(reader, bit, event);
  const auto value = reader.text();
  event.*(text->field) = value;
  return value.size() <= kTextSizeMax;
}

void append_value(std::string& out, unsigned bit, const Event& event) {
  switch (bit) {
    case kId:
      out.append(event.id.bytes());
      return;
    case kTenant:
      out.append(event.tenant.bytes());
      return;
    case kAccount:
      out.append(event.account->bytes());
      return;
    case kClientIp:
      return append_ip(out, *event.client_ip);
    case kSource:
      return append_ip(out, *event.source);
    case kArrival:
      append_ip(out, event.arrival->ip);
      return append_fixed(out, event.arrival->port);
    case kRecipients:
      return append_recipients(out, event.recipients);
    case kSize:
      return append_varint(out, event.size);
    default:
      return append_varint(out, event.uid);
  }
}

}  // namespace

void append_event(std::string& out, const Event& event, UtcTime base) {
  const std::uint64_t bits = presence_of(event);
  out.push_back(static_cast<char>(kVersion));
  append_signed(out, (event.at - base).count());
  out.push_back(static_cast<char>(event.kind));
  append_varint(out, bits);
  for (unsigned bit = 0; bit < kBitCount; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    const auto text = std::find_if(kTexts.begin(), kTexts.end(), [bit](const auto& known) { return known.bit == bit; });
    if (text == kTexts.end()) {
      append_value(out, bit, event);
    } else {
      append_text(out, std::string_view{event.*(text->field)}.substr(0, kTextSizeMax));
    }
  }
}

Result<Event> decode_event(std::string_view bytes, UtcTime base) {
  WireReader reader{bytes};
  if (reader.fixed<std::uint8_t>() != kVersion) return fail(ErrorCode::kCorrupt, "an event has an unknown version");
  Event event;
  // Unsigned, because a damaged distance must not overflow.
  event.at = UtcTime{
      std::chrono::microseconds{static_cast<std::int64_t>(static_cast<std::uint64_t>(base.time_since_epoch().count()) +
                                                          static_cast<std::uint64_t>(reader.signed_varint()))}};
  event.kind = static_cast<EventKind>(reader.fixed<std::uint8_t>());
  const auto bits = reader.varint();
  if (reader.is_bad() || bits >> kBitCount != 0) return fail(ErrorCode::kCorrupt, "an event has unknown fields");
  for (unsigned bit = 0; bit < kBitCount; ++bit) {
    if ((bits >> bit & 1) == 0) continue;
    if (!read_field(reader, bit, event) || reader.is_bad()) return fail(ErrorCode::kCorrupt, "an event is damaged");
  }
  if (!reader.is_at_end()) return fail(ErrorCode::kCorrupt, "an event is followed by foreign bytes");
  return event;
}

}  // namespace bulkhead::trace
