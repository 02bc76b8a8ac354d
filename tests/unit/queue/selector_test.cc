#include "src/queue/selector.h"

#include <gtest/gtest.h>

namespace bulkhead::queue {
namespace {

TEST(SelectorFlags, AreThoseOfTheCommandLine) {
  Selector selector;
  selector.recipient_domain = "example.net";
  selector.sender = "a@example.org";
  EXPECT_EQ(flags_of(selector), "--sender a@example.org --recipient-domain example.net");
}

TEST(SelectorFlags, OfEverythingIsAll) {
  EXPECT_EQ(flags_of({}), "--all");
}

TEST(SelectorFlags, KeepAValueOneWordForAShell) {
  Selector selector;
  selector.subject = "it's $(rm -rf /) free";
  EXPECT_EQ(flags_of(selector), "--subject 'it'\\''s $(rm -rf /) free'");
}

}  // namespace
}  // namespace bulkhead::queue
