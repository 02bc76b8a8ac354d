#include <gtest/gtest.h>

#include "monitoring/cases/case_book.h"
#include "src/base/random.h"
#include "tests/testlib/manual_clock.h"

namespace bulkhead::cases {
namespace {

using reputation::Key;
using reputation::State;

class Cases : public ::testing::Test {
 protected:
  Case made(const char* client, Case::Status status = Case::Status::kOpen) {
    Case one;
    one.id = CaseId::make(clock, random);
    clock.advance(std::chrono::milliseconds{1});
    one.key = Key::client(*IpAddress::parse(client));
    one.name = client;
    one.tenant = TenantId::make(clock, random);
    one.status = status;
    one.state = State::kQuarantined;
    one.rule = "client-spraying";
    one.words = "Thirty names were tried.";
    one.opened_at = clock.now();
    one.until = clock.now() + std::chrono::hours{1};
    one.add_client(client);
    one.samples = {{clock.now(), reputation::Signal::kSignInFailures, "failed as info"}};
    one.add_step({clock.now(), "reputation", "quarantined"});
    return one;
  }
  testlib::ManualClock clock;
  SeededRandom random{1};
};

TEST_F(Cases, ComeBackAsTheyWereStored) {
  const Case before = made("192.0.2.1", Case::Status::kReleased);
  const auto after = Case::decode(before.id, before.encode());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->encode(), before.encode());
  EXPECT_EQ(after->key, before.key);
  EXPECT_EQ(after->status, Case::Status::kReleased);
  EXPECT_EQ(after->samples, before.samples);
  EXPECT_EQ(after->clients, before.clients);
  EXPECT_EQ(after->steps.at(0).what, "quarantined");
}

TEST_F(Cases, RefuseDamagedRecords) {
  const Case one = made("192.0.2.1");
  const std::string bytes = one.encode();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(Case::decode(one.id, bytes.substr(0, size))) << size;
  }
  EXPECT_FALSE(Case::decode(one.id, bytes + "x"));
  std::string other = bytes;
  for (const char version : {'\0', '\2', '\4'}) {
    other[0] = version;
    EXPECT_FALSE(Case::decode(one.id, other));
  }
}

TEST_F(Cases, OfEarlierVersionsComeBackWithoutClientsAndFigures) {
  Case one = made("192.0.2.1");
  one.measure.reset();
  one.signals.clear();
  one.clients.clear();
  const std::string whole = one.encode();
  constexpr std::size_t kFigures = 16, kClients = 8;  // octets that say that there are none
  for (const auto& [version, missing] : {std::pair{'\1', kFigures + kClients}, {'\2', kFigures}}) {
    std::string bytes = whole.substr(0, whole.size() - missing);
    bytes[0] = version;
    const auto after = Case::decode(one.id, bytes);
    ASSERT_TRUE(after);
    EXPECT_EQ(after->encode(), whole);
  }
}

TEST_F(Cases, KeepTheFiguresThatSpoke) {
  Case one = made("192.0.2.1");
  one.measure = reputation::Measure{.signal = reputation::Signal::kBounces, .window = reputation::Window::kDay};
  one.measure->count = 31;
  one.measure->share = 0.25;
  one.measure->distinct = 7;
  one.signals = {{reputation::Signal::kMessages, 12, 120}, {reputation::Signal::kBounces, 3, 31}};
  const auto after = Case::decode(one.id, one.encode());
  ASSERT_TRUE(after);
  EXPECT_EQ(after->measure->signal, reputation::Signal::kBounces);
  EXPECT_EQ(after->measure->count, 31);
  EXPECT_EQ(after->measure->distinct, 7);
  ASSERT_EQ(after->signals.size(), 2U);
  EXPECT_EQ(after->signals[1].day, 31);
  EXPECT_EQ(after->encode(), one.encode());
}

TEST_F(Cases, NameEachClientOnceAndSoManyAtMost) {
  Case one = made("192.0.2.1");
  one.add_client("192.0.2.1");
  one.add_client("");
  EXPECT_EQ(one.clients.size(), 1U);
  for (std::size_t i = 0; i < Case::kClientsMax; ++i) one.add_client(std::to_string(i));
  EXPECT_EQ(one.clients.size(), Case::kClientsMax);
  EXPECT_EQ(one.clients.front(), "192.0.2.1");
  EXPECT_TRUE(Case::decode(one.id, one.encode()));
}

TEST_F(Cases, KeepTheFirstStepAndTheLatest) {
  Case one = made("192.0.2.1");
  for (int i = 0; i < 100; ++i) one.add_step({clock.now(), "reputation", "step " + std::to_string(i)});
  ASSERT_EQ(one.steps.size(), Case::kStepsMax);
  EXPECT_EQ(one.steps.front().what, "quarantined");
  EXPECT_EQ(one.steps.back().what, "step 99");
}

