#include "src/queue/records.h"

#include <gtest/gtest.h>

#include "src/base/random.h"
#include "src/queue/grouping.h"
#include "src/queue/hot_messages.h"
#include "src/queue/listing.h"
#include "src/queue/retry.h"

namespace bulkhead::queue {
namespace {

Message full_message() {
  Message message;
  message.id = MessageId::from_bytes("0123456789abcdef");
  message.tenant = TenantId::from_bytes("tenant-000000001");
  message.account = AccountId::from_bytes("account-00000001");
  message.account_name = "user@from.test";
  message.client_ip = IpAddress::parse("2001:db8::1");
  message.protocol = "submission";
  message.arrival = *SocketAddress::parse("192.0.2.7:587");
  message.sender.address = mail::Address{"user", "from.test"};
  message.sender.envid = "id 1";
  message.sender.ret = mail::Ret::kFull;
  message.sender.body = mail::Body::k8BitMime;
  message.sender.is_smtputf8 = true;
  QueuedRecipient remote;
  remote.recipient.address = {"a", "to.test"};
  remote.recipient.orcpt = "rfc822;a@to.test";
  remote.recipient.notify = {true, false, true, true, false};
  QueuedRecipient local;
  local.recipient.address = {"b", "ours.test"};
  local.local = AccountId::from_bytes("account-00000002");
  message.recipients = {remote, local};
  message.subject = "Subject \xC3\xBC";
  message.message_id = "<1@from.test>";
  message.size = 123456789;
  message.queued_at = UtcTime{std::chrono::microseconds{1767225600123456}};
  message.expires_at = message.queued_at + std::chrono::hours{120};
  return message;
}

std::string stored(const Message& message, const store::BlobRef& body) {
  std::string bytes = message.encode();
  body.append_to(bytes);
  return bytes;
}

TEST(MessageRecord, ComesBackAsItWas) {
  const Message message = full_message();
  const store::BlobRef body{3, 4096, 123456789, true};
  const auto decoded = Message::decode(stored(message, body));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->encode(), message.encode());
  EXPECT_EQ(decoded->body, body);
  EXPECT_EQ(decoded->client_ip, message.client_ip);
  EXPECT_EQ(decoded->arrival, message.arrival);
  EXPECT_EQ(decoded->sender.text(), "user@from.test");
  EXPECT_EQ(decoded->sender.ret, mail::Ret::kFull);
  EXPECT_TRUE(decoded->sender.is_smtputf8);
  EXPECT_TRUE(decoded->recipients[0].recipient.notify.success);
  EXPECT_FALSE(decoded->recipients[0].recipient.notify.delay);
  EXPECT_EQ(decoded->recipients[1].local, message.recipients[1].local);
  EXPECT_EQ(decoded->queued_at, message.queued_at);
  EXPECT_EQ(decoded->expires_at, message.expires_at);
}

TEST(MessageRecord, KeepsWhenPacedMailMayGo) {
  Message message = full_message();
  EXPECT_EQ(Message::decode(stored(message, {}))->not_before, std::nullopt);
  message.not_before = message.queued_at + std::chrono::minutes{5};
  message.wait_reason = "limit of 60/1h messages of account user@from.test";
  const auto decoded = Message::decode(stored(message, {}));
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->not_before, message.not_before);
  EXPECT_EQ(decoded->wait_reason, message.wait_reason);
  EXPECT_EQ(decoded->recipients.size(), 2U);
}

TEST(MessageRecord, NoCutAndNoOtherVersionDecodes) {
  const std::string bytes = stored(full_message(), {1, 2, 3, false});
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Message::decode(std::string_view{bytes}.substr(0, size))) << size;
  }
  std::string newer = bytes;
  newer[0] = 3;
  EXPECT_FALSE(Message::decode(newer));
}

TEST(MessageRecord, ARecordOfBeforeThereWereDirectivesIsBeforeAllOfThem) {
  Message message = full_message();
  message.epoch = 5;
  std::string bytes = stored(message, {1, 2, 3, false});
  EXPECT_EQ(Message::decode(bytes)->epoch, 5U);
  ASSERT_EQ(bytes[1], 5) << "the epoch stands behind the version";
  bytes.erase(1, 1);
  bytes[0] = 1;
  const auto decoded = Message::decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->epoch, 0U);
  EXPECT_EQ(decoded->id, message.id);
}

TEST(DirectiveRecord, SurvivesTheStoreAndNoCutDecodes) {
  Directive directive;
  directive.number = 70000;
  directive.action = DirectiveAction::kPurge;
  directive.and_future = true;
  directive.given_at = UtcTime{std::chrono::seconds{1767225600}};
  directive.by = "root";
  directive.deliveries = 100000;
  directive.selector.tenant = TenantId::from_bytes("tenant-000000001");
  directive.selector.account_id = AccountId::from_bytes("account-00000001");
  directive.selector.client_ip = IpAddress::parse("2001:db8::7");
  directive.selector.older_than = std::chrono::hours{3};
  directive.selector.account = "bad@x.test";
  directive.selector.subject = "lottery";
  const std::string bytes = directive.encode();
  const auto decoded = Directive::decode(bytes);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->number, directive.number);
  EXPECT_EQ(decoded->action, directive.action);
  EXPECT_TRUE(decoded->and_future);
  EXPECT_FALSE(decoded->reports_to_all);
  EXPECT_EQ(decoded->given_at, directive.given_at);
  EXPECT_EQ(decoded->deliveries, 100000U);
  EXPECT_EQ(text_of(decoded->selector), text_of(directive.selector));
  EXPECT_EQ(decoded->selector.client_ip, directive.selector.client_ip);
  EXPECT_EQ(decoded->selector.account_id, directive.selector.account_id);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Directive::decode(std::string_view{bytes}.substr(0, size))) << size;
  }
}

