// The administration over a real SQLite directory, with fakes for queue, trace, store, mailboxes and host.
#pragma once

#include <deque>
#include <memory>
#include <mutex>

#include <gtest/gtest.h>

#include "src/admin/rest/api_handler.h"
#include "src/admin/rest/router.h"
#include "tests/testlib/fake_resolver.h"
#include "tests/testlib/fake_store.h"
#include "tests/testlib/manual_clock.h"
#include "tests/testlib/shard_runner.h"
#include "tests/testlib/temporary_directory.h"
#include "tests/unit/admin/fake_desk.h"
#include "tests/unit/admin/fake_monitor.h"

namespace bulkhead::admin {

class FakeQueue final : public queue::Queue {
 public:
  std::vector<queue::DeliveryView> deliveries;
  std::vector<queue::Selector> retried;
  int mailbox_wakes = 0;
  int limit_wakes = 0;

  void set_carrier(std::size_t, queue::Carrier&) override {}
  Status start() override { return {}; }
  queue::ShardQueue& shard_queue(std::size_t) override { std::abort(); }
  Task<Status> accept(net::Shard&, queue::NewMessage) override { co_return Status{}; }
  void sources_changed() override {}
  void mailbox_changed(const TenantId&, const AccountId&) override { ++mailbox_wakes; }
  void limits_changed() override { ++limit_wakes; }
  Task<queue::Counts> retry_now(net::Shard&, queue::Selector selector) override {
    retried.push_back(selector);
    co_return count_of(selector);
  }
  Task<queue::Counts> count_of(net::Shard&, TenantId tenant) override {
    queue::Selector selector;
    selector.tenant = tenant;
    co_return count_of(selector);
  }
  bool is_loaded() const override { return true; }
  Task<queue::Counts> count(net::Shard&, queue::Selector selector) override { co_return count_of(selector); }
  Task<std::vector<queue::DeliveryView>> list(net::Shard&, queue::Selector selector, std::string after,
                                              std::size_t limit) override {
    std::vector<queue::DeliveryView> found;
    for (const auto& delivery : deliveries) {
      if (matches(delivery, selector) && delivery.key.text() > after && found.size() < limit) found.push_back(delivery);
    }
    co_return found;
  }
  Task<Result<queue::DirectiveAnswer>> direct(net::Shard&, queue::DirectiveOrder order) override {
    orders.push_back(order);
    queue::DirectiveAnswer answer;
    if (order.ends) {
      std::erase_if(in_force, [&](const queue::DirectiveView& view) { return view.directive.id == *order.ends; });
      co_return end_answer;
    }
    answer.deliveries = answer.messages = count_of(order.selector).deliveries;
    if (order.is_dry_run) co_return answer;
    queue::DirectiveView view;
    view.directive.id = queue::DirectiveId{Ulid{{static_cast<std::uint8_t>(orders.size())}}};
    view.directive.action = order.action;
    view.directive.selector = order.selector;
    view.directive.by = order.by;
    answer.id = view.directive.id;
    in_force.push_back(view);
    co_return answer;
  }
  Task<std::vector<queue::DirectiveView>> directives(net::Shard&) override { co_return in_force; }
  Task<std::vector<queue::TopRow>> top(net::Shard&, queue::TopBy by, queue::Selector selector,
                                       std::size_t limit) override {
    top_by = by;
    std::vector<queue::TopRow> rows;
    for (const auto& delivery : deliveries) {
      if (!matches(delivery, selector) || rows.size() == limit) continue;
      const auto key = by == queue::TopBy::kSender ? delivery.message->sender.text() : "key";
      rows.push_back({key, delivery.message->tenant, {.messages = 1, .deliveries = rows.size() + 1}});
    }
    co_return rows;
  }
  Task<void> drain(net::Shard&, std::chrono::milliseconds) override { co_return; }

