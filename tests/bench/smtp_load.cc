// A generator and a sink of SMTP traffic that speak STARTTLS, which smtp-source and smtp-sink of Postfix do not.
//
//   smtp_load source HOST:PORT --sessions N --count M --size BYTES [--reuse] [--tls] [--from A] [--to B]
//   smtp_load sink HOST:PORT [--tls CHAIN KEY]
//
// A thread a connection, blocking calls, one command a round trip as smtp-source does it; TLS sessions are resumed. The
// source prints how many messages were accepted in how many seconds, the sink "mesg=N " whenever N has grown; both tell
// how many handshakes that took and how many of them resumed a session.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace {

struct Options {
  std::string mode, host, chain, key, from = "s@client.example", to = "r@dest.example";
  int port = 0;
  unsigned sessions = 50, count = 10000, size = 4096;
  bool is_reused = false, has_tls = false;
};

[[noreturn]] void stop(const std::string& why) {
  throw std::runtime_error(why);
}

sockaddr_in address_of(const Options& options) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(options.port));
  if (inet_pton(AF_INET, options.host.c_str(), &address.sin_addr) != 1) stop("no IPv4 address: " + options.host);
  return address;
}

// A connection, in clear at first. Throws at its end and on errors.
class Wire {
 public:
  explicit Wire(int fd) : fd_(fd) {
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;
  ~Wire() {
    if (tls_ != nullptr) {
      // A connection that is freed without its end having been told makes its session unusable for the next one.
      SSL_set_quiet_shutdown(tls_, 1);
      SSL_shutdown(tls_);
      SSL_free(tls_);
    }
    close(fd_);
  }

  void start_tls(SSL_CTX* context, bool is_server, SSL_SESSION* resumed) {
    tls_ = SSL_new(context);
    SSL_set_fd(tls_, fd_);
    if (resumed != nullptr) SSL_set_session(tls_, resumed);
    if ((is_server ? SSL_accept(tls_) : SSL_connect(tls_)) != 1) stop("TLS handshake failed");
  }
  bool is_resumed() const { return SSL_session_reused(tls_) == 1; }
  SSL_SESSION* session() { return tls_ == nullptr ? nullptr : SSL_get1_session(tls_); }

  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto done = tls_ != nullptr ? SSL_write(tls_, bytes.data(), static_cast<int>(bytes.size()))
                                        : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (done <= 0) stop("the connection broke");
      bytes.remove_prefix(static_cast<std::size_t>(done));
    }
  }
  // Up to and including the next LF; the view lasts until the next call.
  std::string_view line() {
    buffer_.erase(0, taken_);
    std::size_t end = 0;
    for (std::size_t from = 0; (end = buffer_.find('\n', from)) == std::string::npos;) {
      from = buffer_.size();
      fill();
    }
    taken_ = end + 1;
    return std::string_view{buffer_}.substr(0, taken_);
  }
  // Reads through the end of a message.
  void skip_message() {
    constexpr std::string_view kEnd = "\r\n.\r\n";
    buffer_.erase(0, taken_);
    taken_ = 0;
    std::size_t end = 0;
    while ((end = buffer_.find(kEnd)) == std::string::npos) {
      if (buffer_.size() > kEnd.size()) buffer_.erase(0, buffer_.size() - kEnd.size());
      fill();
    }
    taken_ = end + kEnd.size();
  }

 private:
  void fill() {
    char piece[65536];
    const auto got = tls_ != nullptr ? SSL_read(tls_, piece, sizeof piece) : ::recv(fd_, piece, sizeof piece, 0);
    if (got <= 0) stop("the connection ended");
    buffer_.append(piece, static_cast<std::size_t>(got));
  }

  int fd_;
  SSL* tls_ = nullptr;
  std::string buffer_;
  std::size_t taken_ = 0;
};

// ---- source

void expect(Wire& wire, char first) {
  for (;;) {
    const auto line = wire.line();
    if (line.size() < 4 || line[0] != first) stop("refused: " + std::string{line});
    if (line[3] != '-') return;
  }
}

class Source {
 public:
  explicit Source(Options options) : options_(std::move(options)), context_(SSL_CTX_new(TLS_client_method())) {
    body_ = "From: <" + options_.from + ">\r\nTo: <" + options_.to + ">\r\nSubject: load\r\n\r\n";
    while (body_.size() + 82 < options_.size) body_ += std::string(78, 'x') + "\r\n";
    body_ += ".\r\n";
  }

  int run() {
    const auto began = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < options_.sessions; ++i) threads.emplace_back([this] { work(); });
    for (auto& thread : threads) thread.join();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::printf("accepted=%u seconds=%.3f rate=%.1f failed=%u handshakes=%u resumed=%u\n", accepted_.load(),
                took.count(), accepted_.load() / took.count(), failed_.load(), handshakes_.load(), resumed_.load());
    return failed_ == 0 ? 0 : 1;
  }

 private:
  void work() {
    SSL_SESSION* resumed = nullptr;
    while (next_++ < options_.count) {
      try {
        Wire wire{connected()};
        greet(wire, resumed);
        do {
          send(wire);
          ++accepted_;
        } while (options_.is_reused && next_++ < options_.count);
        if (resumed != nullptr) SSL_SESSION_free(resumed);
        resumed = wire.session();
        wire.write("QUIT\r\n");
        expect(wire, '2');
      } catch (const std::exception& error) {
        if (++failed_ == 1) std::fprintf(stderr, "smtp_load: %s\n", error.what());
        if (failed_ > 100) return;
      }
    }
    if (resumed != nullptr) SSL_SESSION_free(resumed);
  }

  int connected() const {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const auto address = address_of(options_);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      close(fd);
      stop("cannot connect");
    }
    return fd;
  }

  void greet(Wire& wire, SSL_SESSION* resumed) {
    expect(wire, '2');
    wire.write("EHLO client.example\r\n");
    expect(wire, '2');
    if (!options_.has_tls) return;
    wire.write("STARTTLS\r\n");
    expect(wire, '2');
    wire.start_tls(context_, false, resumed);
    ++handshakes_;
    if (wire.is_resumed()) ++resumed_;
    wire.write("EHLO client.example\r\n");
    expect(wire, '2');
  }

  void send(Wire& wire) {
    wire.write("MAIL FROM:<" + options_.from + ">\r\n");
    expect(wire, '2');
    wire.write("RCPT TO:<" + options_.to + ">\r\n");
    expect(wire, '2');
    wire.write("DATA\r\n");
    expect(wire, '3');
    wire.write(body_);
    expect(wire, '2');
  }

  const Options options_;
  SSL_CTX* context_;
  std::string body_;
  std::atomic<unsigned> next_{0}, accepted_{0}, failed_{0}, handshakes_{0}, resumed_{0};
};

