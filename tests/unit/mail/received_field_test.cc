#include "src/mail/received_field.h"

#include <gtest/gtest.h>

namespace bulkhead::mail {
namespace {

Trail example() {
  return {.helo = "client.example",
          .client = *IpAddress::parse("192.0.2.7"),
          .node = "mx1.example",
          .arrival = *IpAddress::parse("2001:db8::25"),
          .protocol = "ESMTP",
          .tls = {},
          .id = *MessageId::parse("01ARZ3NDEKTSV4RRFFQ69G5FAV"),
          .recipient = {},
          .at = *parse_rfc3339("2026-11-23T01:02:03Z")};
}

TEST(ReceivedField, TellsWhoWhereAndWhen) {
  EXPECT_EQ(received_field(example()),
            "Received: from client.example ([192.0.2.7])\r\n\tby mx1.example ([IPv6:2001:db8::25])\r\n"
            "\twith ESMTP id 01ARZ3NDEKTSV4RRFFQ69G5FAV;\r\n\tMon, 23 Nov 2026 01:02:03 +0000\r\n");
}

TEST(ReceivedField, NamesTlsAndTheOnlyRecipient) {
  auto trail = example();
  trail.protocol = with_protocol({.is_extended = true, .is_smtputf8 = false, .is_tls = true, .is_authenticated = true});
  trail.tls = "TLSv1.3 TLS_AES_256_GCM_SHA384";
  trail.recipient = "anna@example.com";
  const auto field = received_field(trail);
  EXPECT_NE(field.find("\twith ESMTPSA (TLSv1.3 TLS_AES_256_GCM_SHA384) id "), std::string::npos);
  EXPECT_NE(field.find("\r\n\tfor <anna@example.com>;\r\n"), std::string::npos);
}

TEST(ReceivedField, LetsThePeerForgeNothing) {
  auto trail = example();
  trail.helo = "a)\r\nX-Evil: (b; by \"c\"";
  EXPECT_EQ(received_field(trail).find("Received: from a???X-Evil:??b??by??c? (["), 0U);
  trail.helo = "";
  EXPECT_EQ(received_field(trail).find("Received: from unknown (["), 0U);
}

TEST(ReceivedField, NamesTheProtocolByItsExtensions) {
  EXPECT_EQ(with_protocol({}), "SMTP");
  EXPECT_EQ(with_protocol({.is_extended = true}), "ESMTP");
  EXPECT_EQ(with_protocol({.is_extended = true, .is_tls = true}), "ESMTPS");
  EXPECT_EQ(with_protocol({.is_extended = true, .is_smtputf8 = true, .is_tls = true}), "UTF8SMTPS");
}

}  // namespace
}  // namespace bulkhead::mail
