// Directives that only messages answer, and deliveries that are handed out while their messages are read.

#include "tests/unit/queue/ordered_scheduler.h"

namespace bulkhead::queue {
namespace {

class Unread : public OrderedScheduler {
 protected:
  Directive by_subject(std::uint32_t number) {
    Directive made;
    made.number = number;
    made.action = DirectiveAction::kPurge;
    made.selector.subject = "offer";
    made.given_at = clock_.now();
    return made;
  }
  static Message message(const std::string& subject) {
    Message made;
    made.subject = subject;
    return made;
  }
  void read(const DeliveryKey& key, const std::string& subject) {
    const std::vector<std::uint16_t> pending{0};
    scheduler_.judge_read(key, message(subject), pending);
  }
  std::uint64_t active(std::uint32_t number) const { return scheduler_.progress(number).active; }
};

TEST_F(Unread, WhatIsHandedOutBeforeTheSweepComesIsWaitedForUntilItIsJudged) {
  const auto key = add(1, lane(1));
  set({by_subject(1)});
  ASSERT_EQ(next(lane(1)), 1);
  EXPECT_EQ(scheduler_.sweep(1000).size(), 1U) << "its message must tell";
  EXPECT_EQ(active(1), 1U);
  EXPECT_FALSE(scheduler_.withdraw(key, {}));
  EXPECT_EQ(active(1), 0U) << "it goes";
  set({by_subject(1), by_subject(2)});
  scheduler_.sweep(1000);
  EXPECT_EQ(active(1), 0U) << "which has judged it";
  EXPECT_EQ(active(2), 1U);
}

TEST_F(Unread, WhatIsHandedOutWhileTheSweepReadsItIsWaitedForWhereItIsMeant) {
  for (const std::string subject : {"an offer", "a letter"}) {
    const auto key = add(1, lane(1));
    set({by_subject(1)});
    ASSERT_EQ(scheduler_.sweep(1000), std::vector{key});
    ASSERT_EQ(next(lane(1)), 1);
    read(key, subject);
    EXPECT_EQ(active(1), subject == "an offer" ? 1U : 0U);
    scheduler_.withdraw(key, {Judgement::Kind::kPurge, 1});
    EXPECT_EQ(active(1), 0U);
    set({});
  }
}

TEST_F(Unread, WhatCameBackAndIsHandedOutAgainIsStillWaitedFor) {
  const auto key = add(1, lane(1));
  ASSERT_EQ(next(lane(1)), 1);
  set({by_subject(1)});
  scheduler_.sweep(1000);
  ASSERT_EQ(active(1), 1U);
  ASSERT_TRUE(scheduler_.put_back(key));
  EXPECT_EQ(active(1), 1U);
  ASSERT_EQ(next(lane(1)), 1);
  EXPECT_EQ(active(1), 1U);
  EXPECT_TRUE(scheduler_.withdraw(key, {Judgement::Kind::kPurge, 1}));
  EXPECT_EQ(active(1), 0U);
  EXPECT_EQ(scheduler_.progress(1).taken, 1U);
}

}  // namespace
}  // namespace bulkhead::queue
