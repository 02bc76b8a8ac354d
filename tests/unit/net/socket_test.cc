#include <filesystem>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/net/listener.h"
#include "src/net/socket_stream.h"
#include "tests/unit/net/stream_pair.h"

namespace bulkhead::net {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testlib::ShardRunner;

class SocketTest : public testing::Test {
 protected:
  ShardRunner runner_;
  StreamPair pair_{runner_};
};

Task<Result<std::string>> read_text(Stream& stream, std::size_t size) {
  std::string text;
  std::vector<char> buffer(64 << 10);
  while (text.size() < size) {
    const auto got = co_await stream.read_some(buffer, 60s);
    if (!got) co_return fail(got.error());
    if (*got == 0) break;
    text.append(buffer.data(), *got);
  }
  co_return text;
}

Task<Status> write_text(Stream& stream, std::string text) {
  co_return co_await stream.write_all(text, 60s);
}

Task<Status> write_pieces(Stream& stream, std::vector<std::string_view> pieces) {
  const std::span<const std::string_view> span{pieces};
  co_return co_await stream.write_all(span, 60s);
}

Task<Result<std::size_t>> read_once(Stream& stream, std::chrono::milliseconds timeout) {
  std::array<char, 16> buffer;
  co_return co_await stream.read_some(buffer, timeout);
}

TEST_F(SocketTest, CarriesBytesBothWays) {
  ASSERT_TRUE(runner_.run(write_text(pair_.client(), "EHLO client\r\n")));
  EXPECT_EQ(runner_.run(read_text(pair_.server(), 13)), "EHLO client\r\n");
  ASSERT_TRUE(runner_.run(write_text(pair_.server(), "250 ok\r\n")));
  EXPECT_EQ(runner_.run(read_text(pair_.client(), 8)), "250 ok\r\n");
}

TEST_F(SocketTest, WritesManyPiecesInOrder) {
  std::vector<std::string> texts;
  std::string expected;
  for (int i = 0; i < 200; ++i) texts.push_back(i % 7 == 0 ? "" : std::to_string(i) + ";");
  std::vector<std::string_view> pieces{texts.begin(), texts.end()};
  for (const auto& text : texts) expected += text;
  ASSERT_TRUE(runner_.run(write_pieces(pair_.client(), pieces)));
  EXPECT_EQ(runner_.run(read_text(pair_.server(), expected.size())), expected);
}

TEST_F(SocketTest, WritingNothingSucceeds) {
  EXPECT_TRUE(runner_.run(write_text(pair_.client(), "")));
  EXPECT_TRUE(runner_.run(write_pieces(pair_.client(), {})));
  EXPECT_TRUE(runner_.run(write_pieces(pair_.client(), {"", ""})));
}

Task<void> write_and_forget(Stream& stream, std::string text) {
  std::ignore = co_await stream.write_all(text, 60s);
}

TEST_F(SocketTest, WritesMoreThanTheSocketHolds) {
  std::string large(8 << 20, 'x');
  for (std::size_t i = 0; i < large.size(); i += 4096) large[i] = static_cast<char>('a' + i / 4096 % 26);
  runner_.spawn(write_and_forget(pair_.client(), large));
  const auto got = runner_.run(read_text(pair_.server(), large.size()));
  ASSERT_TRUE(got);
  EXPECT_TRUE(*got == large);
}

TEST_F(SocketTest, ReadsZeroWhenThePeerHasFinished) {
  runner_.call([&] { pair_.client().close(); });
  EXPECT_EQ(runner_.run(read_once(pair_.server(), 5s)), 0U);
}

TEST_F(SocketTest, ReadTimesOut) {
  const auto got = runner_.run(read_once(pair_.server(), 1ms));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kTimeout);
}