TEST(MessageRecord, DamagedBytesNeverCrashTheReader) {
  const std::string bytes = stored(full_message(), {1, 2, 3, false});
  SeededRandom random{5};
  for (int i = 0; i < 20000; ++i) {
    std::string damaged = bytes;
    for (int n = 0; n < 3; ++n) damaged[random.below(damaged.size())] = static_cast<char>(random.below(256));
    (void)Message::decode(damaged).has_value();
    (void)DeliveryRecord::decode(damaged).has_value();
  }
}

TEST(DeliveryRecord, ComesBackAsItWas) {
  DeliveryRecord record;
  record.attempts = 300;
  record.next_attempt = UtcTime{std::chrono::seconds{1767225600}};
  record.is_warned = true;
  record.remote = "mx.to.test[192.0.2.1]:25";
  record.recipients = {{0, Fate::kDelivered, {250, "2.0.0", "ok"}}, {700, Fate::kDeferred, {451, "", "later"}}};
  const auto decoded = DeliveryRecord::decode(record.encode());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->encode(), record.encode());
  EXPECT_EQ(decoded->pending(), std::vector<std::uint16_t>{700});
  EXPECT_TRUE(decoded->has_stored());
}

TEST(QueueKeys, OfOneMessageStandTogetherAndParseBack) {
  const MessageId id = MessageId::from_bytes("0123456789abcde\xFF");
  for (const std::uint16_t index : {std::uint16_t{0}, std::uint16_t{255}, std::uint16_t{256}, std::uint16_t{65535}}) {
    const DeliveryKey key{id, index};
    EXPECT_EQ(parse_delivery_key(delivery_key(key)), key);
    EXPECT_EQ(parse_delivery_text(key.text()), key);
    EXPECT_LT(delivery_key(key), past_message('d', id));
  }
  EXPECT_FALSE(parse_delivery_key("d123"));
  for (const char* text : {"", "/", "01J/0", "0123456789ABCDEFGHJKMNPQRS", "0123456789ABCDEFGHJKMNPQRS/", "x/1"}) {
    EXPECT_FALSE(parse_delivery_text(text)) << text;
  }
}

TEST(Grouping, IsByDomainAndByAccountAndTheSameAfterARestart) {
  Message message = full_message();
  message.recipients.push_back(message.recipients[0]);
  message.recipients.push_back(message.recipients[1]);
  const auto groups = group_recipients(message);
  ASSERT_EQ(groups.size(), 2U);
  EXPECT_EQ(groups[0].recipients, (std::vector<std::uint16_t>{0, 2}));
  EXPECT_EQ(groups[1].recipients, (std::vector<std::uint16_t>{1, 3}));
  for (const auto& group : groups) EXPECT_EQ(group_at(message, group.index).recipients, group.recipients);
  EXPECT_EQ(body_holders(message), 2U) << "the record and one account";
}

TEST(Retry, GrowsStaysWithinTheJitterAndHonoursTheRemote) {
  const RetryPolicy policy;
  SeededRandom random{1};
  for (std::uint32_t attempt = 1; attempt < 50; ++attempt) {
    const auto interval = policy.intervals[std::min<std::size_t>(attempt - 1, policy.intervals.size() - 1)];
    const auto delay = retry_delay(policy, attempt, std::nullopt, random);
    EXPECT_GE(delay, interval * 8 / 10);
    EXPECT_LE(delay, interval * 12 / 10);
  }
  using std::chrono::hours;
  EXPECT_GE(retry_delay(policy, 1, hours{3}, random), hours{3});
  EXPECT_GE(retry_delay(policy, 1, std::chrono::seconds{-5}, random), std::chrono::minutes{5});
  EXPECT_LE(retry_delay(policy, 1, hours{100000}, random), retry_delay_max(policy));
}

TEST(HotMessages, ForgetsTheOneUnusedForLongest) {
  HotMessages hot{10000};
  std::vector<MessagePtr> messages;
  for (int i = 0; i < 100; ++i) {
    Message message = full_message();
    message.id = MessageId::from_bytes("message-" + std::to_string(10000000 + i));
    messages.push_back(std::make_shared<const Message>(std::move(message)));
    hot.put(messages.back());
    EXPECT_LE(hot.bytes(), 10000U);
    EXPECT_TRUE(hot.get(messages.front()->id)) << "used all the time";
  }
  EXPECT_FALSE(hot.get(messages[1]->id));
  hot.remove(messages.front()->id);
  EXPECT_FALSE(hot.peek(messages.front()->id));
}

TEST(DeliveryRecord, KnowsWhatWasReadAndIsKeptByNobody) {
  DeliveryRecord record;
  RecipientState state;
  state.fate = Fate::kDelivered;
  state.is_consumed = true;
  record.recipients = {state};
  const auto decoded = DeliveryRecord::decode(record.encode());
  ASSERT_TRUE(decoded);
  EXPECT_EQ(decoded->recipients[0].fate, Fate::kDelivered);
  EXPECT_TRUE(decoded->recipients[0].is_consumed);
  EXPECT_FALSE(decoded->has_stored());
}

}  // namespace
}  // namespace bulkhead::queue
