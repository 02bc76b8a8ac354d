// What the command line says of an order.
#include <gtest/gtest.h>

#include "src/admin/cli/queue_arguments.h"

namespace bulkhead::admin::cli {
namespace {

TEST(OrderSentence, SaysAboutWhereAFigureMayBeOff) {
  Json held{{"deliveries", 13}, {"messages", 13}, {"accounts", 0}, {"active", 0}, {"complete", true}, {"exact", true}};
  EXPECT_EQ(order_sentence(held, "held", false), "13 deliveries of 13 messages are held");
  held["exact"] = false;
  EXPECT_EQ(order_sentence(held, "held", false), "about 13 deliveries of 13 messages are held");
}

}  // namespace
}  // namespace bulkhead::admin::cli
