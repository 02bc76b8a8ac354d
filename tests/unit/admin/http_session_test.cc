// The loop of one connection, over a stream that gives what the test wrote down.
#include "src/admin/http_session.h"

#include <cstring>
#include <deque>

#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"
#include "tests/testlib/shard_runner.h"

namespace bulkhead::admin {
namespace {

class ScriptedStream final : public net::Stream {
 public:
  explicit ScriptedStream(std::deque<std::string> segments) : segments_(std::move(segments)) {
    std::erase_if(segments_, [](const std::string& segment) { return segment.empty(); });  // they would mean the end
  }

  Task<Result<std::size_t>> read_some(std::span<char> buffer, std::chrono::milliseconds timeout) override {
    last_timeout = timeout;
    if (segments_.empty()) {
      if (times_out) co_return fail(ErrorCode::kTimeout, "the script has ended");
      co_return std::size_t{0};
    }
    auto& segment = segments_.front();
    const auto size = std::min(buffer.size(), segment.size());
    std::memcpy(buffer.data(), segment.data(), size);
    segment.erase(0, size);
    if (segment.empty()) segments_.pop_front();
    co_return size;
  }
  Task<Status> write_all(std::string_view bytes, std::chrono::milliseconds) override {
    written += bytes;
    co_return Status{};
  }
  Task<Status> write_all(std::span<const std::string_view> pieces, std::chrono::milliseconds) override {
    for (const auto piece : pieces) written += piece;
    co_return Status{};
  }
  Task<Status> start_tls_server(const net::TlsServerContexts&, std::chrono::milliseconds) override {
    co_return Status{};
  }
  Task<Status> start_tls_client(const net::TlsClientPolicy&, std::chrono::milliseconds) override { co_return Status{}; }
  const net::TlsSession* tls() const override { return nullptr; }
  SocketAddress local() const override { return {}; }
  SocketAddress remote() const override { return {}; }
  bool is_readable_now() const override { return !segments_.empty(); }
  void cancel() override {}
  void close() override { is_closed = true; }

  std::string written;
  bool is_closed = false;
  bool times_out = false;
  std::chrono::milliseconds last_timeout{0};

 private:
  std::deque<std::string> segments_;
};

class TwoPieces final : public BodySource {
 public:
  explicit TwoPieces(bool breaks) : breaks_(breaks) {}
  Task<Result<std::string>> next() override {
    ++count_;
    if (count_ == 2 && breaks_) co_return fail(ErrorCode::kIo, "broken");
    co_return count_ < 3 ? std::string(static_cast<std::size_t>(count_), 'x') : std::string{};
  }

 private:
  bool breaks_;
  int count_ = 0;
};

class Echo final : public HttpHandler {
 public:
  Task<HttpReply> handle(HttpContext&, proto::http::Request request) override {
    HttpReply reply;
    reply.response.body = request.method + request.path + request.body;
    if (request.path.starts_with("/stream"))
      reply.stream = std::make_unique<TwoPieces>(request.path == "/stream/broken");
    co_return reply;
  }
};

class HttpSessionLoop : public ::testing::Test {
 protected:
  std::string serve(std::deque<std::string> segments, HttpSessionOptions options = {}) {
    ScriptedStream stream{std::move(segments)};
    stream.times_out = times_out_;
    HttpContext context{runner_.shard(), runner_.group(), clock_, std::nullopt, {}};
    Echo handler;
    runner_.run(serve_http(stream, context, handler, options));
    EXPECT_TRUE(stream.is_closed);
    last_timeout_ = stream.last_timeout;
    return stream.written;
  }
  static std::string ok(const std::string& body, const std::string& fields = "") {
    return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + fields + "\r\n" + body;
  }

  testlib::ManualClock clock_;
  testlib::ShardRunner runner_;
  bool times_out_ = false;
  std::chrono::milliseconds last_timeout_{0};
};

TEST_F(HttpSessionLoop, AnswersAPipelineInOrderHoweverItIsSplit) {
  const std::string bytes =
      "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
      "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"
      "GET /c HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
      "GET /never HTTP/1.1\r\nHost: h\r\n\r\n";
  const auto expected = ok("GET/a") + ok("POST/bxyz") + ok("GET/c", "Connection: close\r\n");
  for (std::size_t split = 0; split <= bytes.size(); ++split) {
    EXPECT_EQ(serve({bytes.substr(0, split), bytes.substr(split)}), expected) << split;
    if (HasFailure()) return;
  }
}

TEST_F(HttpSessionLoop, EndsQuietlyWhenThePeerDoes) {
  EXPECT_EQ(serve({}), "");
  EXPECT_EQ(serve({"GET /a HT"}), "");
  times_out_ = true;
  EXPECT_EQ(serve({}), "") << "an idle peer hears nothing";
  EXPECT_EQ(last_timeout_, HttpTimeouts{}.idle);
}

TEST_F(HttpSessionLoop, TellsASlowPeerThatItIsTooSlow) {
  times_out_ = true;
  EXPECT_TRUE(serve({"GET /a HT"}).starts_with("HTTP/1.1 408 "));
}

TEST_F(HttpSessionLoop, RefusesAndCloses) {
  const auto answer = serve({"EHLO x\r\n", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"});
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 400 Bad Request\r\n")) << answer;
  EXPECT_NE(answer.find("Connection: close"), std::string::npos);
  EXPECT_EQ(answer.find("200 OK"), std::string::npos);
  HttpSessionOptions small;
  small.limits.body_size_max = 2;
  EXPECT_TRUE(
      serve({"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nxyz"}, small).starts_with("HTTP/1.1 413 "));
}

TEST_F(HttpSessionLoop, LetsTheBodyComeWhenThePeerAsks) {
  const auto answer = serve({"POST /b HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n", "x"});
  EXPECT_EQ(answer, "HTTP/1.1 100 Continue\r\n\r\n" + ok("POST/bx"));
}

TEST_F(HttpSessionLoop, AnswersHeadWithoutABody) {
  EXPECT_EQ(serve({"HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n"}), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
}

TEST_F(HttpSessionLoop, SendsAStreamInChunks) {
  EXPECT_EQ(serve({"GET /stream HTTP/1.1\r\nHost: h\r\n\r\n"}),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n2\r\nxx\r\n0\r\n\r\n");
}

TEST_F(HttpSessionLoop, SendsAStreamAsItIsToHttp10) {
  EXPECT_EQ(serve({"GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"}),
            "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nxxx");
}

TEST_F(HttpSessionLoop, CutsABrokenStreamOffSoThatThePeerSeesIt) {
  const auto answer = serve({"GET /stream/broken HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"});
  EXPECT_TRUE(answer.ends_with("1\r\nx\r\n")) << answer;
}

}  // namespace
}  // namespace bulkhead::admin
