#include "monitoring/cases/case.h"

#include <algorithm>
#include <array>
#include <bit>

#include "src/mail/utf8.h"

namespace bulkhead::cases {

namespace {

constexpr std::uint64_t kVersion = 3;  // 1 had no clients, 2 no figures
constexpr std::size_t kListMax = 100;

// Numbers as 8 octets, the least first; texts with their length before them.
class Writer {
 public:
  void number(std::uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) out_ += static_cast<char>(value >> shift & 0xFF);
  }
  void time(UtcTime value) { number(static_cast<std::uint64_t>(value.time_since_epoch().count())); }
  void text(std::string_view value) {
    number(value.size());
    out_ += value;
  }
  void real(double value) { number(std::bit_cast<std::uint64_t>(value)); }
  std::string take() { return std::move(out_); }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  std::uint64_t number() {
    if (rest_.size() < 8) return fault();
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < 8; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_[i])) << 8 * i;
    }
    rest_.remove_prefix(8);
    return value;
  }
  UtcTime time() { return UtcTime{std::chrono::microseconds{static_cast<std::int64_t>(number())}}; }
  std::string text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) return fault(), std::string{};
    std::string value{rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return value;
  }
  // Never infinite or absurd.
  double real() {
    const auto value = std::bit_cast<double>(number());
    return value >= 0 && value < 1e15 ? value : static_cast<double>(fault());
  }
  reputation::Signal signal() { return static_cast<reputation::Signal>(at_most(reputation::kSignals - 1)); }
  std::size_t length() {
    const std::uint64_t size = number();
    return size > kListMax ? fault() : static_cast<std::size_t>(size);
  }
  std::uint64_t at_most(std::uint64_t most) {
    const std::uint64_t value = number();
    return value > most ? fault() : value;
  }
  bool is_good() const { return is_good_ && rest_.empty(); }

 private:
  std::uint64_t fault() {
    is_good_ = false;
    rest_ = {};
    return 0;
  }
  std::string_view rest_;
  bool is_good_ = true;
};

// The figures of a measure, in the order in which they are stored.
template <class Measure>
auto figures_of(Measure& measure) {
  return std::array{&measure.count,          &measure.count_min,  &measure.share,
                    &measure.share_over,     &measure.whole,      &measure.busiest_day,
                    &measure.busiest_minute, &measure.also_count, &measure.distinct};
}

void put(Writer& out, const std::optional<reputation::Measure>& measure) {
  out.number(measure ? 1 : 0);
  if (!measure) return;
  out.number(static_cast<std::uint64_t>(measure->signal));
  out.number(static_cast<std::uint64_t>(measure->window));
  out.number(static_cast<std::uint64_t>(measure->also));
  for (const double* figure : figures_of(*measure)) out.real(*figure);
}

std::optional<reputation::Measure> take_measure(Reader& in) {
  if (in.at_most(1) == 0) return std::nullopt;
  reputation::Measure measure;
  measure.signal = in.signal();
  measure.window = static_cast<reputation::Window>(in.at_most(reputation::kWindows - 1));
  measure.also = in.signal();
  for (double* figure : figures_of(measure)) *figure = in.real();
  return measure;
}

}  // namespace

std::string_view to_string(Case::Status status) {
  switch (status) {
    case Case::Status::kOpen:
      return "open";
    case Case::Status::kClosed:
      return "closed";
    case Case::Status::kReleased:
      return "released";
    case Case::Status::kExpired:
      return "expired";
    case Case::Status::kReported:
      break;
  }
  return "reported";
}

void Case::add_step(Step step) {
  step.what = mail::to_printable_utf8(step.what, kTextMax);
  step.by = mail::to_printable_utf8(step.by, 200);
  if (steps.size() >= kStepsMax) steps.erase(steps.begin() + 1);
  steps.push_back(std::move(step));
}

void Case::add_client(std::string address) {
  if (address.empty() || clients.size() >= kClientsMax || std::ranges::find(clients, address) != clients.end()) return;
  clients.push_back(std::move(address));
}

std::string Case::encode() const {
  Writer out;
  out.number(kVersion);
  out.text(key.encoded());
  out.text(name);
  out.text(tenant.bytes());
  out.number(static_cast<std::uint64_t>(status));
  out.number(static_cast<std::uint64_t>(state));
  out.text(rule);
  out.text(words);
  out.text(client);
  for (const auto time : {opened_at, until, closed_at}) out.time(time);
  out.number(samples.size());
  for (const auto& sample : samples) {
    out.time(sample.at);
    out.number(static_cast<std::uint64_t>(sample.signal));
    out.text(sample.text);
  }
  out.number(steps.size());
  for (const auto& step : steps) {
    out.time(step.at);
    out.text(step.by);
    out.text(step.what);
  }
  out.number(clients.size());
  for (const auto& one : clients) out.text(one);
  put(out, measure);
  out.number(signals.size());
  for (const auto& reading : signals) {
    out.number(static_cast<std::uint64_t>(reading.signal));
    out.real(reading.hour);
    out.real(reading.day);
  }
  return out.take();
}

Result<Case> Case::decode(const CaseId& id, std::string_view bytes) {
  Reader in{bytes};
  Case out;
  out.id = id;
  const std::uint64_t version = in.number();
  const bool is_known = version >= 1 && version <= kVersion;
  const auto stored_key = reputation::Key::decode(in.text());
  if (!is_known || !stored_key) return fail(ErrorCode::kCorrupt, "a case's record cannot be read");
  out.key = *stored_key;
  out.name = in.text();
  out.tenant = TenantId::from_bytes(in.text());
  out.status =
      static_cast<Status>(std::max<std::uint64_t>(1, in.at_most(static_cast<std::uint64_t>(Status::kReported))));
  out.state = static_cast<reputation::State>(in.at_most(static_cast<std::uint64_t>(reputation::State::kQuarantined)));
  out.rule = in.text();
  out.words = in.text();
  out.client = in.text();
  for (auto* time : {&out.opened_at, &out.until, &out.closed_at}) *time = in.time();
  for (std::size_t left = in.length(); left > 0; --left) {
    reputation::Sample sample;
    sample.at = in.time();
    sample.signal = in.signal();
    sample.text = in.text();
    out.samples.push_back(std::move(sample));
  }
  for (std::size_t left = in.length(); left > 0; --left) {
    Step step;
    step.at = in.time();
    step.by = in.text();
    step.what = in.text();
    out.steps.push_back(std::move(step));
  }
  for (std::size_t left = version == 1 ? 0 : in.length(); left > 0; --left) out.clients.push_back(in.text());
  if (version >= 3) {
    out.measure = take_measure(in);
    for (std::size_t left = in.length(); left > 0; --left) {
      const auto signal = in.signal();
      const double hour = in.real();
      out.signals.push_back({signal, hour, in.real()});
    }
  }
  if (!in.is_good()) return fail(ErrorCode::kCorrupt, "a case's record is damaged");
  return out;
}

}  // namespace bulkhead::cases
