#include "src/proto/smtp/reply.h"

#include <gtest/gtest.h>

namespace bulkhead::smtp {
namespace {

std::string wire(const Reply& reply) {
  std::string out;
  reply.append_to(out);
  return out;
}

TEST(Reply, WritesOneLine) {
  EXPECT_EQ(wire(Reply(250, "2.1.0", "ok")), "250 2.1.0 ok\r\n");
  EXPECT_EQ(wire(Reply(354, "", "go on")), "354 go on\r\n");
  EXPECT_EQ(wire(Reply()), "000 \r\n");
}

TEST(Reply, WritesContinuationLines) {
  Reply reply{250, "", "mx.example"};
  reply.lines.emplace_back("PIPELINING");
  reply.lines.emplace_back("SIZE 10");
  EXPECT_EQ(wire(reply), "250-mx.example\r\n250-PIPELINING\r\n250 SIZE 10\r\n");
  EXPECT_EQ(reply.text(), "250 mx.example PIPELINING SIZE 10");
}

TEST(Reply, LetsNoTextForgeALine) {
  EXPECT_EQ(wire(Reply(550, "5.1.1", "a\r\n250 ok\n\x7f")), "550 5.1.1 a??250 ok??\r\n");
}

TEST(Reply, CutsLinesAt512Octets) {
  EXPECT_EQ(wire(Reply(550, "5.1.1", std::string(499, 'x'))).size(), 511U);
  EXPECT_EQ(wire(Reply(550, "5.1.1", std::string(500, 'x'))).size(), 512U);
  EXPECT_EQ(wire(Reply(550, "5.1.1", std::string(501, 'x'))).size(), 512U);
}

}  // namespace
}  // namespace bulkhead::smtp
