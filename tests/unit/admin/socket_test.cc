// The whole way: command line, libcurl, Unix socket or TCP, session, API, directory.
#include <sstream>

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "src/admin/cli/run.h"
#include "src/admin/http_server.h"
#include "tests/unit/admin/admin_fixture.h"

namespace bulkhead::admin {
namespace {

class OverASocket : public AdminTest {
 protected:
  OverASocket() {
    owner_ = std::make_unique<ApiHandler>(
        *services_, AuthenticationPolicy{.operator_uids = {static_cast<unsigned>(::getuid())}, .failure_delay = {}});
    path_ = directory_path_.path() + "/admin.sock";
    runner_.call([this] {
      server_ = std::make_unique<HttpServer>(HttpServer::Parts{runner_.shard(), *owner_, clock_, runner_.log()},
                                             HttpServer::Options{.session = {}, .connections_max = kSeats});
      const auto accept = [this](std::unique_ptr<net::Stream> stream) { server_->accept(std::move(stream)); };
      unix_ = value(net::Listener::unix_socket(runner_.shard(), path_, accept));
      tcp_ = value(net::Listener::tcp(runner_.shard(), *SocketAddress::parse("127.0.0.1:0"), accept));
      unix_->start();
      tcp_->start();
    });
  }
  ~OverASocket() override {
    runner_.call([this] {
      unix_->stop();
      tcp_->stop();
    });
    runner_.run(server_->stop());
    runner_.call([this] {
      unix_.reset();
      tcp_.reset();
      server_.reset();
    });
  }

  int run(std::vector<std::string> words) {
    std::istringstream in;
    out_.str("");
    err_.str("");
    const cli::CliEnvironment environment{.in = in, .out = out_, .err = err_};
    words.insert(words.begin(), "bulkhead");
    std::vector<const char*> arguments;
    for (const auto& word : words) arguments.push_back(word.c_str());
    return cli::run_cli(static_cast<int>(arguments.size()), arguments.data(), environment);
  }
  std::string url() { return "http://127.0.0.1:" + std::to_string(tcp_->local().port); }

  // A connection that has sent so much and waits.
  int open_connection(std::string_view sent) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL), static_cast<ssize_t>(sent.size()));
    open_.push_back(fd);
    return fd;
  }
  int open_tcp(const std::string& from, std::string_view sent) {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    EXPECT_EQ(::inet_pton(AF_INET, from.c_str(), &name.sin_addr), 1);
    EXPECT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::inet_pton(AF_INET, "127.0.0.1", &name.sin_addr), 1);
    name.sin_port = htons(tcp_->local().port);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    EXPECT_EQ(::send(fd, sent.data(), sent.size(), MSG_NOSIGNAL), static_cast<ssize_t>(sent.size()));
    open_.push_back(fd);
    return fd;
  }
  void close_connections() {
    for (const int fd : std::exchange(open_, {})) ::close(fd);
  }

  static constexpr std::size_t kSeats = 5;
  std::vector<int> open_;
  std::unique_ptr<ApiHandler> owner_;
  std::unique_ptr<HttpServer> server_;
  std::unique_ptr<net::Listener> unix_, tcp_;
  std::string path_;
  std::ostringstream out_, err_;
};

TEST_F(OverASocket, TheOwnerOfTheServerIsItsOperator) {
  EXPECT_EQ(run({"tenant", "add", "new", "--socket", path_}), cli::kExitDone) << err_.str();
  EXPECT_EQ(out_.str(), "tenant new added\n");
  EXPECT_EQ(run({"tenant", "add", "new", "--socket", path_}), cli::kExitRefused);
  EXPECT_EQ(run({"status", "--json", "--socket", path_}), cli::kExitDone);
  EXPECT_EQ(Json::parse(out_.str())["node"], "mx1.isp.example");
  EXPECT_EQ(run({"account", "export", "--tenant", "acme", "--socket", path_}), cli::kExitDone);
  EXPECT_EQ(out_.str(),
            "address,name,kind,state,quota,client_networks,former_addresses\nann@acme.example,Ann,person,active,0,,\n");
  EXPECT_EQ(run({"account", "export", "--with-passwords", "--socket", path_}), cli::kExitDone);
  EXPECT_NE(out_.str().find(",former_addresses,plan,password_hash\n"), std::string::npos) << out_.str();
}

TEST_F(OverASocket, ATokenOpensTcp) {
  EXPECT_EQ(run({"tenant", "list", "--url", url()}), cli::kExitUsage);
  EXPECT_NE(err_.str().find("--url needs a token"), std::string::npos);
  EXPECT_EQ(run({"tenant", "list", "--json", "--url", url(), "--token", token_for("acme")}), cli::kExitDone)
      << err_.str();
  EXPECT_EQ(Json::parse(out_.str()).size(), 1U);
}

TEST_F(OverASocket, AServerThatIsAwayIsToldApart) {
  EXPECT_EQ(run({"status", "--socket", path_ + ".none"}), cli::kExitNotReachable);
  EXPECT_NE(err_.str().find(path_), std::string::npos);
}

TEST_F(OverASocket, WhoDoesNotFinishItsRequestMakesRoomForOthers) {
  const int first = open_connection("GET / HT");
  for (std::size_t i = 1; i < 3 * kSeats; ++i) open_connection(i % 2 == 0 ? "" : "GET /");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(run({"status", "--socket", path_}), cli::kExitDone) << err_.str();
  EXPECT_GE(server_->cut_off(), 2 * kSeats);
  EXPECT_EQ(server_->turned_away(), 0U);
  char byte = 0;
  EXPECT_LE(::recv(first, &byte, 1, 0), 0) << "it was the first to go";
  close_connections();
}

TEST_F(OverASocket, WhoHasTheMostSeatsMakesRoomFirst) {
  const int patient = open_tcp("127.0.0.3", "GET /healthz HTTP/1.1\r\n");
  for (std::size_t i = 0; i < 4 * kSeats; ++i) open_tcp("127.0.0.2", "GET /");
  EXPECT_EQ(run({"status", "--socket", path_}), cli::kExitDone) << err_.str();
  EXPECT_GE(server_->cut_off(), 3 * kSeats);
  const std::string_view rest = "Host: x\r\n\r\n";
  ASSERT_EQ(::send(patient, rest.data(), rest.size(), MSG_NOSIGNAL), static_cast<ssize_t>(rest.size()));
  char head[9];
  ASSERT_EQ(::recv(patient, head, sizeof head, MSG_WAITALL), 9) << "the longest of all, and alone";
  EXPECT_EQ(std::string_view(head, sizeof head), "HTTP/1.1 ");
  close_connections();
}

TEST_F(OverASocket, WhoIsServedIsNotCutOff) {
  for (std::size_t i = 0; i < kSeats; ++i) {
    const int fd = open_connection("GET /api/v1/trace/follow HTTP/1.1\r\nHost: x\r\n\r\n");
    char head[16];
    ASSERT_EQ(::recv(fd, head, sizeof head, MSG_WAITALL), 16) << "its answer has begun";
  }
  EXPECT_EQ(run({"status", "--socket", path_}), cli::kExitNotReachable);
  EXPECT_EQ(server_->turned_away(), 1U);
  EXPECT_EQ(server_->cut_off(), 0U);
  close_connections();
}

TEST_F(OverASocket, AServerThatStopsTurnsConnectionsAway) {
  runner_.run(server_->stop());
  EXPECT_EQ(run({"status", "--socket", path_}), cli::kExitNotReachable);
  EXPECT_EQ(server_->turned_away(), 1U);
}

}  // namespace
}  // namespace bulkhead::admin
