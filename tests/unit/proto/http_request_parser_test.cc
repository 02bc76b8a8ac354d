#include <gtest/gtest.h>

#include "src/proto/http/request_parser.h"

namespace bulkhead::proto::http {
namespace {

using State = RequestParser::State;

std::string get(std::string_view fields = "Host: a\r\n") {
  return "GET /api/v1/tenants?limit=2&name=a%20b+c HTTP/1.1\r\n" + std::string{fields} + "\r\n";
}

int refusal_of(std::string_view bytes, RequestLimits limits = {}) {
  RequestParser parser{limits};
  parser.feed(bytes);
  return parser.state() == State::kRefused ? parser.refusal().status : 0;
}

std::string with_length(std::size_t size) {
  return "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n";
}

TEST(RequestParser, GivesTheSameRequestWhereverTheBytesAreSplit) {
  const std::string bytes =
      "POST /a/b%2Fc?x=1 HTTP/1.1\r\nHost: a\r\nX-Long: one two\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n6;ext=1\r\n world\r\n0\r\nTrailer: t\r\n\r\n";
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    RequestParser parser;
    std::size_t used = parser.feed(std::string_view{bytes}.substr(0, split));
    used += parser.feed(std::string_view{bytes}.substr(split));
    ASSERT_EQ(used, bytes.size()) << split;
    ASSERT_EQ(parser.state(), State::kDone) << split;
    const Request request = parser.take();
    EXPECT_EQ(request.method, "POST");
    EXPECT_EQ(request.path, "/a/b%2Fc");
    EXPECT_EQ(request.body, "hello world");
    EXPECT_EQ(request.headers.size(), 3U) << "trailers are not header fields";
    EXPECT_EQ(request.header("x-long"), "one two");
    EXPECT_TRUE(request.is_keep_alive);
  }
}

TEST(RequestParser, LeavesTheNextRequestOfAPipelineToTheNextCall) {
  const std::string two = get() + with_length(3) + "abc" + get();
  RequestParser parser;
  std::size_t used = parser.feed(two);
  EXPECT_EQ(used, get().size());
  EXPECT_EQ(parser.take().query[1].second, "a b c");
  used += parser.feed(std::string_view{two}.substr(used));
  EXPECT_EQ(parser.take().body, "abc");
  used += parser.feed(std::string_view{two}.substr(used));
  EXPECT_EQ(used, two.size());
  EXPECT_EQ(parser.take().method, "GET");
  EXPECT_EQ(parser.state(), State::kStart);
}

TEST(RequestParser, RefusesWhatTwoPartiesCouldFrameDifferently) {
  const std::string post = "POST /x HTTP/1.1\r\nHost: a\r\n";
  EXPECT_EQ(refusal_of(post + "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(post + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400);
  EXPECT_EQ(refusal_of(post + "Content-Length: 3, 3\r\n\r\nabc"), 400);
  EXPECT_EQ(refusal_of(post + "Content-Length: -1\r\n\r\nabc"), 400);
  EXPECT_EQ(refusal_of(post + "Content-Length: 99999999999999999999\r\n\r\nabc"), 400);
  EXPECT_NE(refusal_of(post + "Transfer-Encoding: gzip\r\n\r\n"), 0);
  EXPECT_NE(refusal_of(post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 0);
  EXPECT_NE(refusal_of(post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 0);
  EXPECT_NE(refusal_of(post + "Content-Length : 3\r\n\r\nabc"), 0);
  EXPECT_EQ(refusal_of(post + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n"), 400);
}

TEST(RequestParser, RefusesWhatIsNotHttp) {
  EXPECT_EQ(refusal_of("EHLO client.example\r\n"), 400);
  EXPECT_EQ(refusal_of(std::string("\x16\x03\x01\x02\x00", 5)), 400);
  EXPECT_EQ(refusal_of("GET / HTTP/2.0\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(refusal_of("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"), 405);
  EXPECT_EQ(refusal_of("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(get("")), 400) << "HTTP/1.1 needs Host";
  EXPECT_EQ(refusal_of(get("Host: a\r\nHost: b\r\n")), 400);
  EXPECT_EQ(refusal_of("GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n"), 400);
  EXPECT_EQ(refusal_of(get("Host: a\r\nExpect: miracle\r\n")), 417);
}

TEST(RequestParser, BoundsTheHeadExactly) {
  const RequestLimits limits{.head_size_max = 200};
  const auto request_of = [](std::size_t size) {
    const std::size_t rest = size - get("Host: a\r\nX: \r\n").size();
    return get("Host: a\r\nX: " + std::string(rest, 'x') + "\r\n");
  };
  EXPECT_EQ(refusal_of(request_of(199), limits), 0);
  EXPECT_EQ(refusal_of(request_of(200), limits), 0);
  EXPECT_EQ(refusal_of(request_of(201), limits), 431);
  EXPECT_EQ(refusal_of("GET /" + std::string(100'000, 'a'), RequestLimits{}), 431);
}

TEST(RequestParser, BoundsTheNumberOfFields) {
  const RequestLimits limits{.header_count_max = 3};
  EXPECT_EQ(refusal_of(get("Host: a\r\nA: 1\r\n"), limits), 0);
  EXPECT_EQ(refusal_of(get("Host: a\r\nA: 1\r\nB:\r\n"), limits), 0);
  EXPECT_EQ(refusal_of(get("Host: a\r\nA: 1\r\nB:\r\nC: 1\r\n"), limits), 431);
}

TEST(RequestParser, BoundsTheBodyBeforeItComes) {
  const RequestLimits limits{.body_size_max = 4};
  EXPECT_EQ(refusal_of(with_length(4) + "abcd", limits), 0);
  EXPECT_EQ(refusal_of(with_length(5), limits), 413);
  const std::string chunked = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  EXPECT_EQ(refusal_of(chunked + "4\r\nabcd\r\n0\r\n\r\n", limits), 0);
  EXPECT_EQ(refusal_of(chunked + "4\r\nabcd\r\n1\r\ne\r\n", limits), 413);
}

TEST(RequestParser, TellsOnceThatThePeerWaitsForContinue) {
  RequestParser parser;
  parser.feed("POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 1\r\n\r\n");
  EXPECT_EQ(parser.state(), State::kBody);
  EXPECT_TRUE(parser.take_expects_continue());
  EXPECT_FALSE(parser.take_expects_continue());
  parser.feed("x");
  EXPECT_EQ(parser.take().body, "x");
}

TEST(RequestParser, IgnoresAnOfferToUpgrade) {
  RequestParser parser;
  parser.feed(get("Host: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n"));
  EXPECT_EQ(parser.state(), State::kDone);
}

TEST(RequestParser, KeepsTheConnectionAsThePeerWants) {
  const auto keeps = [](std::string_view bytes) {
    RequestParser parser;
    parser.feed(bytes);
    return parser.take().is_keep_alive;
  };
  EXPECT_TRUE(keeps(get()));
  EXPECT_FALSE(keeps(get("Host: a\r\nConnection: close\r\n")));
  EXPECT_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
}

TEST(PercentEncoding, ComesBackAsItWas) {
  const std::string text = "user+tag@domain.example/ü%\r\n";
  EXPECT_EQ(percent_decode(percent_encode(text)), text);
  EXPECT_FALSE(percent_decode("%"));
  EXPECT_FALSE(percent_decode("%0"));
  EXPECT_FALSE(percent_decode("%gg"));
  EXPECT_FALSE(percent_decode("%00"));
}

TEST(Query, IsBounded) {
  std::string text = "a=1";
  for (int i = 1; i < 100; ++i) text += "&a=1";
  EXPECT_TRUE(parse_query(text));
  EXPECT_FALSE(parse_query(text + "&a=1"));
}

}  // namespace
}  // namespace bulkhead::proto::http
