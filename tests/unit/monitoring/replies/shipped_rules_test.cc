#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "monitoring/replies/rule_book.h"
#include "monitoring/replies/rule_set.h"
#include "monitoring/replies/words.h"

namespace bulkhead::replies {
namespace {

std::shared_ptr<const RuleSet> shipped() {
  static const auto set = RuleSet::parse(shipped_rules());
  if (!set) {
    for (const auto& fault : set.error()) ADD_FAILURE() << "monitoring/replies/shipped.rules: " << fault.text();
    return nullptr;
  }
  return *set;
}

struct Row {
  int line = 0;
  std::string provider, classes, text;
  int code = 0;
};

std::vector<Row> corpus() {
  std::vector<Row> rows;
  std::ifstream file{std::string{BULKHEAD_SOURCE_DIR} + "/tests/unit/monitoring/replies/corpus.txt"};
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    if (line.empty() || line.front() == '#') continue;
    const auto first = line.find(" | "), second = line.find(" | ", first + 3);
    std::string_view reply{line};
    reply.remove_prefix(second + 3);
    const std::string provider = line.substr(0, first);
    Row row{number, provider == "-" ? "" : provider, line.substr(first + 3, second - first - 3), {}, 0};
    row.code = parse_code(take_word(reply)).value_or(0);
    row.text = std::string{reply};
    rows.push_back(row);
  }
  return rows;
}

std::string names_of(const Classification& meaning) {
  if (!meaning.is_known()) return "unknown";
  std::string out{to_string(meaning.primary)};
  for (int i = 0; i < kReplyClasses; ++i) {
    const auto each = static_cast<ReplyClass>(i);
    if (each != meaning.primary && meaning.classes.has(each)) out += " " + std::string{to_string(each)};
  }
  return out;
}

Classification classify(std::string_view provider, int code, std::string_view text) {
  return shipped() ? shipped()->classify({provider, Stage::kEndOfData, code, {}, text}) : Classification{};
}

TEST(ShippedRules, AreWithoutFault) {
  ASSERT_NE(shipped(), nullptr);
  EXPECT_GT(shipped()->rules().size(), 100U);
}

TEST(ShippedRules, ReadEveryReplyOfTheCorpusAsItSays) {
  ASSERT_NE(shipped(), nullptr);
  const auto rows = corpus();
  ASSERT_GT(rows.size(), 180U);
  for (const auto& row : rows) {
    ASSERT_NE(row.code, 0) << "corpus.txt:" << row.line;
    const auto meaning = classify(row.provider, row.code, row.text);
    EXPECT_EQ(names_of(meaning), row.classes) << "corpus.txt:" << row.line << " by rule " << meaning.rule << "\n"
                                              << row.text;
  }
}

TEST(ShippedRules, BlameNoAddressForWhatIsNotItsFault) {
  ASSERT_NE(shipped(), nullptr);
  for (const auto& row : corpus()) {
    const auto meaning = classify(row.provider, row.code, row.text);
    const bool is_for_address =
        meaning.classes.has(ReplyClass::kAddressReputation) || meaning.primary == ReplyClass::kConnections;
    const bool is_for_others = meaning.primary == ReplyClass::kReceiver || meaning.primary == ReplyClass::kRecipient ||
                               meaning.primary == ReplyClass::kContent || meaning.primary == ReplyClass::kPolicy ||
                               meaning.primary == ReplyClass::kDomainReputation;
    EXPECT_TRUE(is_for_address || is_for_others || meaning.fault != Fault::kMessage || meaning.detail == "outbound")
        << row.text;
    if (is_for_address) {
      EXPECT_EQ(meaning.fault, Fault::kAddress) << row.text;
    } else if (is_for_others) {
      EXPECT_NE(meaning.fault, Fault::kAddress) << row.text;
    }
  }
}

TEST(ShippedRules, OverrideTheBasicCodeWhereItLies) {
  EXPECT_EQ(classify("qq", 550, "Ip frequency limited").disposition, Disposition::kDefer);
  EXPECT_EQ(classify("yahoo", 421, "4.7.1 [TS03] All messages from 192.0.2.9 will be permanently deferred").disposition,
            Disposition::kFail);
  EXPECT_EQ(classify("google", 550, "5.1.1 does not exist").disposition, Disposition::kAsCode);
}

TEST(ShippedRules, TellTheLaneWhatToDo) {
  EXPECT_EQ(classify("yahoo", 421, "Max message per connection reached, closing").pace, Pace::kReconnect);
  EXPECT_EQ(classify("", 421, "4.7.0 Too many connections from 192.0.2.9").pace, Pace::kFewerConnections);
  EXPECT_EQ(classify("apple", 421, "4.7.1 Messages to x deferred due to excessive volume").pace, Pace::kSlowDown);
  EXPECT_EQ(classify("yahoo", 421, "[TS01] deferred due to user complaints").pace, Pace::kPause);
  EXPECT_EQ(classify("", 550, "5.1.1 no such user").pace, Pace::kUnchanged);
}

TEST(ShippedRules, ExtractAddressZoneLinkAndTime) {
  auto meaning = classify("", 554,
                          "5.7.1 Service unavailable; Client host [192.0.2.9] blocked using zen.spamhaus.org; "
                          "https://www.spamhaus.org/query/ip/192.0.2.9");
  EXPECT_EQ(meaning.carried.address, IpAddress::parse("192.0.2.9"));
  EXPECT_EQ(meaning.carried.zone, "zen.spamhaus.org");
  EXPECT_EQ(meaning.carried.link, "https://www.spamhaus.org/query/ip/192.0.2.9");
  meaning = classify("yahoo", 421,
                     "4.7.0 [TS01] Messages from 192.0.2.9 temporarily deferred - 4.16.55.1; see https://x.example/");
  EXPECT_EQ(meaning.carried.address, IpAddress::parse("192.0.2.9"));
  EXPECT_EQ(classify("yahoo", 421, "4.7.0 [TS01] Messages temporarily deferred - 4.16.55.1").carried.address,
            std::nullopt);
  EXPECT_EQ(classify("", 450, "4.7.1 greylisted, please try again in 5 minutes").carried.retry_after,
            std::chrono::minutes{5});
  EXPECT_EQ(classify("att", 553, "5.3.0 DNSBL:ATTRBL 521< 192.0.2.9 >_is_blocked.").carried.address,
            IpAddress::parse("192.0.2.9"));
  EXPECT_EQ(classify("yahoo", 553, "5.7.1 [BL21] Connections refused").carried.zone, "zen.spamhaus.org");
  EXPECT_EQ(classify("", 554, "5.7.1 Client host [2001:db8::9] blocked using b.barracudacentral.org").carried.address,
            IpAddress::parse("2001:db8::9"));
}

TEST(ShippedRules, TellUnknownUsersFromOtherTroubleOfARecipient) {
  EXPECT_EQ(classify("", 550, "5.1.1 <x@a.example>: Recipient address rejected: User unknown").detail, "unknown-user");
  EXPECT_EQ(classify("", 552, "5.2.2 mailbox full").detail, "over-quota");
  EXPECT_EQ(classify("", 550, "5.2.1 mailbox disabled").detail, "disabled");
  EXPECT_FALSE(classify("", 550, "nope").is_known());
}

TEST(ShippedRules, AreCheapAReply) {
  ASSERT_NE(shipped(), nullptr);
  const auto rows = corpus();
  constexpr int kRounds = 20;
  const auto begin = std::chrono::steady_clock::now();
  std::size_t known = 0;
  for (int i = 0; i < kRounds; ++i) {
    for (const auto& row : rows) known += classify(row.provider, row.code, row.text).is_known() ? 1U : 0U;
  }
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - begin;
  const double each = took.count() / static_cast<double>(rows.size() * kRounds);
  EXPECT_EQ(known, rows.size() * kRounds);
  RecordProperty("microseconds_a_reply", std::to_string(each));
  EXPECT_LT(each, 1000.0) << "microseconds a reply, generous for a loaded machine";
}

}  // namespace
}  // namespace bulkhead::replies