TEST_F(SocketTest, WriteToAPeerThatDoesNotReadTimesOut) {
  Task<Status> write = [](Stream& stream) -> Task<Status> {
    const std::string large(32 << 20, 'x');
    co_return co_await stream.write_all(large, 1ms);
  }(pair_.client());
  const auto status = runner_.run(std::move(write));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kTimeout);
}

TEST_F(SocketTest, CloseWithBytesUnreadStillDeliversTheLastReply) {
  ASSERT_TRUE(runner_.run(write_text(pair_.client(), "pipelined and never read")));
  ASSERT_TRUE(runner_.run(write_text(pair_.server(), "421 bye\r\n")));
  runner_.call([&] { pair_.server().close(); });
  EXPECT_EQ(runner_.run(read_text(pair_.client(), 100)), "421 bye\r\n");
}

TEST_F(SocketTest, AResetIsClosedForReadsAndWrites) {
  const linger abort{1, 0};
  const int fd = static_cast<SocketStream&>(pair_.server()).transport().fd();
  ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort), 0);
  runner_.call([&] { pair_.server().close(); });
  const auto got = runner_.run(read_once(pair_.client(), 5s));
  ASSERT_FALSE(got);
  EXPECT_EQ(got.error().code, ErrorCode::kClosed);
  const auto status = runner_.run(write_text(pair_.client(), "x"));
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code, ErrorCode::kClosed);
}

TEST_F(SocketTest, CallsAfterCloseSayClosed) {
  runner_.call([&] {
    pair_.client().close();
    pair_.client().close();
  });
  EXPECT_EQ(runner_.run(read_once(pair_.client(), 5s)).error().code, ErrorCode::kClosed);
  EXPECT_EQ(runner_.run(write_text(pair_.client(), "x")).error().code, ErrorCode::kClosed);
}

Task<void> record_read(Stream& stream, std::promise<ErrorCode>& outcome) {
  std::array<char, 16> buffer;
  const auto got = co_await stream.read_some(buffer, 1h);
  outcome.set_value(got ? ErrorCode::kInvalid : got.error().code);
}

TEST_F(SocketTest, CancelEndsAPendingReadAndLaterReadsButNotWrites) {
  std::promise<ErrorCode> outcome;
  runner_.spawn(record_read(pair_.server(), outcome));
  runner_.call([&] { pair_.server().cancel(); });
  EXPECT_EQ(outcome.get_future().get(), ErrorCode::kCancelled);
  EXPECT_EQ(runner_.run(read_once(pair_.server(), 1h)).error().code, ErrorCode::kCancelled);
  ASSERT_TRUE(runner_.run(write_text(pair_.server(), "421 bye\r\n")));
  EXPECT_EQ(runner_.run(read_text(pair_.client(), 9)), "421 bye\r\n");
}

TEST_F(SocketTest, CloseEndsAPendingRead) {
  std::promise<ErrorCode> outcome;
  runner_.spawn(record_read(pair_.server(), outcome));
  runner_.call([&] { pair_.server().close(); });
  EXPECT_EQ(outcome.get_future().get(), ErrorCode::kClosed);
}

TEST_F(SocketTest, TellsWhetherSomethingWaitsUnread) {
  bool before = true;
  runner_.call([&] { before = pair_.server().is_readable_now(); });
  EXPECT_FALSE(before);
  ASSERT_TRUE(runner_.run(write_text(pair_.client(), "early")));
  bool after = false;
  runner_.call([&] { after = pair_.server().is_readable_now(); });
  EXPECT_TRUE(after);
}

TEST_F(SocketTest, KnowsItsAddresses) {
  EXPECT_EQ(pair_.server().local(), pair_.endpoint());
  EXPECT_EQ(pair_.client().remote(), pair_.endpoint());
  EXPECT_EQ(pair_.client().local(), pair_.server().remote());
  EXPECT_EQ(unix_peer(pair_.server()), std::nullopt);
}

SocketAddress any_port(std::string_view ip) {
  return {*IpAddress::parse(ip), 0};
}

