// The client's side of one SMTP connection as a pure state machine: bytes of the remote in, bytes to write out.
//
// The driver owns the socket. It writes what take_output() returns, passes what it reads to receive(), and looks at
// phase(). Commands are pipelined where the server allows it (RFC 2920): MAIL, all RCPT and DATA in one write, the next
// transaction behind the final dot of the one before; with CHUNKING also the body (RFC 3030). A reply that comes before
// its command was written, and anything behind the reply to STARTTLS (RFC 3207 §6), is an attack or a broken server:
// the session ends.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/proto/smtp/client_extensions.h"
#include "src/proto/smtp/client_reply.h"

namespace bulkhead::smtp {

enum class ClientTls : std::uint8_t { kNever, kIfOffered, kRequired };

struct ClientSettings {
  std::string helo;
  ClientTls tls = ClientTls::kIfOffered;
};

// What the remote was answering.
enum class ClientStage : std::uint8_t { kGreeting, kHello, kStartTls, kMail, kRcpt, kData, kEndOfData, kOther };

enum class ClientPhase : std::uint8_t {
  kOpening,    // greeting, EHLO and STARTTLS are under way: write and read
  kHandshake,  // the driver does the TLS handshake, then calls tls_started()
  kReady,      // begin() or quit()
  kBusy,       // commands are under way: write and read
  kBody,       // the server waits for the body: the driver writes it, then calls end_body()
  kEnded,      // of no further use; ending() says why
};

struct ClientEnding {
  enum class Kind : std::uint8_t {
    kQuit,            // as we wished
    kRefused,         // a negative reply to the greeting, EHLO or a required STARTTLS
    kTlsMissing,      // TLS is required and was not offered
    kShutdown,        // 421: the server closes the connection
    kProtocolBroken,  // the server sent what is no SMTP
    kLost,            // the connection broke
  } kind = Kind::kLost;
  ClientStage stage = ClientStage::kOther;
  Reply reply;      // code 0 when there was none
  std::string why;  // a sentence where there is no reply
};

// How a transaction ended.
struct ClientResult {
  std::vector<std::optional<Reply>> refused;  // for each recipient the negative answer to its RCPT
  std::optional<Reply> final;                 // the answer that decides about the others
  ClientStage final_stage = ClientStage::kEndOfData;
  bool has_any_reply = false;  // false: the server never spoke of this transaction
  bool is_body_sent = false;   // without `final` it is unknown whether the server has the message
};

class ClientSession {
 public:
  explicit ClientSession(ClientSettings settings);

  ClientPhase phase() const;
  const ClientExtensions& extensions() const { return extensions_; }
  bool has_tls() const { return has_tls_; }
  const ClientEnding& ending() const { return ending_; }

  void receive(std::string_view bytes);
  // The TLS handshake has succeeded: greets anew, forgetting all that was learnt in clear.
  void tls_started();
  void connection_lost(std::string why);

  // Whether a body of this size goes together with its envelope, in one write.
  bool takes_body_at_once(std::uint64_t wire_size) const;
  // Starts a transaction: in kReady, or with a pipelining server right after end_body(). The driver writes the body
  // right behind the output with begin_with_body(); with begin() it waits for kBody.
  void begin(const ClientMail& mail);
  void begin_with_body(const ClientMail& mail, std::uint64_t wire_size);
  // The body is written, or will be in front of what take_output() returns next. In kBody.
  void end_body();
  void quit();

  std::string take_output();
  // The results in the order of begin(), each once.
  std::optional<ClientResult> take_result();
  std::size_t transactions() const { return begun_; }  // started on this connection

  static constexpr std::uint64_t kAtOnceMax = 64 * 1024;

 private:
  struct Expected {
    ClientStage stage;
    std::uint32_t recipient = 0;
    bool is_quit = false;
  };
  struct Transaction {
    ClientResult result;
    std::vector<ClientRecipient> unwritten;  // without pipelining: all recipients, of which
    std::size_t next_rcpt = 0;               // this one's RCPT is written next
    std::size_t accepted = 0;
    bool is_mail_refused = false;
    bool is_chunked = false;
    bool awaits_body = false;    // 354 has come
    bool is_dummy_body = false;  // an empty message nobody receives, as DATA was accepted without recipients
  };

  void expect(ClientStage stage, std::uint32_t recipient = 0);
  void write_envelope(Transaction& transaction, const ClientMail& mail);
  void handle(Reply reply, std::string_view rest);
  void handle_unexpected(Reply reply);
  void on_greeting(Reply reply);
  void on_hello(Reply reply);
  void on_start_tls(Reply reply, std::string_view rest);
  void on_mail(Reply reply);
  void on_rcpt(Reply reply, std::uint32_t recipient);
  void on_data(Reply reply);
  void on_end_of_data(Reply reply);
  void on_shutdown(ClientStage stage, std::uint32_t recipient, Reply reply);
  void continue_in_lockstep();
  void finish_transaction();
  void end(ClientEnding ending);

  ClientSettings settings_;
  ClientExtensions extensions_;
  ReplyReader reader_;
  std::string output_;
  std::deque<Expected> expected_;
  std::size_t unwritten_ = 0;  // of the expected replies, those whose command is still in output_
  std::deque<Transaction> transactions_;
  std::deque<ClientResult> results_;
  std::size_t begun_ = 0;
  ClientEnding ending_;
  bool is_open_ = false;  // greeted
  bool is_ended_ = false;
  bool is_handshaking_ = false;
  bool has_tls_ = false;
  bool says_helo_ = false;    // EHLO was refused
  bool needs_reset_ = false;  // the server may still hold the envelope of a failed transaction
};

}  // namespace bulkhead::smtp
