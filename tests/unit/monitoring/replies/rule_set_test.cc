#include "monitoring/replies/rule_set.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "monitoring/replies/rule_book.h"
#include "monitoring/replies/rule_reader.h"
#include "monitoring/replies/rule_tally.h"

namespace bulkhead::replies {
namespace {

constexpr std::string_view kSmall = R"(
provider big
  mx .big.example
rule big-rate
  from big
  text slow (?:down|up)
  class rate rep-ip
  match 421 please slow down
  differs 421 please speed up
rule any-listed
  text listed by (?P<zone>[a-z.]+) for (?P<retry>\d+) (?P<unit>minutes|hours)
  class rep-ip
  match 550 listed by bl.example.org for 2 hours
  differs 550 not listed
)";

std::string faults_of(std::string_view text) {
  const auto set = RuleSet::parse(text);
  std::string out;
  if (set) return "accepted";
  for (const auto& fault : set.error()) out += fault.text() + "\n";
  return out;
}

std::string with_rule(std::string_view lines) {
  return std::string{kSmall} + "rule new-one\n" + std::string{lines};
}

void expect_refused(const std::string& text, std::string_view why) {
  EXPECT_NE(faults_of(text).find(why), std::string::npos) << faults_of(text);
}

std::shared_ptr<const RuleSet> small() {
  return RuleSet::parse(kSmall).value();
}

TEST(RuleSet, DecidesByTheFirstRuleThatFits) {
  const auto meaning = small()->classify({"big", Stage::kRcpt, 421, "4.7.0", "Please SLOW\r\ndown now"});
  EXPECT_EQ(meaning.rule, "big-rate");
  EXPECT_EQ(meaning.primary, ReplyClass::kRate);
  EXPECT_TRUE(meaning.classes.has(ReplyClass::kAddressReputation));
  EXPECT_EQ(meaning.fault, Fault::kAddress);
  EXPECT_EQ(meaning.pace, Pace::kSlowDown);
}

TEST(RuleSet, KeepsAProvidersRulesToItsReplies) {
  EXPECT_FALSE(small()->classify({"", Stage::kRcpt, 421, {}, "please slow down"}).is_known());
  EXPECT_FALSE(small()->classify({"other", Stage::kRcpt, 421, {}, "please slow down"}).is_known());
  EXPECT_TRUE(small()->classify({"other", Stage::kRcpt, 550, {}, "listed by bl.example.org for 2 hours"}).is_known());
}

TEST(RuleSet, TakesWhatItsGroupsCapture) {
  const auto meaning = small()->classify({"", Stage::kRcpt, 550, {}, "listed by bl.example.org for 2 hours"});
  EXPECT_EQ(meaning.carried.zone, "bl.example.org");
  EXPECT_EQ(meaning.carried.retry_after, std::chrono::hours{2});
}

TEST(RuleSet, SurvivesHostileText) {
  std::string text(1U << 20, 'a');
  EXPECT_FALSE(small()->classify({"big", Stage::kRcpt, 550, {}, text}).is_known());
  text.assign(1U << 20, '\0');
  EXPECT_FALSE(small()->classify({"big", Stage::kRcpt, 550, text, text}).is_known());
  text = "\xff\xfe slow \x01\x7f\r\n\tdown \xc0\x80";
  EXPECT_TRUE(small()->classify({"big", Stage::kRcpt, 421, {}, text}).is_known());
  EXPECT_FALSE(small()->classify({"big", Stage::kRcpt, -1, "9999999999.1.1", "?"}).is_known());
}

TEST(RuleSet, LooksAtABoundedPartOfTheText) {
  std::string text(kTextSizeMax - 9, 'x');
  EXPECT_TRUE(small()->classify({"big", Stage::kRcpt, 421, {}, text + "slow down"}).is_known());
  EXPECT_FALSE(small()->classify({"big", Stage::kRcpt, 421, {}, text + "xslow down"}).is_known());
}

TEST(RuleSet, FitsStageCodeAndEnhancedCode) {
  const auto set = RuleSet::parse(R"(
rule only-codes
  stage mail rcpt
  code 450-452 5xx
  enhanced 4.7.500-699 *.1.1 none
  class temp
  match {- rcpt} 451 4.7.500 x
  match {- mail} 599 5.1.1 x
  match 452 x
  differs {- data} 451 4.7.500 x
  differs {- rcpt} 451 4.7.499 x
  differs {- rcpt} 451 4.7.700 x
  differs {- rcpt} 449 4.7.500 x
  differs {- rcpt} 453 4.7.500 x
)");
  ASSERT_TRUE(set.has_value()) << set.error().front().text();
  EXPECT_TRUE((*set)->classify({"", Stage::kRcpt, 451, "4.7.699", "whatever"}).is_known());
  EXPECT_FALSE((*set)->classify({"", Stage::kRcpt, 451, "4.7.1000", "whatever"}).rule.empty());
  EXPECT_TRUE((*set)->classify({"", Stage::kRcpt, 451, "4.7.7", "whatever"}).rule.empty());
}

TEST(RuleSet, CountsRulesInShadowWithoutActingOnThem) {
  const auto set =
      RuleSet::parse(with_rule("  shadow\n  text slow\n  class grey\n  match 450 slow\n  differs 450 fast\n"));
  ASSERT_TRUE(set.has_value()) << set.error().front().text();
  const auto meaning = (*set)->classify({"", Stage::kRcpt, 450, {}, "slow"});
  EXPECT_FALSE(meaning.is_known());
  EXPECT_EQ(meaning.shadow, std::vector<std::string>{"new-one"});
  RuleTally tally;
  tally.add(meaning);
  tally.add((*set)->classify({"big", Stage::kRcpt, 421, {}, "slow down"}));
  EXPECT_EQ(tally.counts().at("new-one").shadowed, 1U);
  EXPECT_EQ(tally.counts().at("new-one").decided, 0U);
  EXPECT_EQ(tally.counts().at("big-rate").decided, 1U);
}

TEST(RuleLinter, RefusesUnknownProvidersClassesAndKeys) {
  expect_refused(with_rule("  from nobody\n  text abc\n  class rate\n  match {-} 450 abc\n  differs 450 x\n"),
                 "line 15: rule new-one: there is no provider nobody");
  expect_refused(with_rule("  text abc\n  class rates\n"), "line 17: there is no class 'rates'");
  expect_refused(with_rule("  texts abc\n"), "line 16: a rule has no 'texts'");
  expect_refused(with_rule("  text abc\n  match 450 abc\n"), "line 15: rule new-one has no class");
  expect_refused(with_rule("  detail odd\n"), "there is no detail 'odd'");
  expect_refused(with_rule("  do dance\n"), "'dance' is not right");
  expect_refused("text abc\n", "line 1: 'text' stands before");
}

TEST(RuleLinter, RefusesRulesWithoutFixtures) {
  expect_refused(with_rule("  text abc\n  class rate\n  differs 450 x\n"), "new-one has no reply that matches");
  expect_refused(with_rule("  text abc\n  class rate\n  match 450 abc\n"), "new-one has no reply that differs");
}

TEST(RuleLinter, RefusesRulesThatDoNotDecideTheirFixtures) {
  expect_refused(
      with_rule("  text listed by\n  class rate\n  match 550 listed by bl.example.org for 2 hours\n  differs 450 x\n"),
      "line 18: rule new-one does not get this: rule any-listed comes before it");
  expect_refused(with_rule("  text abc\n  class rate\n  match 550 abd\n  differs 450 x\n"),
                 "line 18: rule new-one does not match");
  expect_refused(with_rule("  text abc\n  class rate\n  match 550 abc\n  differs 450 xabc\n"),
                 "line 19: rule new-one matches this, and must not");
}

TEST(RuleLinter, RefusesExpensiveAndSenselessPatterns) {
  const std::string rest = "\n  class rate\n  match 450 abc\n  differs 450 x\n";
  expect_refused(with_rule("  text (?:a{1,99}b{1,99}){1,9}" + rest), "expensive");
  expect_refused(with_rule("  text a.*b.*c.*d.*e.*f.*g.*h" + rest), "expensive");
  expect_refused(with_rule("  text .*abc" + rest), "only costs time");
  expect_refused(with_rule("  text (?:abc)?" + rest), "matches a reply without text");
  expect_refused(with_rule("  text (abc" + rest), "the pattern is not right");
  expect_refused(with_rule("  text (?P<name>abc)" + rest), "the group 'name' means nothing");
  expect_refused(with_rule("  text " + std::string(1001, 'a') + rest), "at most 1000");
  expect_refused(with_rule("  class rate\n  match 450 abc\n"), "fits every reply");
}

TEST(RuleLinter, RefusesNamesThatAreUsedTwice) {
  expect_refused(std::string{kSmall} + "provider big\n  mx .a.example\n", "provider big stands here a second time");
  expect_refused(std::string{kSmall} + "rule big-rate\n  code 450\n  class rate\n",
                 "rule big-rate stands here a second time");
}

TEST(RuleLinter, ReportsABoundedNumberOfFaults) {
  std::string text;
  for (int i = 0; i < 200; ++i) text += "nonsense\n";
  const auto set = RuleSet::parse(text);
  ASSERT_FALSE(set.has_value());
  EXPECT_EQ(set.error().size(), kFaultsMax);
  EXPECT_FALSE(RuleSet::parse(std::string(kRuleFileSizeMax + 1, '\n')).has_value());
  EXPECT_FALSE(RuleSet::parse("rule \x01\n").has_value());
}

TEST(RuleSetForm, AFileWithoutARuleIsRefused) {
  for (const std::string_view text : {"", "\n", "# nothing\n", "provider big\n  mx .big.example\n"}) {
    const auto set = RuleSet::parse(text);
    ASSERT_FALSE(set.has_value()) << text;
    EXPECT_NE(set.error().front().text().find("there is no rule in the file"), std::string::npos);
  }
}

TEST(RuleBook, KeepsWhatIsInForceWhenNewRulesAreRefused) {
  RuleBook book;
  const auto shipped = book.current();
  const auto refused = book.replace("rule x\n");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_NE(refused.error().message.find("line 1: rule x has no class"), std::string::npos) << refused.error().message;
  EXPECT_EQ(book.current(), shipped);
  EXPECT_TRUE(book.replace(kSmall).has_value());
  EXPECT_EQ(book.current()->rules().size(), 2U);
  EXPECT_GT(shipped->rules().size(), 100U) << "a reader keeps what it took";
}

}  // namespace
}  // namespace bulkhead::replies