TEST_F(Cases, AreFoundByTheKeyTheyActOnUntilTheyAreOver) {
  CaseBook book;
  const auto id = book.add(made("192.0.2.1")).id;
  const Key key = Key::client(*IpAddress::parse("192.0.2.1"));
  ASSERT_NE(book.acting_on(key), nullptr);
  EXPECT_EQ(book.open(), 1U);
  book.change(id, [](Case& one) { one.status = Case::Status::kClosed; });
  EXPECT_NE(book.acting_on(key), nullptr) << "closed, but its state goes on";
  EXPECT_EQ(book.open(), 0U);
  book.change(id, [](Case& one) { one.status = Case::Status::kExpired; });
  EXPECT_EQ(book.acting_on(key), nullptr);
  EXPECT_EQ(book.take_changes().size(), 1U);
  EXPECT_TRUE(book.take_changes().empty());
}

TEST_F(Cases, MakeRoomByTheOldestThatIsOver) {
  CaseBook book{3};
  const auto first = book.add(made("192.0.2.1")).id;
  const auto second = book.add(made("192.0.2.2", Case::Status::kExpired)).id;
  book.add(made("192.0.2.3"));
  (void)book.take_changes();
  book.add(made("192.0.2.4"));
  EXPECT_EQ(book.size(), 3U);
  EXPECT_NE(book.find(first), nullptr);
  EXPECT_EQ(book.find(second), nullptr);
  const auto changes = book.take_changes();
  ASSERT_EQ(changes.size(), 2U);
  EXPECT_TRUE(changes[0].value.empty()) << "the row of the one that is gone is removed";
  book.add(made("192.0.2.5"));
  EXPECT_EQ(book.find(first), nullptr) << "with none over, the oldest of all goes";
  EXPECT_EQ(book.acting_on(Key::client(*IpAddress::parse("192.0.2.1"))), nullptr);
}

TEST_F(Cases, OfClientsHaveARoomOfTheirOwn) {
  CaseBook book{10, 3};
  const auto account = [this](Case::Status status) {
    Case one = made("192.0.2.1", status);
    one.key = Key::account(AccountId::make(clock, random));
    return one;
  };
  const auto client = [this](int n, Case::Status status = Case::Status::kOpen) {
    return made(("198.51.100." + std::to_string(n)).c_str(), status);
  };
  const auto evidence = book.add(account(Case::Status::kExpired)).id;
  const auto first = book.add(client(1)).id;
  const auto over = book.add(client(2, Case::Status::kExpired)).id;
  book.add(client(3));
  EXPECT_NE(book.find(over), nullptr);
  book.add(client(4));
  EXPECT_EQ(book.find(over), nullptr);
  EXPECT_NE(book.find(first), nullptr) << "it acts";
  for (int n = 5; n < 200; ++n) book.add(client(n));
  EXPECT_EQ(book.size(), 4U);
  EXPECT_EQ(book.open(), 3U);
  EXPECT_NE(book.find(evidence), nullptr) << "guessers do not cost an account its evidence";
  for (int n = 0; n < 6; ++n) book.add(account(Case::Status::kOpen));
  EXPECT_EQ(book.size(), 10U);
  book.add(account(Case::Status::kOpen));
  EXPECT_EQ(book.find(evidence), nullptr) << "the book is full";
  book.add(account(Case::Status::kOpen));
  book.add(client(200));
  EXPECT_EQ(book.size(), 10U);
  const auto is_account = [](const Case& one) { return one.key.kind == reputation::KeyKind::kAccount; };
  EXPECT_EQ(book.list(is_account, {}, 100).size(), 8U) << "clients that act go before accounts that do";
}

TEST_F(Cases, CountThoseThatAreOpenAsTheyComeAndGo) {
  CaseBook book{4, 4};
  std::vector<CaseId> ids;
  for (int n = 0; n < 4; ++n) {
    ids.push_back(book.add(made(("192.0.2." + std::to_string(n)).c_str())).id);
    EXPECT_EQ(book.open(), ids.size());
  }
  book.change(ids[0], [](Case& one) { one.status = Case::Status::kReleased; });
  EXPECT_EQ(book.open(), 3U);
  book.change(ids[0], [](Case& one) { one.status = Case::Status::kOpen; });
  EXPECT_EQ(book.open(), 4U);
  book.change(ids[1], [](Case& one) { one.status = Case::Status::kClosed; });
  book.add(made("192.0.2.9"));
  EXPECT_EQ(book.open(), 3U) << "the oldest went, one more came";
  book.restore(made("192.0.2.10", Case::Status::kExpired));
  EXPECT_EQ(book.open(), 3U) << "a closed one went";
}

TEST_F(Cases, AreListedInPagesTheNewestFirst) {
  CaseBook book;
  std::vector<CaseId> ids;
  for (const char* client : {"192.0.2.1", "192.0.2.2", "192.0.2.3"}) ids.push_back(book.add(made(client)).id);
  const auto all = [](const Case&) { return true; };
  const auto page = book.list(all, {}, 2);
  ASSERT_EQ(page.size(), 2U);
  EXPECT_EQ(page[0].id, ids[2]);
  EXPECT_EQ(page[1].id, ids[1]);
  const auto rest = book.list(all, page.back().id, 2);
  ASSERT_EQ(rest.size(), 1U);
  EXPECT_EQ(rest[0].id, ids[0]);
}

}  // namespace
}  // namespace bulkhead::cases
