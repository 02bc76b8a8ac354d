// One SMTP connection: reads, lets proto/smtp find the commands and the command table carry them out, writes.
//
// Nothing is decided here but framing, order and time. Replies are written together: as long as a further complete
// command has arrived, its reply joins those that wait, and one write sends all of them (RFC 2920 §3.2).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/net/stream.h"
#include "src/smtpd/command_table.h"
#include "src/smtpd/conversation.h"
#include "src/smtpd/input_buffer.h"
#include "src/smtpd/pace.h"

namespace bulkhead::smtpd {

// Lives on one shard; services, pool and stream outlive it.
class Session {
 public:
  Session(SmtpServices& services, BufferPool& buffers, net::Stream& stream, ListenerKind kind);

  // The whole session, from the banner to the close.
  Task<void> run();

  // The server is stopping: says 421 at the next command, at once when the session waits for one. On the shard.
  void drain();
  // The same with another farewell.
  void dismiss(smtp::Reply farewell);
  const std::optional<Originator>& signed_in() const { return conversation_.signed_in; }

 private:
  enum class Flow : bool { kEnd, kGoOn };

  Task<Flow> open();
  void greet();
  Task<Flow> step();
  Task<Flow> take_line(std::string_view line, std::size_t consumed);
  Task<Flow> take_command(smtp::Command command);
  Task<Flow> conclude(Answer answer);
  Task<Flow> slow_down();
  Task<Flow> refuse_framing(std::string_view what);

  Task<Flow> receive_data();
  Task<Flow> receive_chunk(smtp::BdatArguments chunk, Answer answer);
  Task<Flow> discard_chunk(std::uint64_t size);
  Task<Flow> start_tls(smtp::Reply go_ahead);

  Task<Flow> wait_for_command();
  Task<Flow> fill(std::chrono::milliseconds timeout);
  Task<Flow> fill_data();
  Task<Flow> flush();
  Task<Flow> end();  // writes what is queued
  void queue_reply(const smtp::Reply& reply);

  net::Stream& stream_;
  Conversation conversation_;
  InputBuffer input_;
  std::string output_;
  std::vector<std::string_view> pieces_;
  Pace pace_;                                   // of the message that arrives
  std::optional<SteadyTime> command_deadline_;  // of the line that is waited for
  bool is_draining_ = false;
  smtp::Reply farewell_;
  bool is_waiting_for_command_ = false;
};

}  // namespace bulkhead::smtpd
