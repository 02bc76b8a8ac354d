#include "src/app/reply_rules.h"

#include <fstream>

#include <gtest/gtest.h>

#include "tests/testlib/recording_log.h"
#include "tests/testlib/temporary_directory.h"

namespace bulkhead::app {
namespace {

class ReplyRulesTest : public ::testing::Test {
 protected:
  void write(const std::string& text) { std::ofstream{file_, std::ios::trunc} << text; }

  testlib::TemporaryDirectory directory_;
  testlib::RecordingLog log_;
  std::string file_ = directory_.path() + "/own.rules";
  net::BlockingPool pool_{1, 10};
  replies::RuleBook book_;
  ReplyRules rules_{file_, book_, pool_, log_};
};

TEST_F(ReplyRulesTest, TakesAChangedFileIntoForceAndRefusesAFaultyOneWhole) {
  const auto shipped = book_.current()->rules().size();
  write(std::string{replies::shipped_rules()});
  rules_.look();
  EXPECT_FALSE(rules_.is_faulty());
  EXPECT_EQ(book_.current()->rules().size(), shipped);
  const auto before = book_.current();
  write("nonsense\n");
  log_.expect("the rules are refused");
  rules_.look();
  EXPECT_TRUE(rules_.is_faulty());
  EXPECT_EQ(book_.current(), before) << "those that were in force stay";
}

TEST_F(ReplyRulesTest, NamesAllFaultsOnOneLineOfTheLog) {
  write("nonsense\nmore of it\n");
  log_.expect("fault(s); ");
  rules_.look();
}

TEST_F(ReplyRulesTest, SaysThatTheFileIsNotThereAndGoesOnWhenItIs) {
  log_.expect("cannot be opened");
  rules_.look();
  EXPECT_TRUE(rules_.is_faulty());
  write(std::string{replies::shipped_rules()});
  rules_.look();
  EXPECT_FALSE(rules_.is_faulty());
}

}  // namespace
}  // namespace bulkhead::app
