#include "src/admin/http_session.h"

#include <algorithm>
#include <array>

#include "src/admin/rest/error_reply.h"

namespace bulkhead::admin {
namespace {

namespace http = proto::http;
using std::chrono::milliseconds;

constexpr std::size_t kReadSize = 16 * 1024;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
// What a refused peer may still send while it reads our answer; closing at once would reset the connection under it.
constexpr std::size_t kLingerReads = 16;
constexpr milliseconds kLingerTimeout{500};

class HttpSession {
 public:
  HttpSession(net::Stream& stream, HttpContext& context, HttpHandler& handler, HttpSessionOptions options)
      : stream_(stream), context_(context), handler_(handler), options_(std::move(options)), parser_(options_.limits) {}

  Task<void> run() {
    while (!context_.group.is_cancelled()) {
      const bool has_request = co_await read_request();
      if (!has_request) break;
      note_busy(true);
      auto request = parser_.take();
      const bool is_head = request.method == "HEAD";
      if (is_head) request.method = "GET";
      const bool takes_chunks = request.takes_chunks;
      bool keeps_alive = request.is_keep_alive && !context_.group.is_cancelled();
      auto reply = co_await handler_.handle(context_, std::move(request));
      if (is_head) reply.stream.reset();
      if (reply.stream && !takes_chunks) keeps_alive = false;
      const auto connection = keeps_alive ? http::Connection::kKeepAlive : http::Connection::kClose;
      bool is_written = false;
      if (reply.stream) {
        is_written = co_await write_stream(reply, connection, takes_chunks);
      } else {
        is_written = co_await write_whole(reply.response, connection, is_head);
      }
      if (!is_written || !keeps_alive) break;
      note_busy(false);
    }
  }

 private:
  // True with a complete request in the parser.
  Task<bool> read_request() {
    auto deadline = context_.clock.steady() + options_.timeouts.idle;
    bool has_begun = false;
    while (true) {
      feed();
      if (parser_.state() == State::kDone) co_return true;
      if (parser_.state() == State::kRefused) {
        co_await refuse(parser_.refusal().status, parser_.refusal().reason);
        co_return false;
      }
      if (!has_begun && parser_.state() != State::kStart) {
        has_begun = true;
        deadline = context_.clock.steady() + options_.timeouts.request;
      }
      if (parser_.take_expects_continue()) {
        const bool is_written = co_await write(kContinue);
        if (!is_written) co_return false;
      }
      const auto left = std::chrono::duration_cast<milliseconds>(deadline - context_.clock.steady());
      // Past the deadline nothing is read any more: a peer whose bytes are always ready would otherwise never time out.
      if (left.count() <= 0) break;
      const auto size = co_await stream_.read_some(buffer_, left);
      if (!size && size.error().code == ErrorCode::kTimeout) break;
      if (!size || *size == 0) co_return false;
      unread_ = {buffer_.data(), *size};
    }
    if (has_begun) co_await refuse(408, "the request took too long");
    co_return false;
  }

  void note_busy(bool is_busy) const {
    if (options_.on_busy) options_.on_busy(is_busy);
  }

  void feed() { unread_.remove_prefix(parser_.feed(unread_)); }

  // `reason` outlives the task.
  Task<void> refuse(int status, std::string_view reason) {
    const auto response = refusal_response(status, std::string{reason});
    const bool is_written = co_await write_whole(response, http::Connection::kClose, false);
    if (!is_written) co_return;
    for (std::size_t i = 0; i < kLingerReads; ++i) {
      const auto size = co_await stream_.read_some(buffer_, kLingerTimeout);
      if (!size || *size == 0) break;
    }
  }

  Task<bool> write(std::string_view bytes) {
    const auto written = co_await stream_.write_all(bytes, options_.timeouts.write);
    co_return written.has_value();
  }

  Task<bool> write_whole(const http::Response& response, http::Connection connection, bool is_head) {
    const std::string head = http::encode_head(response, connection, http::BodyFraming::kLength);
    const std::array<std::string_view, 2> pieces{head, is_head ? std::string_view{} : std::string_view{response.body}};
    const std::span<const std::string_view> span{pieces};
    const auto written = co_await stream_.write_all(span, options_.timeouts.write);
    co_return written.has_value();
  }

  // A broken source leaves the last chunk out, so that the peer sees that the answer is incomplete.
  Task<bool> write_stream(HttpReply& reply, http::Connection connection, bool is_chunked) {
    const auto framing = is_chunked ? http::BodyFraming::kChunked : http::BodyFraming::kUntilClose;
    const std::string head = http::encode_head(reply.response, connection, framing);
    const bool has_head = co_await write(head);
    if (!has_head) co_return false;
    while (true) {
      const auto piece = co_await reply.stream->next();
      if (!piece) co_return false;
      const std::string chunk = is_chunked ? http::encode_chunk(*piece) : *piece;
      const bool is_written = co_await write(chunk);
      if (!is_written) co_return false;
      if (piece->empty()) co_return true;
    }
  }

  using State = http::RequestParser::State;
  net::Stream& stream_;
  HttpContext& context_;
  HttpHandler& handler_;
  HttpSessionOptions options_;
  http::RequestParser parser_;
  std::array<char, kReadSize> buffer_{};
  std::string_view unread_;  // of buffer_
};

}  // namespace

Task<void> serve_http(net::Stream& stream, HttpContext& context, HttpHandler& handler, HttpSessionOptions options) {
  auto session = std::make_unique<HttpSession>(stream, context, handler, std::move(options));
  co_await session->run();
  stream.close();
}

}  // namespace bulkhead::admin
