#include "src/delivery/packing.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "src/delivery/fate.h"

namespace bulkhead::delivery {

namespace {

Packing refuse(std::string_view enhanced, std::string text) {
  Packing packing;
  packing.refusal.fate = enhanced.front() == '5' ? queue::Fate::kFailed : queue::Fate::kDeferred;
  packing.refusal.answer = own_answer(enhanced, std::move(text));
  return packing;
}

Packing refuse_unreadable(const Error& error) {
  if (error.code == ErrorCode::kCorrupt) return refuse("5.3.0", "the stored message is damaged");
  return refuse("4.3.0", "the stored message cannot be read at the moment");
}

bool is_too_large(std::uint64_t size, const smtp::ClientExtensions& offered) {
  return offered.size_max > 0 && size > offered.size_max;
}

Packing refuse_size(std::uint64_t size, const smtp::ClientExtensions& offered) {
  return refuse("5.3.4", fmt::format("the message of {} bytes is larger than the {} bytes that the server takes", size,
                                     offered.size_max));
}

smtp::ClientMail envelope_of(const queue::Message& message, const std::vector<std::uint16_t>& recipients) {
  smtp::ClientMail mail;
  mail.sender = message.sender.text();
  mail.envid = message.sender.envid;
  mail.ret = message.sender.ret;
  mail.size = message.body.length;
  mail.is_8bit = message.sender.body == mail::Body::k8BitMime;
  mail.needs_smtputf8 = message.sender.address && message.sender.address->needs_smtputf8();
  mail.recipients.reserve(recipients.size());
  for (const std::uint16_t index : recipients) {
    const mail::Recipient& recipient = message.recipients[index].recipient;
    mail.needs_smtputf8 = mail.needs_smtputf8 || recipient.address.needs_smtputf8();
    mail.recipients.push_back({recipient.address.text(), recipient.orcpt, recipient.notify});
  }
  return mail;
}

}  // namespace

Task<Packing> pack(const BodyReading& reading, queue::MessagePtr message, std::vector<std::uint16_t> recipients,
                   smtp::ClientExtensions offered) {
  if (is_too_large(message->body.length, offered)) co_return refuse_size(message->body.length, offered);
  Packing packing;
  packing.parcel = std::make_unique<Parcel>(reading, message);
  Parcel& parcel = *packing.parcel;
  parcel.mail = envelope_of(*message, recipients);
  if (parcel.mail.needs_smtputf8 && !offered.has_smtputf8) {
    co_return refuse("5.6.7", "the message has internationalised addresses, which the server does not support");
  }
  const Status prepared = co_await parcel.body.prepare();
  if (!prepared) co_return refuse_unreadable(prepared.error());
  const Status is_signed = co_await parcel.body.sign();
  if (!is_signed) co_return refuse("4.7.5", "the message cannot be signed at the moment");
  parcel.mail.size = parcel.body.size();
  if (is_too_large(parcel.mail.size, offered)) co_return refuse_size(parcel.mail.size, offered);
  if (message->sender.is_smtputf8 && offered.has_smtputf8) parcel.mail.needs_smtputf8 = true;
  if (message->sender.is_smtputf8 && !offered.has_smtputf8) {
    // Its sender declared it to be on the safe side, as many do: what counts is what the message has (RFC 6531 §3.5).
    const auto has_utf8 = co_await parcel.body.has_8bit_header();
    if (!has_utf8) co_return refuse_unreadable(has_utf8.error());
    if (*has_utf8)
      co_return refuse("5.6.7", "the message has an internationalised header, which the server does not support");
    parcel.mail.is_8bit = true;  // SMTPUTF8 lets a body be so without saying it
  }
  if (parcel.mail.is_8bit && !offered.has_8bitmime) {
    const auto has_8bit = co_await parcel.body.has_8bit();
    if (!has_8bit) co_return refuse_unreadable(has_8bit.error());
    if (*has_8bit) co_return refuse("5.6.3", "the message has 8-bit text, which the server does not support");
    parcel.mail.is_8bit = false;
  }
  co_return packing;
}

}  // namespace bulkhead::delivery