  std::vector<queue::DirectiveOrder> orders;
  queue::DirectiveAnswer end_answer;  // to an order that ends one
  std::vector<queue::DirectiveView> in_force;
  std::optional<queue::TopBy> top_by;

 private:
  static bool matches(const queue::DeliveryView& delivery, const queue::Selector& selector) {
    return (!selector.tenant || delivery.message->tenant == *selector.tenant) &&
           (!selector.id || delivery.message->id == *selector.id) &&
           (selector.state.empty() || delivery.state == selector.state);
  }
  queue::Counts count_of(const queue::Selector& selector) const {
    queue::Counts counts;
    for (const auto& delivery : deliveries) {
      if (!matches(delivery, selector)) continue;
      ++counts.messages;
      ++counts.deliveries;
    }
    return counts;
  }
};

class FakeTrace final : public trace::Trace {
 public:
  void encode_into(store::Batch&, const trace::Event& event) override { record(event); }
  void record(trace::Event event) override {
    const std::lock_guard lock{mutex_};
    if (on_event_) on_event_(event);
    events_.push_back(std::move(event));
  }
  void publish(const trace::Event&) override {}
  Result<std::vector<trace::Event>> search(const trace::Query& query) const override {
    const std::lock_guard lock{mutex_};
    std::vector<trace::Event> found;
    for (const auto& event : events_) {
      if (trace::matches(query, event) && found.size() < query.limit) found.push_back(event);
    }
    return found;
  }
  Result<std::vector<trace::Event>> of_message(const MessageId& id) const override {
    const std::lock_guard lock{mutex_};
    std::vector<trace::Event> found;
    for (const auto& event : events_) {
      if (event.id == id) found.push_back(event);
    }
    return found;
  }
  Result<std::vector<trace::Event>> of_message(const TenantId& tenant, const MessageId& id) const override {
    auto found = of_message(id);
    std::erase_if(*found, [&tenant](const trace::Event& event) { return event.tenant != tenant; });
    return found;
  }
  std::shared_ptr<void> follow(trace::Query query, std::function<void(const trace::Event&)> on_event) override {
    const std::lock_guard lock{mutex_};
    followed = std::move(query);
    on_event_ = std::move(on_event);
    return std::make_shared<int>(0);
  }
  Result<Verification> verify() const override { return Verification{.blocks = 1, .events = 2, .faults = {}}; }
  Status settle() override { return {}; }
  Status flush() override { return {}; }
  Usage usage() const override { return {}; }
  void close() override {}

  trace::Event last() const {
    const std::lock_guard lock{mutex_};
    return events_.empty() ? trace::Event{} : events_.back();
  }
  std::string all_details() const {
    const std::lock_guard lock{mutex_};
    std::string text;
    for (const auto& event : events_) text += event.detail + "\n";
    return text;
  }
  trace::Query followed;

