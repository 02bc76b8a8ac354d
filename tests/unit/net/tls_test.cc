#include "src/net/tls.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "src/net/socket_stream.h"
#include "src/net/tls_clients.h"
#include "tests/unit/net/stream_pair.h"
#include "tests/unit/net/test_authority.h"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testlib::ShardRunner;

CertificatePtr parsed(const PemPair& pem) {
  return parse_certificate(pem.chain, pem.key).value();
}

TEST(ParseCertificate, AcceptsWhatMakeSelfSignedMade) {
  const auto pem = make_self_signed("mx1.isp.example");
  ASSERT_TRUE(pem);
  const auto certificate = parse_certificate(pem->chain, pem->key);
  ASSERT_TRUE(certificate) << certificate.error().message;
  EXPECT_THAT(names_of(**certificate), ElementsAre("mx1.isp.example"));
  const auto years = std::chrono::duration_cast<std::chrono::years>(expiry_of(**certificate) - SystemClock{}.now());
  EXPECT_GE(years.count(), 9);
}

TEST(ParseCertificate, SaysWhatIsWrong) {
  const TestAuthority authority;
  const auto good = authority.issue("a.example");
  const auto other = authority.issue("b.example");
  const auto expired = authority.issue("a.example", {-10, -1});
  const auto early = authority.issue("a.example", {1, 10});
  const struct {
    std::string chain, key, expected;
  } cases[] = {
      {"", good.key, "no PEM certificate"},
      {"hello", good.key, "no PEM certificate"},
      {good.key, good.key, "no PEM certificate"},
      {good.chain.substr(0, good.chain.size() / 2), good.key, "chain"},
      {"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good.key, "malformed"},
      {good.chain, "", "no PEM private key"},
      {good.chain, good.chain, "no PEM private key"},
      {good.chain, other.key, "does not match"},
      {authority.pem() + good.chain, good.key, "later certificate"},
      {expired.chain, expired.key, "expired"},
      {early.chain, early.key, "not valid before"},
  };
  for (const auto& c : cases) {
    const auto result = parse_certificate(c.chain, c.key);
    ASSERT_FALSE(result) << c.expected;
    EXPECT_THAT(result.error().message, HasSubstr(c.expected));
  }
}

TEST(ParseCertificate, NeverAsksForAPassphrase) {
  const PkeyPtr key{EVP_EC_gen("P-256")};
  const BioPtr bio{BIO_new(BIO_s_mem())};
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), EVP_aes_128_cbc(), "secret", 6, nullptr, nullptr);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &text));
  const auto result = parse_certificate(TestAuthority{}.issue("a.example").chain, {text, size});
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("passphrase"));
}

TEST(MakeSelfSigned, RefusesAnImpossibleName) {
  EXPECT_FALSE(make_self_signed(""));
  EXPECT_FALSE(make_self_signed(std::string(254, 'a')));
  EXPECT_TRUE(make_self_signed(std::string(253, 'a')));
}

class TlsTest : public testing::Test {
 protected:
  struct Outcome {
    Status client{}, server{};
    std::optional<TlsSession> client_session{}, server_session{};
  };

