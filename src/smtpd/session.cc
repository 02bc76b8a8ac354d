#include "src/smtpd/session.h"

#include <algorithm>

#include "src/proto/smtp/line_reader.h"
#include "src/proto/smtp/path.h"
#include "src/smtpd/commands/commands.h"
#include "src/smtpd/policy.h"
#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

namespace {

// Below this a chunk that is not the last is no way to send mail but one to stay connected.
constexpr std::uint64_t kTinyChunk = 1024;

// Whether the command brings no message nearer to its end.
bool is_idle(const smtp::Command& command) {
  switch (command.verb) {
    case smtp::Verb::kEhlo:
    case smtp::Verb::kHelo:
    case smtp::Verb::kNoop:
    case smtp::Verb::kRset:
    case smtp::Verb::kVrfy:
    case smtp::Verb::kExpn:
    case smtp::Verb::kHelp:
      return true;
    case smtp::Verb::kBdat: {
      const auto& chunk = std::get<smtp::BdatArguments>(command.arguments);
      return !chunk.is_last && chunk.size < kTinyChunk;
    }
    default:
      return false;
  }
}

// Replies that wait for further commands are sent when they get this long.
constexpr std::size_t kOutputMax = 16384;

constexpr std::uint64_t kPatienceWithAccepted = 100;  // so many times as much

// Whose every recipient is refused for now gains nothing by further ones. One accepted makes the client a useful one:
// it may well name all that are too many for the transaction, and must not lose the message for that.
bool is_put_off_too_often(const Conversation& conversation) {
  const bool has_accepted = conversation.transaction && !conversation.transaction->accepted.empty();
  const std::uint64_t most = conversation.services.settings.put_offs_max;
  return conversation.put_offs >= (has_accepted ? most * kPatienceWithAccepted : most);
}

smtp::Reply stopping() {
  return smtp::Reply(421, "4.3.2", "The server is stopping: try again soon");
}

std::size_t line_size_max(const Conversation& conversation, std::string_view input) {
  const bool is_auth = conversation.sasl || smtp::equals_ignoring_case(input.substr(0, 4), "AUTH");
  return is_auth ? smtp::kAuthLineSizeMax : smtp::kCommandSizeMax;
}

Conversation begin_conversation(SmtpServices& services, const net::Stream& stream, ListenerKind kind) {
  return Conversation{.services = services,
                      .kind = kind,
                      .client = stream.remote().ip,
                      .arrival = stream.local(),
                      .tls = {},
                      .helo = {},
                      .signed_in = {},
                      .sasl = {},
                      .transaction = {}};
}

}  // namespace

Session::Session(SmtpServices& services, BufferPool& buffers, net::Stream& stream, ListenerKind kind)
    : stream_(stream), conversation_(begin_conversation(services, stream, kind)), input_(buffers) {}

Task<void> Session::run() {
  auto& census = conversation_.services.census;
  const IpAddress client = conversation_.client;
  const ListenerKind kind = conversation_.kind;
  auto unwelcome = check_client(conversation_.services, client, kind);
  if (unwelcome) {
    ++census.counters().sessions_refused;
    if (kind != ListenerKind::kSubmissions) {
      queue_reply(*unwelcome);
      co_await flush();
    }
    stream_.close();
    co_return;
  }
  const auto admission = census.enter(client, kind);
  if (admission == Census::Admission::kAdmitted) {
    Flow flow = co_await open();
    while (flow == Flow::kGoOn) flow = co_await step();
    if (conversation_.signed_in) {
      conversation_.services.trace.record(conversation_.event(trace::EventKind::kLogout));
    }
    census.leave(client, kind);
    census.counters().ended(kind, conversation_.tls);
  } else if (kind != ListenerKind::kSubmissions) {  // there the client waits for TLS, not for text
    queue_reply(smtp::Reply(421, "4.7.0",
                            admission == Census::Admission::kClientFull
                                ? "Too many connections from your address: try again later"
                                : "Too many connections: try again later"));
    co_await flush();
  }
  stream_.close();
}

void Session::queue_reply(const smtp::Reply& reply) {
  conversation_.services.census.counters().replied(reply.code);
  reply.append_to(output_);
}

void Session::drain() {
  dismiss(stopping());
}

void Session::dismiss(smtp::Reply farewell) {
  farewell_ = std::move(farewell);
  is_draining_ = true;
  if (is_waiting_for_command_) stream_.cancel();
}