TEST(Connect, LeavesFromTheSourceThatWasAskedFor) {
  ShardRunner runner;
  for (const char* source : {"127.0.0.2", "127.0.0.3"}) {
    ConnectOptions options;
    options.source = IpAddress::parse(source);
    StreamPair pair{runner, options};
    EXPECT_EQ(pair.server().remote().ip.text(), source);
    EXPECT_EQ(pair.client().local().ip.text(), source);
  }
}

TEST(Connect, RefusesASourceThatTheHostDoesNotHave) {
  ShardRunner runner;
  ConnectOptions options;
  for (const char* source : {"192.0.2.1", "::1", "0.0.0.0"}) {
    options.source = IpAddress::parse(source);
    const auto stream = runner.run(connect(runner.shard(), {*IpAddress::parse("127.0.0.1"), 9}, options));
    ASSERT_FALSE(stream);
    EXPECT_EQ(stream.error().code, ErrorCode::kConflict) << source;
    EXPECT_THAT(stream.error().message, HasSubstr(source));
  }
}

TEST(Connect, SaysWhoRefused) {
  ShardRunner runner;
  SocketAddress closed;
  {
    auto listener = Listener::tcp(runner.shard(), any_port("127.0.0.1"), [](auto) {});
    ASSERT_TRUE(listener);
    closed = (*listener)->local();
    runner.call([&] { listener->reset(); });
  }
  const auto stream = runner.run(connect(runner.shard(), closed, {}));
  ASSERT_FALSE(stream);
  EXPECT_EQ(stream.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(stream.error().message, HasSubstr(closed.text()));
}

TEST(Connect, IsCancelledWithItsGroup) {
  ShardRunner runner;
  runner.call([&] { runner.group().cancel(); });
  ConnectOptions options;
  options.group = &runner.group();
  const auto stream = runner.run(connect(runner.shard(), {*IpAddress::parse("127.0.0.1"), 9}, options));
  ASSERT_FALSE(stream);
}

TEST(Listener, SeveralShardsShareOnePort) {
  ShardRunner runner{2};
  auto first = Listener::tcp(runner.shard(0), any_port("127.0.0.1"), [](auto) {});
  ASSERT_TRUE(first);
  EXPECT_NE((*first)->local().port, 0);
  auto second = Listener::tcp(runner.shard(1), (*first)->local(), [](auto) {});
  ASSERT_TRUE(second);
  EXPECT_EQ((*second)->local(), (*first)->local());
  first->reset();
  second->reset();
}

TEST(Listener, WildcardsOfBothFamiliesFitOnOnePort) {
  ShardRunner runner;
  auto six = Listener::tcp(runner.shard(), any_port("::"), [](auto) {});
  ASSERT_TRUE(six);
  auto four = Listener::tcp(runner.shard(), {*IpAddress::parse("0.0.0.0"), (*six)->local().port}, [](auto) {});
  EXPECT_TRUE(four) << four.error().message;
}

TEST(Listener, SaysWhichPortIsTaken) {
  ShardRunner runner;
  const int taken = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(taken, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ASSERT_EQ(::listen(taken, 1), 0);
  socklen_t size = sizeof name;
  ::getsockname(taken, reinterpret_cast<sockaddr*>(&name), &size);
  const SocketAddress endpoint{*IpAddress::parse("127.0.0.1"), ntohs(name.sin_port)};
  const auto listener = Listener::tcp(runner.shard(), endpoint, [](auto) {});
  ASSERT_FALSE(listener);
  EXPECT_EQ(listener.error().code, ErrorCode::kConflict);
  EXPECT_THAT(listener.error().message, HasSubstr(endpoint.text()));
  EXPECT_THAT(listener.error().advice, HasSubstr("ss "));
  ::close(taken);
}

TEST(Listener, SaysThatTheAddressIsNotHere) {
  ShardRunner runner;
  const auto listener = Listener::tcp(runner.shard(), any_port("192.0.2.1"), [](auto) {});
  ASSERT_FALSE(listener);
  EXPECT_THAT(listener.error().message, HasSubstr("192.0.2.1"));
  EXPECT_THAT(listener.error().advice, HasSubstr("no such address"));
}

class UnixListenerTest : public testing::Test {
 protected:
  UnixListenerTest() {
    std::string name = (std::filesystem::temp_directory_path() / "net-XXXXXX").string();
    directory_ = ::mkdtemp(name.data());
    path_ = directory_ + "/admin.sock";
  }
  ~UnixListenerTest() override { std::filesystem::remove_all(directory_); }
  int connect_plainly() const {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    path_.copy(name.sun_path, sizeof name.sun_path - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
    return fd;
  }
  ShardRunner runner_;
  std::string directory_, path_;
};

TEST_F(UnixListenerTest, TellsThePeersCredential) {
  std::promise<std::optional<UnixPeer>> peer;
  auto listener = Listener::unix_socket(runner_.shard(), path_, [&](auto s) { peer.set_value(unix_peer(*s)); });
  ASSERT_TRUE(listener);
  runner_.call([&] { (*listener)->start(); });
  const int fd = connect_plainly();
  const auto credential = peer.get_future().get();
  ASSERT_TRUE(credential);
  EXPECT_EQ(credential->uid, ::getuid());
  EXPECT_EQ(credential->pid, ::getpid());
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0666U);
  ::close(fd);
  runner_.call([&] { (*listener)->stop(); });
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixListenerTest, ReplacesASocketFileThatNobodyServes) {
  const int stale = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  path_.copy(name.sun_path, sizeof name.sun_path - 1);
  ASSERT_EQ(::bind(stale, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  ::close(stale);
  const auto listener = Listener::unix_socket(runner_.shard(), path_, [](auto) {});
  EXPECT_TRUE(listener) << listener.error().message;
}

TEST_F(UnixListenerTest, RefusesASocketThatIsServedAndAFileThatIsNone) {
  const auto first = Listener::unix_socket(runner_.shard(), path_, [](auto) {});
  ASSERT_TRUE(first);
  const auto second = Listener::unix_socket(runner_.shard(), path_, [](auto) {});
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, ErrorCode::kConflict);
  const std::string file = directory_ + "/file";
  ::close(::open(file.c_str(), O_CREAT | O_WRONLY, 0600));
  EXPECT_FALSE(Listener::unix_socket(runner_.shard(), file, [](auto) {}));
  EXPECT_TRUE(std::filesystem::exists(file));
}

TEST(Listener, RefusesAtOnceWhenDescriptorsRunOutAndRecovers) {
  ShardRunner runner;
  runner.log().expect("no descriptor is left");
  std::promise<void> accepted;
  auto listener = Listener::tcp(
      runner.shard(), any_port("127.0.0.1"), [&](auto) { accepted.set_value(); }, &runner.log());
  ASSERT_TRUE(listener);
  const int first = ::socket(AF_INET, SOCK_STREAM, 0);
  const int second = ::socket(AF_INET, SOCK_STREAM, 0);
  const int next_free = ::dup(0);
  ::close(next_free);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = static_cast<rlim_t>(next_free);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
  runner.call([&] { (*listener)->start(); });
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  name.sin_port = htons((*listener)->local().port);
  ASSERT_EQ(::connect(first, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  char byte = 0;
  EXPECT_LE(::recv(first, &byte, 1, 0), 0);  // closed, not left hanging
  EXPECT_EQ((*listener)->refused(), 1U);
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  ASSERT_EQ(::connect(second, reinterpret_cast<sockaddr*>(&name), sizeof name), 0);
  accepted.get_future().get();
  runner.call([&] { (*listener)->stop(); });
  EXPECT_TRUE(runner.log().has("no descriptor is left"));
  ::close(first);
  ::close(second);
}

}  // namespace
}  // namespace bulkhead::net