// ---- sink

class Sink {
 public:
  explicit Sink(Options options) : options_(std::move(options)) {
    if (!options_.has_tls) return;
    context_ = SSL_CTX_new(TLS_server_method());
    SSL_CTX_set_session_id_context(context_, reinterpret_cast<const unsigned char*>("load"), 4);
    const bool is_loaded = SSL_CTX_use_certificate_chain_file(context_, options_.chain.c_str()) == 1 &&
                           SSL_CTX_use_PrivateKey_file(context_, options_.key.c_str(), SSL_FILETYPE_PEM) == 1;
    if (!is_loaded) stop("the certificate or the key cannot be used");
  }

  [[noreturn]] int run() {
    const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = address_of(options_);
    if (bind(listener, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) stop("cannot bind");
    if (listen(listener, 512) != 0) stop("cannot listen");
    std::thread{[this] { report(); }}.detach();
    for (;;) {
      const int fd = accept(listener, nullptr, nullptr);
      if (fd >= 0) std::thread{[this, fd] { serve(fd); }}.detach();
    }
  }

 private:
  void report() {
    for (unsigned told = 0;;) {
      usleep(10'000);
      if (const unsigned now = count_; now != told) {
        told = now;
        std::printf("mesg=%u secure=%u handshakes=%u resumed=%u \n", now, secure_.load(), handshakes_.load(),
                    resumed_.load());
        std::fflush(stdout);
      }
    }
  }

  void serve(int fd) {
    try {
      Wire wire{fd};
      wire.write("220 sink.example ESMTP\r\n");
      bool is_secure = false;
      for (;;) {
        const std::string line{wire.line().substr(0, 8)};
        const auto is = [&line](const char* verb) { return strncasecmp(line.c_str(), verb, std::strlen(verb)) == 0; };
        if (is("EHLO")) {
          const bool offers_tls = context_ != nullptr && !is_secure;
          wire.write(std::string{"250-sink.example\r\n250-PIPELINING\r\n"} + (offers_tls ? "250-STARTTLS\r\n" : "") +
                     "250 8BITMIME\r\n");
        } else if (is("STARTTLS") && context_ != nullptr) {
          wire.write("220 go ahead\r\n");
          wire.start_tls(context_, true, nullptr);
          is_secure = true;
          ++handshakes_;
          if (wire.is_resumed()) ++resumed_;
        } else if (is("DATA")) {
          wire.write("354 go ahead\r\n");
          wire.skip_message();
          if (is_secure) ++secure_;
          ++count_;
          wire.write("250 taken\r\n");
        } else if (is("QUIT")) {
          wire.write("221 bye\r\n");
          return;
        } else {
          wire.write("250 OK\r\n");
        }
      }
    } catch (const std::exception&) {
      // The other side left.
    }
  }

  const Options options_;
  SSL_CTX* context_ = nullptr;
  std::atomic<unsigned> count_{0}, secure_{0}, handshakes_{0}, resumed_{0};
};

Options parse(int count, char** words) {
  Options options;
  if (count < 3) stop("usage: smtp_load source|sink HOST:PORT …, see the head of smtp_load.cc");
  options.mode = words[1];
  const std::string target = words[2];
  const auto colon = target.find(':');
  if (colon == std::string::npos) stop("write HOST:PORT");
  options.host = target.substr(0, colon);
  options.port = std::stoi(target.substr(colon + 1));
  int at = 3;
  const auto next = [&]() -> std::string {
    if (++at >= count) stop("a value is missing");
    return words[at];
  };
  for (; at < count; ++at) {
    const std::string word = words[at];
    if (word == "--sessions")
      options.sessions = static_cast<unsigned>(std::stoul(next()));
    else if (word == "--count")
      options.count = static_cast<unsigned>(std::stoul(next()));
    else if (word == "--size")
      options.size = static_cast<unsigned>(std::stoul(next()));
    else if (word == "--from")
      options.from = next();
    else if (word == "--to")
      options.to = next();
    else if (word == "--reuse")
      options.is_reused = true;
    else if (word == "--tls") {
      options.has_tls = true;
      if (options.mode == "sink") options.chain = next(), options.key = next();
    } else
      stop("unknown option " + word);
  }
  return options;
}

}  // namespace

int main(int count, char** words) {
  std::signal(SIGPIPE, SIG_IGN);
  try {
    const auto options = parse(count, words);
    if (options.mode == "sink") Sink{options}.run();
    return Source{options}.run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "smtp_load: %s\n", error.what());
    return 2;
  }
}
