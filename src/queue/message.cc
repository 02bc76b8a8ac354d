#include "src/queue/message.h"

#include "src/queue/record_codec.h"

namespace bulkhead::queue {
namespace {

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kVersionWithoutEpoch = 1;

// Bits of the record's flags.
constexpr std::uint64_t kHasAccount = 1 << 0;
constexpr std::uint64_t kHasClientIp = 1 << 1;
constexpr std::uint64_t kHasSender = 1 << 2;
constexpr std::uint64_t kIs8BitMime = 1 << 3;
constexpr std::uint64_t kIsSmtpUtf8 = 1 << 4;
constexpr std::uint64_t kRequiresTls = 1 << 5;
constexpr std::uint64_t kRetFull = 1 << 6;
constexpr std::uint64_t kRetHeaders = 1 << 7;
constexpr std::uint64_t kIsPaced = 1 << 8;

// Bits of a recipient's flags.
constexpr std::uint8_t kIsLocal = 1 << 0;
constexpr std::uint8_t kNotifyGiven = 1 << 1;
constexpr std::uint8_t kNotifyNever = 1 << 2;
constexpr std::uint8_t kNotifySuccess = 1 << 3;
constexpr std::uint8_t kNotifyFailure = 1 << 4;
constexpr std::uint8_t kNotifyDelay = 1 << 5;
constexpr std::uint8_t kHasOrcpt = 1 << 6;

std::uint64_t flags_of(const Message& message) {
  std::uint64_t flags = 0;
  if (message.account) flags |= kHasAccount;
  if (message.client_ip) flags |= kHasClientIp;
  if (message.sender.address) flags |= kHasSender;
  if (message.sender.body == mail::Body::k8BitMime) flags |= kIs8BitMime;
  if (message.sender.is_smtputf8) flags |= kIsSmtpUtf8;
  if (message.sender.requires_tls) flags |= kRequiresTls;
  if (message.sender.ret == mail::Ret::kFull) flags |= kRetFull;
  if (message.sender.ret == mail::Ret::kHeaders) flags |= kRetHeaders;
  if (message.not_before) flags |= kIsPaced;
  return flags;
}

std::uint8_t flags_of(const QueuedRecipient& queued) {
  const auto& notify = queued.recipient.notify;
  std::uint8_t flags = 0;
  const auto set = [&flags](bool is_set, std::uint8_t bit) {
    if (is_set) flags = static_cast<std::uint8_t>(flags | bit);
  };
  set(queued.local.has_value(), kIsLocal);
  set(notify.is_given, kNotifyGiven);
  set(notify.never, kNotifyNever);
  set(notify.success, kNotifySuccess);
  set(notify.failure, kNotifyFailure);
  set(notify.delay, kNotifyDelay);
  set(!queued.recipient.orcpt.empty(), kHasOrcpt);
  return flags;
}

void write_recipient(RecordWriter& out, const QueuedRecipient& queued) {
  const std::uint8_t flags = flags_of(queued);
  out.byte(flags);
  out.text(queued.recipient.address.local);
  out.text(queued.recipient.address.domain);
  if (flags & kIsLocal) out.id(*queued.local);
  if (flags & kHasOrcpt) out.text(queued.recipient.orcpt);
}

QueuedRecipient read_recipient(RecordReader& in) {
  QueuedRecipient queued;
  const std::uint8_t flags = in.byte();
  queued.recipient.address.local = in.text();
  queued.recipient.address.domain = in.text();
  if (flags & kIsLocal) queued.local = in.id<AccountId>();
  if (flags & kHasOrcpt) queued.recipient.orcpt = in.text();
  queued.recipient.notify = {(flags & kNotifyGiven) != 0, (flags & kNotifyNever) != 0, (flags & kNotifySuccess) != 0,
                             (flags & kNotifyFailure) != 0, (flags & kNotifyDelay) != 0};
  return queued;
}

mail::Sender read_sender(RecordReader& in, std::uint64_t flags) {
  mail::Sender sender;
  if (flags & kHasSender) {
    mail::Address address;
    address.local = in.text();
    address.domain = in.text();
    sender.address = std::move(address);
  }
  sender.envid = in.text();
  if (flags & kRetFull) sender.ret = mail::Ret::kFull;
  if (flags & kRetHeaders) sender.ret = mail::Ret::kHeaders;
  if (flags & kIs8BitMime) sender.body = mail::Body::k8BitMime;
  sender.is_smtputf8 = (flags & kIsSmtpUtf8) != 0;
  sender.requires_tls = (flags & kRequiresTls) != 0;
  return sender;
}

Message read_message(RecordReader& in, std::uint8_t version) {
  Message message;
  if (version != kVersionWithoutEpoch) message.epoch = static_cast<std::uint32_t>(in.number());
  message.id = in.id<MessageId>();
  message.tenant = in.id<TenantId>();
  const std::uint64_t flags = in.number();
  if (flags & kHasAccount) message.account = in.id<AccountId>();
  message.account_name = in.text();
  if (flags & kHasClientIp) message.client_ip = in.ip();
  message.protocol = in.text();
  message.arrival.ip = in.ip();
  message.arrival.port = static_cast<std::uint16_t>(in.number());
  message.sender = read_sender(in, flags);
  message.subject = in.text();
  message.message_id = in.text();
  message.size = in.number();
  message.queued_at = in.time();
  message.expires_at = in.time();
  if (flags & kIsPaced) {
    message.not_before = in.time();
    message.wait_reason = in.text();
  }
  // The count is not trusted for an allocation: reading stops at the first impossible value.
  const std::uint64_t count = in.number();
  for (std::uint64_t i = 0; i < count && in.is_good(); ++i) message.recipients.push_back(read_recipient(in));
  return message;
}

}  // namespace

std::string Message::encode() const {
  std::string bytes;
  bytes.reserve(256 + recipients.size() * 48);
  RecordWriter out{bytes};
  out.byte(kVersion);
  out.number(epoch);
  out.id(id);
  out.id(tenant);
  out.number(flags_of(*this));
  if (account) out.id(*account);
  out.text(account_name);
  if (client_ip) out.ip(*client_ip);
  out.text(protocol);
  out.ip(arrival.ip);
  out.number(arrival.port);
  if (sender.address) {
    out.text(sender.address->local);
    out.text(sender.address->domain);
  }
  out.text(sender.envid);
  out.text(subject);
  out.text(message_id);
  out.number(size);
  out.time(queued_at);
  out.time(expires_at);
  if (not_before) {
    out.time(*not_before);
    out.text(wait_reason);
  }
  out.number(recipients.size());
  for (const auto& recipient : recipients) write_recipient(out, recipient);
  return bytes;
}

Result<Message> Message::decode(std::string_view bytes) {
  if (bytes.size() < store::BlobRef::kEncodedSize + 1) {
    return fail(ErrorCode::kCorrupt, "a queued message's record is too short");
  }
  const auto split_at = bytes.size() - store::BlobRef::kEncodedSize;
  const auto body = store::BlobRef::decode(bytes.substr(split_at));
  RecordReader in{bytes.substr(0, split_at)};
  const std::uint8_t version = in.byte();
  if (version != kVersion && version != kVersionWithoutEpoch) {
    return fail(ErrorCode::kCorrupt, "a queued message's record has the unknown version " + std::to_string(version));
  }
  Message message = read_message(in, version);
  if (!body || !in.is_good() || !in.is_at_end() || message.recipients.empty()) {
    return fail(ErrorCode::kCorrupt, "a queued message's record does not decode");
  }
  message.body = *body;
  return message;
}

}  // namespace bulkhead::queue
