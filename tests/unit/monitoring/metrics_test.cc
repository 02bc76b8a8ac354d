#include "monitoring/metrics.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/testlib/manual_clock.h"

namespace bulkhead::monitoring {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class MetricsTest : public ::testing::Test {
 protected:
  static Metrics::Options small_options() {
    Metrics::Options options;
    options.labels_max = 2;
    return options;
  }
  void after_a_ranking() {
    clock_.advance(std::chrono::seconds{60});
    text_ = metrics_.exposition();
  }

  testlib::ManualClock clock_;
  Metrics metrics_{small_options(), clock_};
  std::string text_;
};

TEST_F(MetricsTest, CountsByTenantAndProtocol) {
  metrics_.message_received("acme", "smtp", 100);
  metrics_.message_received("acme", "smtp", 50);
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_messages_received_total{tenant=\"acme\",protocol=\"smtp\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_messages_received_bytes_total{tenant=\"acme\",protocol=\"smtp\"} 150\n"));
  EXPECT_THAT(text, HasSubstr("# TYPE bulkhead_messages_received_total counter\n"));
}

TEST_F(MetricsTest, AddsWhatIsProvidedToWhatIsCounted) {
  metrics_.tls_handshake("delivery", "ok");
  metrics_.provide(Metric::kTlsHandshakes, [](const Metrics::Emit& emit) { emit({"smtp", "ok"}, 7); });
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_tls_handshakes_total{protocol=\"delivery\",outcome=\"ok\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_tls_handshakes_total{protocol=\"smtp\",outcome=\"ok\"} 7\n"));
}

TEST_F(MetricsTest, CountsApiRequestsByClass) {
  metrics_.api_request("queue", 200);
  metrics_.api_request("queue", 204);
  metrics_.api_request("other", 404);
  metrics_.api_request("other", 999);
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_api_requests_total{group=\"queue\",class=\"2xx\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_api_requests_total{group=\"other\",class=\"4xx\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_api_requests_total{group=\"other\",class=\"other\"} 1\n"));
}

TEST_F(MetricsTest, CountsTheRestAsOther) {
  for (const char* tenant : {"a", "b", "c", "d"}) metrics_.recipients_accepted(tenant);
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"a\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"b\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"other\"} 2\n"));
  EXPECT_THAT(text, Not(HasSubstr("tenant=\"c\"")));
}

TEST_F(MetricsTest, GivesTheNameToTheBusier) {
  metrics_.recipients_accepted("idle");
  for (int i = 0; i < 10; ++i) metrics_.recipients_accepted("busy");
  for (int i = 0; i < 3; ++i) metrics_.recipients_accepted("late");
  after_a_ranking();
  EXPECT_THAT(text_, Not(HasSubstr("tenant=\"idle\"")));
  metrics_.recipients_accepted("late");
  metrics_.recipients_accepted("idle");
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"late\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"busy\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_recipients_accepted_total{tenant=\"other\"} 4\n"));
}

TEST_F(MetricsTest, KeepsTheNameWhenAnotherIsOnlyTwiceAsBusy) {
  metrics_.recipients_accepted("first");
  metrics_.recipients_accepted("second");
  metrics_.recipients_accepted("third", 1);
  metrics_.recipients_accepted("third", 1);
  after_a_ranking();
  EXPECT_THAT(text_, HasSubstr("tenant=\"first\""));
  EXPECT_THAT(text_, Not(HasSubstr("tenant=\"third\"")));
}

TEST_F(MetricsTest, RanksEachOfTheLabels) {
  metrics_.delivery_finished("acme", "192.0.2.1", "gmail", "delivered", 3);
  metrics_.delivery_finished("acme", "192.0.2.1", "yahoo", "deferred");
  metrics_.delivery_finished("acme", "192.0.2.1", "third.example", "deferred");
  metrics_.delivery_finished("acme", "", "gmail", "held");
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("{tenant=\"acme\",source=\"192.0.2.1\",site=\"gmail\",outcome=\"delivered\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("site=\"other\",outcome=\"deferred\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("source=\"\",site=\"gmail\",outcome=\"held\"} 1\n"));
}

TEST_F(MetricsTest, PutsTimesIntoBuckets) {
  metrics_.queue_delay("acme", std::chrono::milliseconds{1});
  metrics_.queue_delay("acme", std::chrono::microseconds{1001});
  metrics_.queue_delay("acme", std::chrono::hours{1});
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_queue_delay_seconds_bucket{tenant=\"acme\",le=\"0.001\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_queue_delay_seconds_bucket{tenant=\"acme\",le=\"0.0025\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_queue_delay_seconds_bucket{tenant=\"acme\",le=\"1800\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_queue_delay_seconds_bucket{tenant=\"acme\",le=\"+Inf\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_queue_delay_seconds_count{tenant=\"acme\"} 3\n"));
}

TEST_F(MetricsTest, AsksProvidersAtEachReading) {
  double ready = 5;
  metrics_.provide(Metric::kQueueDeliveries, [&ready](const Metrics::Emit& emit) { emit({"ready"}, ready); });
  EXPECT_THAT(metrics_.exposition(), HasSubstr("bulkhead_queue_deliveries{state=\"ready\"} 5\n"));
  ready = 6;
  EXPECT_THAT(metrics_.exposition(), HasSubstr("bulkhead_queue_deliveries{state=\"ready\"} 6\n"));
  metrics_.withdraw_providers();
  EXPECT_THAT(metrics_.exposition(), Not(HasSubstr("bulkhead_queue_deliveries{")));
}

TEST_F(MetricsTest, TellsAboutTheProcess) {
  const auto text = metrics_.exposition();
  EXPECT_THAT(text, HasSubstr("bulkhead_build_info{version=\"0\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("bulkhead_process_start_time_seconds 1767225600\n"));
  EXPECT_THAT(text, Not(HasSubstr("bulkhead_process_open_fds 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("bulkhead_process_resident_memory_bytes 0\n")));
}

TEST_F(MetricsTest, EscapesWhatAPeerCouldPutIntoALabel) {
  metrics_.recipients_accepted("a\"b\nc\x1f");
  EXPECT_THAT(metrics_.exposition(), HasSubstr("{tenant=\"a\\\"b\\nc?\"} 1\n"));
}

TEST_F(MetricsTest, BoundsTheSeriesOfAMetric) {
  for (int i = 0; i < 30'000; ++i) metrics_.message_rejected("acme", "reason-" + std::to_string(i));
  const auto text = metrics_.exposition();
  EXPECT_LE(std::count(text.begin(), text.end(), '\n'), 20'000 + 500);
  EXPECT_THAT(text, HasSubstr("bulkhead_messages_rejected_total{tenant=\"other\",reason=\"other\"} "));
  EXPECT_THAT(text, Not(HasSubstr("bulkhead_metric_series_overflow_total 0\n")));
}

TEST_F(MetricsTest, LosesNoCountOfConcurrentThreads) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 10'000; ++i) metrics_.login("ok", "smtp");
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_THAT(metrics_.exposition(), HasSubstr("bulkhead_logins_total{protocol=\"smtp\",outcome=\"ok\"} 40000\n"));
}

}  // namespace
}  // namespace bulkhead::monitoring
