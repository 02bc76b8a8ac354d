#include "src/smtpd/server.h"

#include <future>

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/smtpd/world.h"

namespace bulkhead::smtpd {
namespace {

// A blocking client on a loopback socket.
class Client {
 public:
  explicit Client(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    is_connected = ::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  }
  ~Client() { ::close(fd_); }

  void send(std::string_view text) { ASSERT_EQ(::send(fd_, text.data(), text.size(), MSG_NOSIGNAL), std::ssize(text)); }
  // One reply line; "" at the end of the connection.
  std::string line() {
    std::string text;
    char c = 0;
    while (::recv(fd_, &c, 1, 0) == 1) {
      text += c;
      if (c == '\n') break;
    }
    return text;
  }
  bool is_connected = false;

 private:
  int fd_;
};

class RunningServer {
 public:
  explicit RunningServer(std::size_t shards) : runtime(shards) {
    server = std::make_unique<SmtpServer>(SmtpServer::Parts{.runtime = runtime,
                                                            .directory = world.directory,
                                                            .intake = world.intake,
                                                            .trace = world.trace,
                                                            .clock = world.clock,
                                                            .random = world.random,
                                                            .log = world.log,
                                                            .node_name = "mx.isp.example"});
    const Status status = server->listen({{*SocketAddress::parse("127.0.0.1:0"), ListenerKind::kSmtp}});
    EXPECT_TRUE(status);
    server->start();
    runtime.start();
  }
  ~RunningServer() {
    stop();
    runtime.stop();
  }
  std::uint16_t port() const { return server->endpoints().front().port; }
  void stop(std::chrono::milliseconds grace = std::chrono::milliseconds{0}) {
    for (std::size_t i = 0; i < runtime.size(); ++i) {
      std::promise<void> done;
      bool is_done = false;
      runtime.shard(i).post([&] { testlib::start(stop_shard(i, grace, done), is_done); });
      done.get_future().get();
    }
  }

  World world;
  net::Runtime runtime;
  std::unique_ptr<SmtpServer> server;

 private:
  Task<void> stop_shard(std::size_t shard, std::chrono::milliseconds grace, std::promise<void>& done) {
    co_await server->stop(shard, grace);
    // Posted, so that the coroutine has ended when the test goes on.
    runtime.shard(shard).post([&done] { done.set_value(); });
  }
};

TEST(SmtpServer, TakesAMessageOverASocket) {
  RunningServer running{2};
  Client client{running.port()};
  ASSERT_TRUE(client.is_connected);
  EXPECT_EQ(client.line(), "220 mx.isp.example ESMTP Bulkhead\r\n");
  client.send("HELO c\r\nMAIL FROM:<a@remote.example>\r\nRCPT TO:<ben@beta.example>\r\nDATA\r\n");
  EXPECT_TRUE(client.line().starts_with("250 "));
  EXPECT_TRUE(client.line().starts_with("250 "));
  EXPECT_TRUE(client.line().starts_with("250 "));
  EXPECT_TRUE(client.line().starts_with("354 "));
  client.send("Subject: x\r\n\r\nbody\r\n.\r\nQUIT\r\n");
  EXPECT_TRUE(client.line().starts_with("250 2.0.0 Accepted as "));
  EXPECT_TRUE(client.line().starts_with("221 "));
  EXPECT_EQ(client.line(), "");
  EXPECT_EQ(running.server->census().counters().messages_accepted, 1U);
}

TEST(SmtpServer, SaysGoodbyeToIdleClientsWhenItStops) {
  RunningServer running{1};
  Client client{running.port()};
  EXPECT_TRUE(client.line().starts_with("220 "));
  EXPECT_EQ(running.server->census().open(ListenerKind::kSmtp), 1U);
  running.stop(std::chrono::seconds{10});
  EXPECT_TRUE(client.line().starts_with("421 4.3.2 "));
  EXPECT_EQ(client.line(), "");
  EXPECT_EQ(running.server->census().open(), 0U);
  EXPECT_FALSE(Client{running.port()}.is_connected);
}

TEST(SmtpServer, CutsAMessageThatDoesNotFinishInTime) {
  RunningServer running{1};
  Client client{running.port()};
  client.line();
  client.send("HELO c\r\n");
  client.line();
  client.send("MAIL FROM:<a@remote.example>\r\nRCPT TO:<ben@beta.example>\r\nDATA\r\n");
  for (int i = 0; i < 3; ++i) client.line();
  client.send("half a message");
  running.stop();
  EXPECT_TRUE(client.line().starts_with("421 "));
  EXPECT_TRUE(running.world.intake.accepted.empty());
}

}  // namespace
}  // namespace bulkhead::smtpd
