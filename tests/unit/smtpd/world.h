// The world that the tests of the SMTP server play in; tests/dialogs/README.md describes it for readers of dialogs.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "src/base/random.h"
#include "src/mail/base64.h"
#include "src/smtpd/services.h"
#include "src/smtpd/session.h"
#include "tests/testlib/fake_directory.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/memory_stream.h"
#include "tests/testlib/recording_log.h"
#include "tests/testlib/recording_trace.h"

namespace bulkhead::smtpd {

struct FakeBlob final : store::BlobWriter {
  FakeBlob(std::shared_ptr<std::string> its_bytes, const Status& its_status)
      : bytes(std::move(its_bytes)), status(its_status) {}
  Status append(std::string_view more) override {
    if (status) bytes->append(more);
    return status;
  }
  std::uint64_t size() const override { return bytes->size(); }
  std::shared_ptr<std::string> bytes;
  Status status;
};

// Keeps what was accepted.
class FakeIntake final : public Intake {
 public:
  struct Accepted {
    queue::Message message;
    std::string body;
    std::vector<trace::Event> events;
  };
  std::vector<Accepted> accepted;
  Status new_status, accept_status, write_status, queue_status;
  std::vector<TenantId> asked_for;  // of admits()
  std::map<AccountId, std::uint64_t> mailbox_bytes;

  Task<Status> accept(net::Shard&, queue::NewMessage made) override {
    if (!accept_status) co_return accept_status;
    auto* const blob = static_cast<FakeBlob*>(made.body.get());
    accepted.push_back({std::move(made.message), *blob->bytes, std::move(made.events)});
    co_return Status{};
  }
  Task<Status> admits(net::Shard&, TenantId tenant) override {
    asked_for.push_back(tenant);
    co_return queue_status;
  }
  Status accepts_new() override { return new_status; }
  Task<bool> has_room(net::Shard&, AccountId account, std::uint64_t quota, std::uint64_t size) override {
    co_return mailbox_bytes[account] + size <= quota;
  }
  std::unique_ptr<store::BlobWriter> new_blob() override {
    return std::make_unique<FakeBlob>(std::make_shared<std::string>(), write_status);
  }
};

class FakePacer final : public Pacer {
 public:
  std::vector<std::chrono::milliseconds> pauses;
  bool is_stopping = false;
  Task<bool> pause(std::chrono::milliseconds delay) override {
    pauses.push_back(delay);
    co_return !is_stopping;
  }
};

class World {
 public:
  World();

  testlib::ManualClock clock;
  SeededRandom random{42};
  testlib::RecordingLog log;
  testlib::FakeDirectory directory;
  testlib::RecordingTrace trace;
  FakeIntake intake;
  FakePacer pacer;
  Settings settings;
  Census census{settings};
  SignInGuard guard{settings, clock};
  net::Shard shard{0};
  net::TlsServerContexts contexts{[](std::string_view, const SocketAddress&) { return net::CertificatePtr{}; }};
  BufferPool buffers;
  netpolicy::Limiter limiter{clock};
  SmtpServices services{shard, directory, intake,           trace,     clock,   random, log, census, guard,
                        pacer, settings,  "mx.isp.example", &contexts, &limiter};
};

// A session on a memory stream.
class Connection {
 public:
  Connection(World& world, ListenerKind kind = ListenerKind::kSmtp, const std::string& arrival = "192.0.2.20",
             const std::string& client = "198.51.100.7");
  ~Connection();
  void open();  // runs the session up to its first wait

  testlib::MemoryStream stream;
  Session session;
  bool is_done = false;

  // Sends bytes and gives what the server wrote since.
  std::string say(const std::string& bytes);
  // base64 of \0user\0password, as PLAIN wants it.
  static std::string plain(const std::string& user, const std::string& password);
};

inline World::World() {
  const auto acme = directory.add_tenant("acme");
  const auto beta = directory.add_tenant("beta");
  const auto gamma = directory.add_tenant("gamma");
  const auto delta = directory.add_tenant("delta");
  directory.rows.tenants.back().suspension = tenants::Suspension::kSuspended;
  directory.add_address("192.0.2.10", acme, "mail.acme.example");
  directory.add_address("192.0.2.20", std::nullopt, "");
  directory.add_domain(acme, "acme.example");
  directory.add_domain(beta, "beta.example");
  directory.add_domain(beta, "isp.example");
  directory.add_domain(gamma, "gamma.example");
  directory.add_domain(delta, "delta.example");
  for (const char* name :
       {"anna@acme.example", "bob@acme.example", "carol@acme.example", "ben@beta.example", "postmaster@isp.example",
        "gus@gamma.example", "dora@delta.example", "jürgen@beta.example"}) {
    directory.add_account(name);
  }
  directory.find_account("carol@acme.example")->suspension = tenants::Suspension::kSuspended;
  directory.add_account("printer@gamma.example").client_networks.push_back(*IpNetwork::parse("198.51.100.99"));
  directory.add_alias("team@acme.example", {"anna@acme.example", "bob@acme.example", "friend@remote.example"});
  directory.add_alias("sales@beta.example", {"ben@beta.example"});
  directory.add_alias("loop@beta.example", {"pool@beta.example"});
  directory.add_alias("pool@beta.example", {"loop@beta.example"});
  directory.add_alias("postmaster@acme.example", {"anna@acme.example"});
  directory.publish();
}

inline Connection::Connection(World& world, ListenerKind kind, const std::string& arrival, const std::string& client)
    : stream({*IpAddress::parse(arrival), 25}, {*IpAddress::parse(client), 40000}),
      session(world.services, world.buffers, stream, kind) {}

inline Connection::~Connection() {
  if (!is_done) stream.end();
}

inline void Connection::open() {
  testlib::start(session.run(), is_done);
}

inline std::string Connection::say(const std::string& bytes) {
  stream.give(bytes);
  return stream.take_written();
}

inline std::string Connection::plain(const std::string& user, const std::string& password) {
  return mail::encode_base64(std::string(1, '\0') + user + std::string(1, '\0') + password);
}

}  // namespace bulkhead::smtpd
