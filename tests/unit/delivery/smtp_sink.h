// A small SMTP server on loopback that a test scripts: it answers as told and keeps what it got. Own thread, blocking.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/ip_address.h"

namespace bulkhead::delivery {

struct SunkMessage {
  std::size_t connection = 0;
  std::string sender;  // the whole MAIL line
  std::vector<std::string> recipients;
  std::string body;  // dots removed
};

class SmtpSink {
 public:
  struct Options {
    std::string greeting = "220 sink.example ESMTP\r\n";
    std::vector<std::string> extensions{};
    // The answer to a command line ("." is the end of data; "BDAT" its end, too) on the connection of that number,
    // counted from 0. "": the usual one. An answer that ends without CRLF is sent and the connection closed.
    std::function<std::string(const std::string& line, std::size_t connection)> answer{};
    bool is_closed = false;  // refuses connections until open()
  };

  explicit SmtpSink(Options options, const char* address = "127.0.0.1") : options_(std::move(options)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in name{};
    name.sin_family = AF_INET;
    ::inet_pton(AF_INET, address, &name.sin_addr);
    socklen_t size = sizeof name;
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&name), size) != 0) std::abort();
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&name), &size);
    port_ = ntohs(name.sin_port);
    if (!options_.is_closed) open();
  }
  void open() {
    if (::listen(listener_, 100) != 0) std::abort();
    acceptor_ = std::thread{[this] { accept_all(); }};
  }
  ~SmtpSink() {
    ::shutdown(listener_, SHUT_RDWR);
    if (acceptor_.joinable()) acceptor_.join();
    ::close(listener_);
    {
      const std::lock_guard lock{mutex_};
      for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    }
    for (auto& thread : sessions_) thread.join();
  }

  std::uint16_t port() const { return port_; }
  std::vector<SunkMessage> messages() const {
    const std::lock_guard lock{mutex_};
    return messages_;
  }
  std::vector<std::string> clients() const {  // the peer's address of each connection
    const std::lock_guard lock{mutex_};
    return clients_;
  }
  std::vector<std::string> lines() const {  // all command lines
    const std::lock_guard lock{mutex_};
    return lines_;
  }

 private:
  struct Session {
    int fd;
    std::size_t number;
    std::string buffer;
    SunkMessage message;
    bool is_open = true;
  };

  void accept_all() {
    while (true) {
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      const int fd = ::accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &size, SOCK_CLOEXEC);
      if (fd < 0) return;
      char text[INET_ADDRSTRLEN];
      ::inet_ntop(AF_INET, &peer.sin_addr, text, sizeof text);
      const std::lock_guard lock{mutex_};
      clients_.emplace_back(text);
      open_.push_back(fd);
      sessions_.emplace_back([this, fd, number = clients_.size() - 1] { serve({fd, number, {}, {}, true}); });
    }
  }

  void serve(Session session) {
    say(session, options_.greeting);
    while (session.is_open) {
      const std::string line = read_line(session);
      if (!session.is_open) break;
      handle(session, line);
    }
    const std::lock_guard lock{mutex_};
    std::erase(open_, session.fd);
    ::close(session.fd);
  }

  bool fill(Session& session) {
    char bytes[4096];
    const auto size = ::recv(session.fd, bytes, sizeof bytes, 0);
    if (size <= 0) return session.is_open = false;
    session.buffer.append(bytes, static_cast<std::size_t>(size));
    return true;
  }
  std::string read_line(Session& session) {
    std::size_t end;
    while ((end = session.buffer.find("\r\n")) == std::string::npos) {
      if (!fill(session)) return {};
    }
    const std::string line = session.buffer.substr(0, end);
    session.buffer.erase(0, end + 2);
    return line;
  }
  void say(Session& session, const std::string& text) {
    if (::send(session.fd, text.data(), text.size(), MSG_NOSIGNAL) < 0 || !text.ends_with("\r\n")) {
      session.is_open = false;
      ::shutdown(session.fd, SHUT_RDWR);
    }
  }
  std::string usual(const Session& session, const std::string& line) const {
    const bool has_recipients = !session.message.recipients.empty();
    if (line.starts_with("RCPT") && session.message.sender.empty()) return "503 5.5.1 MAIL first\r\n";
    if ((line == "DATA" || line == "BDAT") && !has_recipients) return "503 5.5.1 RCPT first\r\n";
    if (line.starts_with("EHLO")) {
      std::string reply = "250-sink.example\r\n";
      for (const auto& extension : options_.extensions) reply += "250-" + extension + "\r\n";
      return reply + "250 HELP\r\n";
    }
    if (line == "DATA") return "354 go on\r\n";
    if (line == "QUIT") return "221 bye\r\n";
    return "250 2.0.0 ok\r\n";
  }
  std::string answer(const Session& session, const std::string& line) {
    std::string text;
    if (options_.answer) text = options_.answer(line, session.number);
    return text.empty() ? usual(session, line) : text;
  }

  void handle(Session& session, const std::string& line) {
    {
      const std::lock_guard lock{mutex_};
      lines_.push_back(line);
    }
    if (line.starts_with("BDAT ")) {
      const std::size_t size = std::stoul(line.substr(5));
      while (session.buffer.size() < size && fill(session)) {
      }
      if (!session.is_open) return;
      session.message.body = session.buffer.substr(0, size);
      session.buffer.erase(0, size);
      return end_message(session, answer(session, "BDAT"));
    }
    const std::string reply = answer(session, line);
    const bool is_positive = reply.starts_with('2');
    if (is_positive && line.starts_with("MAIL")) session.message = {session.number, line, {}, {}};
    if (line.starts_with("RSET")) session.message = {};
    if (is_positive && line.starts_with("RCPT") && !session.message.sender.empty())
      session.message.recipients.push_back(line);
    say(session, reply);
    if (line == "QUIT") session.is_open = false;
    if (line == "DATA" && reply.starts_with("354")) read_body(session);
  }
  void read_body(Session& session) {
    while (true) {
      const std::string line = read_line(session);
      if (!session.is_open) return;
      if (line == ".") return end_message(session, answer(session, "."));
      session.message.body += (line.starts_with('.') ? line.substr(1) : line) + "\r\n";
    }
  }
  void end_message(Session& session, const std::string& reply) {
    if (reply.starts_with('2') && reply.ends_with("\r\n") && !session.message.recipients.empty()) {
      const std::lock_guard lock{mutex_};
      messages_.push_back(session.message);
    }
    session.message = {};
    say(session, reply);
  }

  Options options_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::vector<std::thread> sessions_;
  std::vector<int> open_;
  std::vector<SunkMessage> messages_;
  std::vector<std::string> clients_, lines_;
};

}  // namespace bulkhead::delivery