 private:
  mutable std::mutex mutex_;
  std::vector<trace::Event> events_;
  std::function<void(const trace::Event&)> on_event_;
};

class FakeMailboxes final : public mailbox::Mailboxes {
 public:
  Result<mailbox::Stored> deliver(const AccountId&, const mailbox::IncomingMessage&, std::uint64_t,
                                  store::Batch&) override {
    return fail(ErrorCode::kUnavailable, "not in this test");
  }
  Result<std::uint64_t> count_bytes(const AccountId&) const override { return 4096; }
  Result<mailbox::MailboxUsage> usage(const AccountId&) const override { return mailbox::MailboxUsage{3, 4096}; }
  Result<std::vector<mailbox::StoredMessage>> list(const AccountId&, const std::string&, std::uint32_t,
                                                   std::size_t) const override {
    return std::vector<mailbox::StoredMessage>{};
  }
  Result<std::optional<mailbox::StoredMessage>> find(const AccountId&, const std::string&,
                                                     std::uint32_t) const override {
    return std::nullopt;
  }
  Result<mailbox::FolderState> folder(const AccountId&, const std::string&) const override {
    return mailbox::FolderState{};
  }
};

class FakeHost final : public netpolicy::HostAddressMonitor {
 public:
  std::shared_ptr<const netpolicy::HostAddresses> current() const override { return addresses; }
  void on_change(std::function<void()>) override {}
  std::shared_ptr<netpolicy::HostAddresses> addresses = std::make_shared<netpolicy::HostAddresses>();
};

// A server with two tenants: acme (acme.example, ann@acme.example, 192.0.2.1) and other (the same of its own,
// 192.0.2.2), and a shared address, 192.0.2.99.
class AdminTest : public ::testing::Test {
 protected:
  AdminTest() {
    directory_ = value(tenants::open_sqlite_directory(directory_path_.path() + "/directory.db", clock_, random_));
    live_ = value(tenants::LiveDirectory::load(*directory_, pool_, runner_.log()));
    services_.reset(new AdminServices{*directory_,
                                      *live_,
                                      pool_,
                                      queue_,
                                      store_,
                                      trace_,
                                      mailboxes_,
                                      host_,
                                      clock_,
                                      random_,
                                      runner_.log(),
                                      "mx1.isp.example",
                                      "0.1.0",
                                      clock_.steady(),
                                      [this](std::size_t) -> net::Resolver& { return resolver_; },
                                      [] {
                                        return std::map<std::string, std::uint64_t>{{"smtp", 5}};
                                      },
                                      {},
                                      &limiter_,
                                      [](const tenants::Limit&) { return std::uint64_t{7}; }});
    handler_ = std::make_unique<ApiHandler>(*services_, AuthenticationPolicy{.failure_delay = {}});
    host_.addresses->present.insert(*IpAddress::parse("192.0.2.1"));
    add_tenant("acme", "192.0.2.1");
    add_tenant("other", "192.0.2.2");
    fake_desk_ = std::make_unique<FakeDesk>(runner_.shard());
    fake_desk_->unknown = {{.provider = "google.com",
                            .shape = "450 ?",
                            .sample = "450 what",
                            .first = clock_.now(),
                            .last = clock_.now()}};
    services_->reputation = fake_desk_.get();
    services_->monitor = &fake_monitor_;
    expect_status(call("POST", "/addresses", {{"ip", "192.0.2.99"}, {"shared", true}}), 201);
  }

  struct Outcome {
    int status = 0;
    Json json;
    HttpReply reply;
  };
  // A request of the operator on the Unix socket, or with this bearer secret over TCP. `target` is below /api/v1.
  Outcome call(const std::string& method, const std::string& target, const Json& body = nullptr,
               const std::string& secret = "") {
    proto::http::Request request;
    if (!body.is_null()) request.body = dump(body);
    return send(std::move(request), method, "/api/v1" + target, secret);
  }
  Outcome send(proto::http::Request request, const std::string& method, const std::string& target,
               const std::string& secret) {
    request.method = method;
    request.path = target.substr(0, target.find('?'));
    if (const auto mark = target.find('?'); mark != std::string::npos) {
      request.query = proto::http::parse_query(std::string_view{target}.substr(mark + 1)).value();
    }
    contexts_.push_back(HttpContext{runner_.shard(), runner_.group(), clock_, net::UnixPeer{0, 1}, {}});
    HttpContext& context = contexts_.back();
    if (!secret.empty()) {
      request.headers.push_back({"Authorization", "Bearer " + secret});
      context.unix_peer.reset();
      context.remote = *SocketAddress::parse("198.51.100.7:40000");
    }
    Outcome answer;
    answer.reply = runner_.run(handler_->handle(context, std::move(request)));
    answer.status = answer.reply.response.status;
    if (auto json = parse_json(answer.reply.response.body)) answer.json = std::move(*json);
    return answer;
  }
  static void expect_status(const Outcome& answer, int status) {
    EXPECT_EQ(answer.status, status) << answer.reply.response.body;
  }
  template <class T>
  static T value(Result<T> result) {
    if (!result) ADD_FAILURE() << result.error().message;
    return std::move(result.value());
  }

