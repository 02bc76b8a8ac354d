#include <gtest/gtest.h>

#include "src/proto/http/response.h"

namespace bulkhead::proto::http {
namespace {

TEST(Response, StatesItsLength) {
  Response response{.status = 404, .content_type = "application/json", .headers = {}, .body = "{}"};
  EXPECT_EQ(
      encode_head(response, Connection::kClose, BodyFraming::kLength),
      "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n");
}

TEST(Response, HasNoLengthWithoutContent) {
  EXPECT_EQ(encode_head(Response{.status = 204, .content_type = {}, .headers = {}, .body = {}}, Connection::kKeepAlive,
                        BodyFraming::kLength),
            "HTTP/1.1 204 No Content\r\n\r\n");
}

TEST(Response, LetsNobodyAddFields) {
  Response response{.status = 200, .content_type = {}, .headers = {{"X", "a\r\nEvil: 1"}}, .body = {}};
  const auto head = encode_head(response, Connection::kKeepAlive, BodyFraming::kChunked);
  EXPECT_NE(head.find("X: a  Evil: 1\r\n"), std::string::npos);
}

TEST(Chunk, EndsWithAnEmptyOne) {
  EXPECT_EQ(encode_chunk(std::string(17, 'a')), "11\r\n" + std::string(17, 'a') + "\r\n");
  EXPECT_EQ(encode_chunk(""), "0\r\n\r\n");
}

}  // namespace
}  // namespace bulkhead::proto::http
