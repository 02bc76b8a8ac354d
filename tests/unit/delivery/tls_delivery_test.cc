#include <gtest/gtest.h>

#include "src/net/listener.h"
#include "src/net/tls.h"
#include "tests/unit/delivery/smtp_sink.h"
#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using queue::Fate;

// A server on the world's own shard that offers STARTTLS and takes every message.
class TlsServer {
 public:
  enum class Handshake { kDone, kRefusedByClosing };

  TlsServer(World& world, Handshake handshake) : world_(world), handshake_(handshake) {
    const auto pem = net::make_self_signed("mx.example");
    certificate_ = *net::parse_certificate(pem->chain, pem->key);
    world_.runner.call([this] {
      auto on_accept = [this](std::unique_ptr<net::Stream> stream) {
        ++connections;
        world_.runner.group().spawn(serve(*this, std::move(stream)));
      };
      listener_ = *net::Listener::tcp(world_.runner.shard(), *SocketAddress::parse("127.0.0.1:0"), on_accept);
      listener_->start();
    });
  }
  ~TlsServer() {
    world_.runner.call([this] { listener_->stop(); });
  }
  std::uint16_t port() const { return listener_->local().port; }

  int connections = 0, messages_in_clear = 0, messages_in_tls = 0, resumed = 0;

 private:
  static std::string reply_to(TlsServer& server, const std::string& line, bool has_tls) {
    if (line.starts_with("EHLO")) return has_tls ? "250 mx.example\r\n" : "250-mx.example\r\n250 STARTTLS\r\n";
    if (line == "STARTTLS") return "220 go\r\n";
    if (line == "DATA") return "354 go\r\n";
    if (line == ".") ++(has_tls ? server.messages_in_tls : server.messages_in_clear);
    return "250 ok\r\n";
  }

  static Task<void> serve(TlsServer& server, std::unique_ptr<net::Stream> stream) {
    const net::TaskGroup::CancelHook hook{server.world_.runner.group(), [&stream] { stream->cancel(); }};
    const std::chrono::seconds patience{20};
    std::string reply = "220 mx.example\r\n";
    std::string buffer;
    std::array<char, 1000> bytes{};
    while (true) {
      const Status written = co_await stream->write_all(std::string_view{reply}, patience);
      if (!written) co_return;
      if (reply.starts_with("220 go")) {
        if (server.handshake_ == Handshake::kRefusedByClosing) co_return stream->close();
        const Status started = co_await stream->start_tls_server(server.contexts_, patience);
        if (!started) co_return stream->close();
        if (stream->tls()->is_resumed) ++server.resumed;
      }
      reply.clear();
      while (reply.empty()) {
        while (buffer.find("\r\n") == std::string::npos) {
          const auto size = co_await stream->read_some(bytes, patience);
          if (!size || *size == 0) co_return stream->close();
          buffer.append(bytes.data(), *size);
        }
        const std::string line = buffer.substr(0, buffer.find("\r\n"));
        buffer.erase(0, line.size() + 2);
        const bool is_body = server.is_in_body_;
        server.is_in_body_ = is_body ? line != "." : line == "DATA";
        if (!is_body || line == ".") reply = reply_to(server, line, stream->tls() != nullptr);
      }
    }
  }
  World& world_;
  Handshake handshake_;
  net::CertificatePtr certificate_;
  // One for all connections, so that sessions can be resumed.
  net::TlsServerContexts contexts_{[this](std::string_view, const SocketAddress&) { return certificate_; }};
  std::unique_ptr<net::Listener> listener_;
  bool is_in_body_ = false;
};

TEST(TlsDelivery, EncryptsWhereItIsOfferedWhateverTheCertificate) {
  World world;
  TlsServer server{world, TlsServer::Handshake::kDone};
  world.route_all_to(server.port());
  const auto job = world.post({"a@r.example"});
  world.work(1);
  const auto outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered) << outcome.recipients[0].answer.text;
  EXPECT_TRUE(outcome.tls.starts_with("TLSv1.3 ")) << outcome.tls;
  EXPECT_EQ(outcome.tls.find("verified"), std::string::npos);
  EXPECT_EQ(server.messages_in_tls, 1);
}

TEST(TlsDelivery, GoesInClearWhereTheHandshakeFailsAndTlsIsOptional) {
  World world;
  TlsServer server{world, TlsServer::Handshake::kRefusedByClosing};
  world.route_all_to(server.port());
  const auto job = world.post({"a@r.example"});
  world.work(1);
  const auto outcome = world.queue.outcome_of(job);
  EXPECT_EQ(outcome.recipients[0].fate, Fate::kDelivered) << outcome.recipients[0].answer.text;
  EXPECT_EQ(outcome.tls, "");
  EXPECT_EQ(server.connections, 2);
  EXPECT_EQ(server.messages_in_clear, 1);
}

TEST(TlsDelivery, NeverGoesInClearWhereTlsIsRequired) {
  World world;
  TlsServer server{world, TlsServer::Handshake::kRefusedByClosing};
  SmtpSink plain{{}};
  for (const std::uint16_t port : {server.port(), plain.port()}) {
    world.route_all_to(port, tenants::RouteTls::kRequired);
    const auto job = world.post({"a@r.example"});
    world.work(port == server.port() ? 1 : 2);
    EXPECT_EQ(world.queue.outcome_of(job).recipients[0].fate, Fate::kDeferred);
  }
  EXPECT_EQ(server.messages_in_clear, 0);
  EXPECT_TRUE(plain.messages().empty());
  EXPECT_EQ(world.queue.outcomes()[1].second.recipients[0].answer.enhanced, "4.7.4");
}

TEST(TlsDelivery, RefusesACertificateThatCannotBeVerifiedWhereThatIsDemanded) {
  World world;
  TlsServer server{world, TlsServer::Handshake::kDone};
  world.route_all_to(server.port(), tenants::RouteTls::kVerified);
  const auto job = world.post({"a@r.example"});
  world.work(1);
  EXPECT_EQ(world.queue.outcome_of(job).recipients[0].fate, Fate::kDeferred);
  EXPECT_EQ(server.messages_in_tls + server.messages_in_clear, 0);
}

TEST(TlsDelivery, ResumesTheSessionOnTheNextConnection) {
  Settings settings;
  settings.messages_per_connection = 1;
  World world{settings};
  TlsServer server{world, TlsServer::Handshake::kDone};
  world.route_all_to(server.port());
  for (int i = 0; i < 2; ++i) world.post({"a@r.example"});
  world.work(2);
  EXPECT_EQ(server.connections, 2);
  EXPECT_EQ(server.messages_in_tls, 2);
  EXPECT_EQ(server.resumed, 1);
}

}  // namespace
}  // namespace bulkhead::delivery