  void add_tenant(const std::string& name, const std::string& ip) {
    expect_status(call("POST", "/tenants", {{"name", name}}), 201);
    expect_status(call("POST", "/domains", {{"name", name + ".example"}, {"tenant", name}}), 201);
    expect_status(call("POST", "/addresses", {{"ip", ip}, {"tenant", name}, {"helo", "mail." + name + ".example"}}),
                  201);
    expect_status(call("POST", "/accounts", {{"address", "ann@" + name + ".example"}, {"name", "Ann"}}), 201);
    expect_status(
        call("POST", "/aliases", {{"from", "sales@" + name + ".example"}, {"to", {"ann@" + name + ".example"}}}), 201);
    expect_status(call("POST", "/routes", {{"pattern", name + ".test"}, {"host", "hop.example"}, {"tenant", name}}),
                  201);
  }
  // Adds a token that sees the tenant (by name; "" for an operator's) and gives its secret.
  std::string token_for(const std::string& tenant) {
    const Json tenant_json = tenant.empty() ? Json(nullptr) : Json(tenant);
    const auto made = call("POST", "/tokens", {{"name", "token of " + tenant}, {"tenant", tenant_json}});
    expect_status(made, 201);
    return made.json.value("secret", "");
  }
  // A quarantine of the tenant's account; gives the case's id.
  std::string quarantine_case(const std::string& tenant) {
    Case one;
    one.id = cases::CaseId::make(clock_, random_);
    one.tenant = live_->snapshot()->tenant_by_name(tenant)->id;
    one.name = "ann@" + tenant + ".example";
    one.key = Key::account((*directory_->account_by_address(*mail::Address::parse(one.name)))->id);
    one.state = State::kQuarantined;
    one.add_step({clock_.now(), "reputation", "quarantined"});
    fake_desk_->all.push_back(one);
    return one.id.text();
  }
  // A delivery of the tenant in the queue; gives the message's id.
  std::string queue_message(const std::string& tenant, const std::string& state, const std::string& reason_code) {
    auto message = std::make_shared<queue::Message>();
    message->id = MessageId::make(clock_, random_);
    message->tenant = live_->snapshot()->tenant_by_name(tenant)->id;
    message->arrival = *SocketAddress::parse("192.0.2.1:587");
    message->sender.address = *mail::Address::parse("ann@" + tenant + ".example");
    message->subject = "Hello";
    message->queued_at = clock_.now();
    message->expires_at = clock_.now() + std::chrono::hours{120};
    queue::DeliveryView delivery;
    delivery.message = message;
    delivery.key.message = message->id;
    delivery.recipients = {"bob@remote.example"};
    delivery.site = "remote.example";
    delivery.state = state;
    delivery.reason_code = reason_code;
    delivery.reason = "192.0.2.1 is not on this host";
    delivery.reason_since = clock_.now();
    queue_.deliveries.push_back(delivery);
    return message->id.text();
  }

  testlib::TemporaryDirectory directory_path_;
  testlib::ManualClock clock_;
  SeededRandom random_{7};
  testlib::ShardRunner runner_;
  net::BlockingPool pool_{2, 100};
  std::unique_ptr<tenants::Directory> directory_;
  std::unique_ptr<tenants::LiveDirectory> live_;
  FakeQueue queue_;
  FakeTrace trace_;
  std::deque<HttpContext> contexts_;  // answers that are streamed refer to theirs
  testlib::FakeStore store_;
  FakeMailboxes mailboxes_;
  FakeHost host_;
  testlib::FakeResolver resolver_;
  netpolicy::Limiter limiter_{clock_};
  std::unique_ptr<AdminServices> services_;
  std::unique_ptr<ApiHandler> handler_;
  std::unique_ptr<FakeDesk> fake_desk_;
  FakeMonitor fake_monitor_;
};

}  // namespace bulkhead::admin