  TlsTest() {
    std::string name = (std::filesystem::temp_directory_path() / "tls-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    authorities_ = directory_ + "/authorities.pem";
    trust(authority_);
  }
  ~TlsTest() override { std::filesystem::remove_all(directory_); }

  void trust(const TestAuthority& authority) const { std::ofstream{authorities_} << authority.pem(); }
  static Task<void> serve(Stream& stream, const TlsServerContexts& contexts, std::promise<Status>& outcome) {
    outcome.set_value(co_await stream.start_tls_server(contexts, 60s));
  }
  static Task<Status> start_client(Stream& stream, TlsClientPolicy policy) {
    co_return co_await stream.start_tls_client(policy, 60s);
  }
  static Task<Result<std::string>> read_text(Stream& stream, std::size_t size) {
    std::string text;
    std::array<char, 5000> buffer;
    while (text.size() < size) {
      const auto got = co_await stream.read_some(buffer, 60s);
      if (!got) co_return fail(got.error());
      if (*got == 0) break;
      text.append(buffer.data(), *got);
    }
    co_return text;
  }
  static Task<Status> write_text(Stream& stream, std::string text) { co_return co_await stream.write_all(text, 60s); }
  static Task<void> write_and_forget(Stream& stream, std::string text) {
    std::ignore = co_await stream.write_all(text, 60s);
  }

  Outcome handshake(StreamPair& pair, const TlsClientPolicy& policy) {
    std::promise<Status> served;
    runner_.spawn(serve(pair.server(), contexts_, served));
    Outcome outcome;
    outcome.client = runner_.run(start_client(pair.client(), policy));
    if (!outcome.client) runner_.call([&] { pair.client().close(); });
    outcome.server = served.get_future().get();
    if (pair.client().tls() != nullptr) outcome.client_session = *pair.client().tls();
    if (pair.server().tls() != nullptr) outcome.server_session = *pair.server().tls();
    return outcome;
  }
  Outcome handshake_once(const TlsClientPolicy& policy) {
    StreamPair pair{runner_};
    auto outcome = handshake(pair, policy);
    // The client reads once, because TLS 1.3 tickets come after the handshake.
    if (outcome.client && outcome.server) exchange(pair);
    return outcome;
  }
  void exchange(StreamPair& pair) {
    ASSERT_TRUE(runner_.run(write_text(pair.server(), "220 hello\r\n")));
    ASSERT_EQ(runner_.run(read_text(pair.client(), 11)), "220 hello\r\n");
    ASSERT_TRUE(runner_.run(write_text(pair.client(), "EHLO me\r\n")));
    ASSERT_EQ(runner_.run(read_text(pair.server(), 9)), "EHLO me\r\n");
  }
  TlsClientPolicy verified(std::string name) const {
    TlsClientPolicy policy;
    policy.server_name = std::move(name);
    policy.verify = TlsClientPolicy::Verify::kChainAndName;
    policy.authorities_file = authorities_;
    return policy;
  }
  static TlsClientPolicy opportunistic(std::string session_key = {}) {
    TlsClientPolicy policy;
    policy.server_name = "a.example";
    policy.session_key = std::move(session_key);
    return policy;
  }

  ShardRunner runner_;
  std::string directory_, authorities_;
  TestAuthority authority_;
  CertificatePtr a_ = parsed(authority_.issue("a.example"));
  CertificatePtr b_ = parsed(authority_.issue("b.example"));
  std::vector<std::pair<std::string, SocketAddress>> asked_;  // on the shard
  TlsServerContexts contexts_{[this](std::string_view name, const SocketAddress& arrival) -> CertificatePtr {
    asked_.emplace_back(std::string{name}, arrival);
    if (name == "none.example") return nullptr;
    return name == "b.example" ? b_ : a_;
  }};
};

TEST_F(TlsTest, VerifiesChainAndName) {
  const auto outcome = handshake_once(verified("a.example"));
  ASSERT_TRUE(outcome.client) << outcome.client.error().message;
  ASSERT_TRUE(outcome.server) << outcome.server.error().message;
  EXPECT_TRUE(outcome.client_session->is_verified);
  EXPECT_EQ(outcome.client_session->version, "TLSv1.3");
  EXPECT_EQ(outcome.client_session->cipher.substr(0, 4), "TLS_");
  EXPECT_GE(outcome.client_session->bits, 128);
  EXPECT_EQ(outcome.server_session->server_name, "a.example");
  EXPECT_FALSE(outcome.server_session->is_resumed);
}

TEST_F(TlsTest, ChoosesTheCertificateByNameAndArrival) {
  EXPECT_TRUE(handshake_once(verified("B.example")).client);
  ASSERT_EQ(asked_.size(), 1U);
  EXPECT_EQ(asked_[0].first, "b.example");
  EXPECT_EQ(asked_[0].second.ip.text(), "127.0.0.1");
  EXPECT_NE(asked_[0].second.port, 0);
}

TEST_F(TlsTest, RefusesTheWrongName) {
  const auto outcome = handshake_once(verified("c.example"));
  ASSERT_FALSE(outcome.client);
  EXPECT_THAT(outcome.client.error().message, HasSubstr("hostname mismatch"));
  EXPECT_FALSE(outcome.client_session);
  EXPECT_FALSE(outcome.server && outcome.client);
}

TEST_F(TlsTest, RefusesAnUnknownAuthority) {
  trust(TestAuthority{});
  EXPECT_FALSE(handshake_once(verified("a.example")).client);
}

TEST_F(TlsTest, ReadsTheAuthoritiesAgainWhenTheFileIsReplaced) {
  EXPECT_TRUE(handshake_once(verified("a.example")).client);
  std::filesystem::remove(authorities_);
  trust(TestAuthority{});
  EXPECT_FALSE(handshake_once(verified("a.example")).client);
}

TEST_F(TlsTest, RefusesAnExpiredChain) {
  const TestAuthority expired{{-20, -10}};
  a_ = parsed(expired.issue("a.example"));
  trust(expired);
  const auto outcome = handshake_once(verified("a.example"));
  ASSERT_FALSE(outcome.client);
  EXPECT_THAT(outcome.client.error().message, HasSubstr("expired"));
}

TEST_F(TlsTest, SaysThatTheAuthoritiesCannotBeRead) {
  auto policy = verified("a.example");
  policy.authorities_file = directory_ + "/absent.pem";
  const auto outcome = handshake_once(policy);
  ASSERT_FALSE(outcome.client);
  EXPECT_THAT(outcome.client.error().message, HasSubstr("absent.pem"));
}

TEST_F(TlsTest, OpportunisticClientTakesAnyCertificate) {
  a_ = parsed(make_self_signed("elsewhere.example").value());
  const auto outcome = handshake_once(opportunistic());
  ASSERT_TRUE(outcome.client);
  EXPECT_FALSE(outcome.client_session->is_verified);
}

TEST_F(TlsTest, SaysThatThereIsNoCertificate) {
  auto policy = opportunistic();
  policy.server_name = "none.example";
  const auto outcome = handshake_once(policy);
  EXPECT_FALSE(outcome.client);
  ASSERT_FALSE(outcome.server);
  EXPECT_THAT(outcome.server.error().message, HasSubstr("no certificate for 'none.example' on 127.0.0.1"));
}

TEST_F(TlsTest, ResumesASessionOfTheSameKey) {
  EXPECT_FALSE(handshake_once(opportunistic("192.0.2.1 a.example")).client_session->is_resumed);
  const auto second = handshake_once(opportunistic("192.0.2.1 a.example"));
  EXPECT_TRUE(second.client_session->is_resumed);
  EXPECT_TRUE(second.server_session->is_resumed);
  EXPECT_EQ(second.server_session->server_name, "a.example");
  EXPECT_EQ(asked_.size(), 1U);  // a resumed session needs no certificate
  EXPECT_TRUE(handshake_once(opportunistic("192.0.2.1 a.example")).client_session->is_resumed);
}

TEST_F(TlsTest, DoesNotResumeAcrossKeysOrKindsOfVerification) {
  EXPECT_TRUE(handshake_once(opportunistic("192.0.2.1 a.example")).client);
  EXPECT_FALSE(handshake_once(opportunistic("192.0.2.2 a.example")).client_session->is_resumed);
  auto policy = verified("a.example");
  policy.session_key = "192.0.2.1 a.example";
  EXPECT_FALSE(handshake_once(policy).client_session->is_resumed);
  const auto again = handshake_once(policy);
  EXPECT_TRUE(again.client_session->is_resumed);
  EXPECT_TRUE(again.client_session->is_verified);
  EXPECT_FALSE(handshake_once(opportunistic()).client_session->is_resumed);
}

TEST_F(TlsTest, CarriesMuchDataUnchanged) {
  StreamPair pair{runner_};
  ASSERT_TRUE(handshake(pair, opportunistic()).client);
  std::string large(3 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 7 % 251);
  runner_.spawn(write_and_forget(pair.client(), large));
  const auto got = runner_.run(read_text(pair.server(), large.size()));
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_TRUE(*got == large);
}

Task<Status> write_pieces(Stream& stream, std::vector<std::string_view> pieces) {
  const std::span<const std::string_view> span{pieces};
  co_return co_await stream.write_all(span, 60s);
}

TEST_F(TlsTest, WritesPiecesOfAllSizesInOrder) {
  StreamPair pair{runner_};
  ASSERT_TRUE(handshake(pair, opportunistic()).client);
  std::vector<std::string> texts;
  for (const std::size_t size : {1U, 0U, 16383U, 16384U, 16385U, 5U, 40000U, 0U, 3U}) {
    texts.emplace_back(size, static_cast<char>('a' + texts.size()));
  }
  std::string expected;
  for (const auto& text : texts) expected += text;
  ASSERT_TRUE(runner_.run(write_pieces(pair.client(), {texts.begin(), texts.end()})));
  EXPECT_TRUE(runner_.run(read_text(pair.server(), expected.size())).value() == expected);
}

Task<Result<std::size_t>> read_once(Stream& stream, std::chrono::milliseconds timeout) {
  std::array<char, 16> buffer;
  co_return co_await stream.read_some(buffer, timeout);
}

TEST_F(TlsTest, CloseSaysGoodbyeAndThePeerReadsTheEnd) {
  StreamPair pair{runner_};
  ASSERT_TRUE(handshake(pair, opportunistic()).client);
  runner_.call([&] { pair.client().close(); });
  EXPECT_EQ(runner_.run(read_once(pair.server(), 60s)), 0U);
}

TEST_F(TlsTest, ReadTimesOutAndIsCancelled) {
  StreamPair pair{runner_};
  ASSERT_TRUE(handshake(pair, opportunistic()).client);
  EXPECT_EQ(runner_.run(read_once(pair.server(), 1ms)).error().code, ErrorCode::kTimeout);
  runner_.call([&] { pair.client().cancel(); });
  EXPECT_EQ(runner_.run(read_once(pair.client(), 60s)).error().code, ErrorCode::kCancelled);
}

TEST_F(TlsTest, HandshakeOfASilentPeerTimesOut) {
  StreamPair pair{runner_};
  const auto status = runner_.run([](Stream& stream, const TlsServerContexts& contexts) -> Task<Status> {
    co_return co_await stream.start_tls_server(contexts, 1ms);
  }(pair.server(), contexts_));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
  EXPECT_EQ(pair.server().tls(), nullptr);
  EXPECT_EQ(runner_.run(read_once(pair.server(), 1ms)).has_value(), false);
}

TEST_F(TlsTest, HandshakeWithPlainTextFailsReadably) {
  StreamPair pair{runner_};
  std::promise<Status> served;
  runner_.spawn(serve(pair.server(), contexts_, served));
  ASSERT_TRUE(runner_.run(write_text(pair.client(), "EHLO this is no TLS at all\r\n")));
  const auto status = served.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kProtocol);
  EXPECT_THAT(status.error().message, HasSubstr("TLS handshake failed: "));
}

