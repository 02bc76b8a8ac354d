#include "src/webhook/url.h"

#include <gtest/gtest.h>

namespace bulkhead::webhook {
namespace {

TEST(WebhookUrl, OfATenantIsHttpsToAPublicHost) {
  EXPECT_TRUE(check_url("https://panel.acme.net/hooks?x=1", Owner::kTenant));
  EXPECT_TRUE(check_url("https://8.8.8.8:8443/", Owner::kTenant));
  EXPECT_TRUE(check_url("https://panel.acme.net:443/", Owner::kTenant));
  EXPECT_TRUE(check_url("https://panel.acme.net:1024/", Owner::kTenant));
  for (const char* url : {"http://panel.acme.net/", "ftp://panel.acme.net/", "file:///etc/passwd", "panel.acme.net", "",
                          "https://", "https://user:secret@panel.acme.net/", "https://127.0.0.1/", "https://10.1.2.3/",
                          "https://[::1]/", "https://[fe80::1]/", "https://[::ffff:10.0.0.1]/",
                          "https://169.254.169.254/latest", "https://a b/", "https://panel.acme.net/\r\nX: y",
                          "HTTPS://127.0.0.1/", "https://mx.acme.net:25/", "https://panel.acme.net:1023/"}) {
    EXPECT_FALSE(check_url(url, Owner::kTenant)) << url;
  }
}

TEST(WebhookUrl, OfTheOperatorMayLeadAnywhereByHttp) {
  EXPECT_TRUE(check_url("http://127.0.0.1:9000/x", Owner::kOperator));
  EXPECT_TRUE(check_url("https://panel.internal/", Owner::kOperator));
  EXPECT_FALSE(check_url("file:///etc/passwd", Owner::kOperator));
}

TEST(WebhookUrl, HasAtMost2000Characters) {
  const std::string start = "https://panel.acme.net/";
  EXPECT_TRUE(check_url(start + std::string(2000 - start.size(), 'x'), Owner::kTenant));
  EXPECT_FALSE(check_url(start + std::string(2001 - start.size(), 'x'), Owner::kTenant));
}

TEST(WebhookUrl, NoTenantReachesAnInnerAddress) {
  for (const char* ip : {"127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
                         "0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fd00::1", "ff02::1",
                         "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1"}) {
    EXPECT_FALSE(may_connect(*IpAddress::parse(ip))) << ip;
  }
  EXPECT_TRUE(may_connect(*IpAddress::parse("8.8.8.8")));
  EXPECT_TRUE(may_connect(*IpAddress::parse("2a00:1450::1")));
}

}  // namespace
}  // namespace bulkhead::webhook