Task<Session::Flow> Session::open() {
  auto& services = conversation_.services;
  if (conversation_.kind == ListenerKind::kSubmissions) {
    if (services.tls == nullptr) co_return Flow::kEnd;
    const Status status = co_await stream_.start_tls_server(*services.tls, services.settings.handshake_timeout);
    services.census.counters().handshake(conversation_.kind, status);
    if (!status || stream_.tls() == nullptr) co_return Flow::kEnd;
    conversation_.tls = stream_.tls()->text();
    greet();
    co_return Flow::kGoOn;
  }
  if (services.settings.banner_delay.count() > 0) {
    const bool may_go_on = co_await services.pacer.pause(services.settings.banner_delay);
    if (!may_go_on) co_return Flow::kEnd;
  }
  // Whoever talks before the banner is no mail client (RFC 5321 §4.3.1).
  if (stream_.is_readable_now()) {
    queue_reply(smtp::Reply(554, "5.5.1", "Wait for the greeting before you speak"));
    co_return co_await end();
  }
  greet();
  co_return Flow::kGoOn;
}

void Session::greet() {
  queue_reply(smtp::Reply(220, "", conversation_.host_name() + " ESMTP Bulkhead"));
}

Task<Session::Flow> Session::step() {
  if (is_draining_) {
    queue_reply(farewell_);
    co_return co_await end();
  }
  const auto found = smtp::find_line(input_.view(), line_size_max(conversation_, input_.view()));
  switch (found.kind) {
    case smtp::FoundLine::Kind::kIncomplete:
      co_return co_await wait_for_command();
    case smtp::FoundLine::Kind::kLine:
      co_return co_await take_line(found.line, found.consumed);
    case smtp::FoundLine::Kind::kTooLong:
      co_return co_await refuse_framing("The line is too long");
    case smtp::FoundLine::Kind::kBareLf:
      co_return co_await refuse_framing("Lines must end with CR LF, not with LF alone");
    case smtp::FoundLine::Kind::kBareCr:
      co_return co_await refuse_framing("Lines must end with CR LF, not with CR alone");
    case smtp::FoundLine::Kind::kNul:
      co_return co_await refuse_framing("A command cannot have a NUL");
  }
  co_return Flow::kEnd;
}

// `line` lies in the input buffer: it is used up before anything is awaited.
Task<Session::Flow> Session::take_line(std::string_view line, std::size_t consumed) {
  command_deadline_.reset();
  if (conversation_.sasl) {
    std::string response{line};
    input_.consume(consumed);
    auto answer = co_await auth_response(conversation_, std::move(response));
    co_return co_await conclude(std::move(answer));
  }
  if (smtp::is_foreign_protocol(line)) {
    ++conversation_.services.census.counters().framing_attacks;
    co_return Flow::kEnd;
  }
  auto command = smtp::parse_command(line);
  input_.consume(consumed);
  if (command) co_return co_await take_command(std::move(*command));
  if (command.error().has_lost_framing) {
    queue_reply(command.error().reply);
    co_return co_await end();
  }
  Answer refused{std::move(command.error().reply)};
  co_return co_await conclude(std::move(refused));
}

Task<Session::Flow> Session::take_command(smtp::Command command) {
  if (is_idle(command) && ++conversation_.idle_commands > conversation_.services.settings.idle_commands_max) {
    queue_reply(smtp::Reply(421, "4.7.0", "Too many commands without a message"));
    co_return co_await end();
  }
  const auto& rule = rule_of(command.verb);
  auto out_of_order = check_order(rule, conversation_);
  const bool is_refused = out_of_order.has_value();
  Answer refusal{is_refused ? std::move(*out_of_order) : smtp::Reply{}};
  if (command.verb == smtp::Verb::kBdat) {
    // The chunk follows the command whether or not it is welcome (RFC 3030 §2).
    const auto chunk = std::get<smtp::BdatArguments>(command.arguments);
    if (is_refused) co_return co_await receive_chunk(chunk, std::move(refusal));
    auto answer = co_await rule.handler(conversation_, std::move(command));
    co_return co_await receive_chunk(chunk, std::move(answer));
  }
  if (is_refused) co_return co_await conclude(std::move(refusal));
  auto answer = co_await rule.handler(conversation_, std::move(command));
  co_return co_await conclude(std::move(answer));
}

// g++ 12 destroys the temporaries of a co_await inside a condition wrongly: each result gets a name first.

// Slows down who errs, queues the reply, and does what comes next.
Task<Session::Flow> Session::conclude(Answer answer) {
  if (answer.next == Next::kStartTls) co_return co_await start_tls(std::move(answer.reply));
  const bool is_error = answer.reply.is_permanent() && answer.next != Next::kClose;
  if (is_error) {
    const Flow slowed = co_await slow_down();
    if (slowed == Flow::kEnd) co_return Flow::kEnd;
  }
  queue_reply(answer.reply);
  if (answer.next == Next::kClose) {
    co_await flush();
    co_return Flow::kEnd;
  }
  if (answer.next == Next::kReceiveData) co_return co_await receive_data();
  if (is_put_off_too_often(conversation_)) {
    queue_reply(smtp::Reply(421, "4.7.0", "Too many recipients that cannot be taken now: try again later"));
    co_return co_await end();
  }
  if (is_error && conversation_.errors >= conversation_.services.settings.errors_max) {
    queue_reply(smtp::Reply(421, "4.7.0", "Too many errors"));
    co_return co_await end();
  }
  if (output_.size() >= kOutputMax) co_return co_await flush();
  co_return Flow::kGoOn;
}