TEST_F(TlsTest, HandshakeThatThePeerLeavesIsClosed) {
  StreamPair pair{runner_};
  std::promise<Status> served;
  runner_.spawn(serve(pair.server(), contexts_, served));
  runner_.call([&] { pair.client().close(); });
  const auto status = served.get_future().get();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kClosed);
}

TEST_F(TlsTest, ARecordInPartsIsReadWithoutSpinning) {
  StreamPair pair{runner_};
  ASSERT_TRUE(handshake(pair, opportunistic()).client);
  // The header of a record and nothing more: the reader must wait for the rest, and run into its deadline.
  constexpr std::string_view kHeader{"\x17\x03\x03\x01\x00", 5};
  const int fd = static_cast<SocketStream&>(pair.client()).transport().fd();
  ASSERT_EQ(::send(fd, kHeader.data(), kHeader.size(), 0), 5);
  EXPECT_EQ(runner_.run(read_once(pair.server(), 1ms)).error().code, ErrorCode::kTimeout);
}

TEST(TlsSessionCache, IsBoundedAndForgetsTheLeastRecentlyUsed) {
  TlsSessionCache cache{2};
  const auto fresh = [] {
    SslSessionPtr session{SSL_SESSION_new()};
    SSL_SESSION_set_protocol_version(session.get(), TLS1_2_VERSION);
    constexpr unsigned char kId[] = "12345678";
    SSL_SESSION_set1_id(session.get(), kId, sizeof kId);
    return session;
  };
  cache.put("a", fresh());
  cache.put("b", fresh());
  ASSERT_NE(cache.find("a"), nullptr);
  cache.put("c", fresh());
  EXPECT_EQ(cache.size(), 2U);
  EXPECT_EQ(cache.find("b"), nullptr);
  EXPECT_NE(cache.find("a"), nullptr);
  EXPECT_NE(cache.find("c"), nullptr);
}

}  // namespace
}  // namespace bulkhead::net