// Counts an error, and lets the answer to it wait where there were many. What was said before goes out first: a client
// that sends without waiting shall not wait for that.
Task<Session::Flow> Session::slow_down() {
  const auto& settings = conversation_.services.settings;
  if (++conversation_.errors <= settings.errors_free || conversation_.errors >= settings.errors_max) {
    co_return Flow::kGoOn;
  }
  const Flow flushed = co_await flush();
  if (flushed == Flow::kEnd) co_return Flow::kEnd;
  const auto delay =
      std::min(settings.error_delay * (conversation_.errors - settings.errors_free), settings.error_delay_max);
  const bool may_go_on = co_await conversation_.services.pacer.pause(delay);
  if (may_go_on) co_return Flow::kGoOn;
  queue_reply(stopping());
  co_return co_await end();
}

// After broken framing nobody knows what is a command and what is content: the connection ends.
Task<Session::Flow> Session::refuse_framing(std::string_view what) {
  ++conversation_.services.census.counters().framing_attacks;
  queue_reply(smtp::Reply(500, "5.5.2", what));
  co_return co_await end();
}

Task<Session::Flow> Session::start_tls(smtp::Reply go_ahead) {
  auto& services = conversation_.services;
  // What came with or right after the command came in clear, perhaps from somebody in between, and must not be taken
  // for something that was said under TLS (RFC 3207 §4.2, "plaintext command injection").
  if (!input_.view().empty() || stream_.is_readable_now()) {
    ++services.census.counters().framing_attacks;
    queue_reply(smtp::Reply(554, "5.5.1", "Nothing may follow STARTTLS before the handshake"));
    co_return co_await end();
  }
  queue_reply(go_ahead);
  const Flow flushed = co_await flush();
  if (flushed == Flow::kEnd) co_return Flow::kEnd;
  const Status status = co_await stream_.start_tls_server(*services.tls, services.settings.handshake_timeout);
  services.census.counters().handshake(conversation_.kind, status);
  if (!status || stream_.tls() == nullptr) co_return Flow::kEnd;
  // All that was learned in clear is forgotten (RFC 3207 §4.2).
  conversation_.tls = stream_.tls()->text();
  conversation_.helo.clear();
  conversation_.is_extended = false;
  conversation_.transaction.reset();
  conversation_.sasl.reset();
  input_.clear();
  co_return Flow::kGoOn;
}

Task<Session::Flow> Session::wait_for_command() {
  const Flow flushed = co_await flush();
  if (flushed == Flow::kEnd) co_return Flow::kEnd;
  input_.shrink();
  const auto& services = conversation_.services;
  // One deadline for the line, however many pieces it comes in.
  const SteadyTime now = services.clock.steady();
  if (!command_deadline_) command_deadline_ = now + services.settings.command_timeout;
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*command_deadline_ - now);
  is_waiting_for_command_ = true;
  const Flow flow = co_await fill(std::max(left, std::chrono::milliseconds{0}));
  is_waiting_for_command_ = false;
  co_return flow;
}

Task<Session::Flow> Session::fill(std::chrono::milliseconds timeout) {
  const auto space = input_.space();
  const auto count = co_await stream_.read_some(space, timeout);
  if (count && *count > 0) {
    input_.commit(*count);
    co_return Flow::kGoOn;
  }
  if (!count && count.error().code == ErrorCode::kTimeout) {
    queue_reply(smtp::Reply(421, "4.4.2", "Nothing came for too long"));
    co_return co_await end();
  }
  if (!count && count.error().code == ErrorCode::kCancelled) {
    queue_reply(is_draining_ ? farewell_ : stopping());
    co_return co_await end();
  }
  co_return Flow::kEnd;
}

Task<Session::Flow> Session::flush() {
  if (output_.empty()) co_return Flow::kGoOn;
  const Status status =
      co_await stream_.write_all(std::string_view{output_}, conversation_.services.settings.write_timeout);
  output_.clear();
  if (output_.capacity() > kOutputMax) output_.shrink_to_fit();
  co_return status ? Flow::kGoOn : Flow::kEnd;
}

Task<Session::Flow> Session::end() {
  co_await flush();
  co_return Flow::kEnd;
}

}  // namespace bulkhead::smtpd
