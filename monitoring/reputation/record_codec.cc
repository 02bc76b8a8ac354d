// The stored form of a record. Integers are varints; floats are their 4 octets, little-endian.

#include <algorithm>
#include <bit>
#include <limits>

#include "monitoring/reputation/record.h"

namespace bulkhead::reputation {

namespace {

constexpr std::uint8_t kVersion = 3;  // 1 had neither busiest minutes nor changes, 2 not who exempts

void put(std::string& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7U) out += static_cast<char>(value | 0x80U);
  out += static_cast<char>(value);
}

void put(std::string& out, UtcTime time) {
  put(out, static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0)));
}

void put(std::string& out, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>(bits >> shift);
}

void put(std::string& out, std::string_view text) {
  put(out, static_cast<std::uint64_t>(text.size()));
  out += text;
}

// Reads what put() wrote; after a fault everything reads as zero and is_ok() is false.
class Source {
 public:
  explicit Source(std::string_view bytes) : rest_(bytes) {}

  std::uint64_t number(std::uint64_t most) {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const std::uint8_t octet = take();
      value |= static_cast<std::uint64_t>(octet & 0x7FU) << shift;
      if ((octet & 0x80U) == 0) return value <= most ? value : fail();
    }
    return fail();
  }
  UtcTime time(UtcTime most) {
    const auto micros = static_cast<std::int64_t>(number(std::numeric_limits<std::int64_t>::max()));
    return std::min(UtcTime{std::chrono::microseconds{micros}}, most);
  }
  // Counts are never negative, infinite or absurd.
  float real() {
    std::uint32_t bits = 0;
    for (unsigned shift = 0; shift < 32; shift += 8) bits |= static_cast<std::uint32_t>(take()) << shift;
    const auto value = std::bit_cast<float>(bits);
    if (value >= 0.0F && value < 1e15F) return value;
    fail();
    return 0.0F;
  }
  std::string text(std::size_t most) {
    const std::size_t size = number(most);
    if (size > rest_.size()) {
      fail();
      return {};
    }
    std::string out{rest_.substr(0, size)};
    rest_.remove_prefix(size);
    return out;
  }
  std::uint8_t take() {
    if (rest_.empty()) return static_cast<std::uint8_t>(fail());
    const auto octet = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return octet;
  }
  std::uint64_t fail() {
    is_ok_ = false;
    rest_ = {};
    return 0;
  }
  bool is_ok() const { return is_ok_; }
  bool is_at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  bool is_ok_ = true;
};

}  // namespace

class RecordCodec {
 public:
  static void put_count(std::string& out, const SignalCount& count) {
    put(out, count.updated_);
    for (const float value : count.decayed_) put(out, value);
    for (std::size_t i = 0; i < kWindows; ++i) {
      put(out, std::uint64_t{count.exact_[i]});
      put(out, std::uint64_t{count.began_[i]});
    }
  }
  static SignalCount take_count(Source& in, UtcTime now) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    SignalCount count;
    count.updated_ = in.time(now);
    for (float& value : count.decayed_) value = in.real();
    const auto second = static_cast<std::uint64_t>(
        std::max<std::int64_t>(std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count(), 0));
    for (std::size_t i = 0; i < kWindows; ++i) {
      count.exact_[i] = static_cast<std::uint32_t>(in.number(kMost));
      count.began_[i] = static_cast<std::uint32_t>(std::min(in.number(kMost), second));
    }
    return count;
  }

  static void put_history(std::string& out, const History& history) {
    put(out, static_cast<std::uint64_t>(std::max<std::int64_t>(history.day_began_, 0)));
    put(out, std::uint64_t{history.today_});
    put(out, history.daily_);
    put(out, history.busiest_);
    put(out, std::uint64_t{history.days_});
    put(out, std::uint64_t{history.is_tainted_ ? 1U : 0U});
    put(out, std::uint64_t{history.todays_minute_});
    put(out, history.busiest_minute_);
  }
  static History take_history(Source& in, UtcTime now, std::uint8_t version) {
    History history;
    history.day_began_ = take_seconds(in, now);
    history.today_ = static_cast<std::uint32_t>(in.number(std::numeric_limits<std::uint32_t>::max()));
    history.daily_ = in.real();
    history.busiest_ = in.real();
    history.days_ = static_cast<std::uint16_t>(in.number(10000));
    history.is_tainted_ = in.number(1) == 1;
    if (version == 1) {
      // Nobody is to be caught by what was not counted: all of a day could have come in few minutes.
      history.busiest_minute_ = history.busiest_ / 4;
      return history;
    }
    history.todays_minute_ = static_cast<std::uint32_t>(in.number(std::numeric_limits<std::uint32_t>::max()));
    history.busiest_minute_ = in.real();
    return history;
  }

  static void put_distinct(std::string& out, const DistinctCount& distinct) {
    put(out, std::uint64_t{distinct.sparse_.size()});
    for (const std::uint32_t hash : distinct.sparse_) put(out, std::uint64_t{hash});
    put(out, std::string_view{reinterpret_cast<const char*>(distinct.registers_.data()), distinct.registers_.size()});
  }
  static DistinctCount take_distinct(Source& in) {
    DistinctCount distinct;
    const std::size_t sparse = in.number(DistinctCount::kSparseMax);
    for (std::size_t i = 0; i < sparse; ++i) {
      distinct.sparse_.push_back(static_cast<std::uint32_t>(in.number(std::numeric_limits<std::uint32_t>::max())));
    }
    const std::string registers = in.text(DistinctCount::kRegisters);
    const bool is_whole = registers.empty() || (registers.size() == DistinctCount::kRegisters && sparse == 0);
    if (!is_whole || !std::is_sorted(distinct.sparse_.begin(), distinct.sparse_.end())) in.fail();
    for (const char c : registers)
      distinct.registers_.push_back(std::min(static_cast<std::uint8_t>(c), std::uint8_t{25}));
    return distinct;
  }

  static void put_record(std::string& out, const Record& record) {
    put(out, static_cast<std::uint64_t>(record.state));
    put(out, record.since);
    put(out, record.until);
    put(out, std::uint64_t{record.strikes});
    put(out, record.struck);
    put(out, record.probation_until);
    put(out, record.exemption.until);
    put(out, std::string_view{record.exemption.reason});
    put(out, record.touched);
    put_history(out, record.history);
    put_distinct(out, record.distinct);
    put(out, static_cast<std::uint64_t>(std::max<std::int64_t>(record.distinct_began, 0)));
    put(out, std::uint64_t{record.samples.size()});
    for (const auto& sample : record.samples) {
      put(out, sample.at);
      put(out, static_cast<std::uint64_t>(sample.signal));
      put(out, std::string_view{sample.text});
    }
    put(out, record.exemption.since);
    put(out, std::string_view{record.exemption.by});
    put(out, std::uint64_t{record.changes.size()});
    for (const auto& change : record.changes) {
      put(out, change.at);
      put(out, static_cast<std::uint64_t>(change.from));
      put(out, static_cast<std::uint64_t>(change.to));
      put(out, std::string_view{change.rule});
    }
    put(out, std::uint64_t{record.counts_.size()});
    for (const auto& counted : record.counts_) {
      put(out, static_cast<std::uint64_t>(counted.signal));
      put_count(out, counted.count);
    }
  }

  static Record take_record(Source& in, UtcTime now, std::uint8_t version) {
    // A state may end in the future, but not later than any rule or person could have said.
    const UtcTime latest = now + std::chrono::hours{24 * 366};
    Record record;
    record.state = take_state(in);
    record.since = in.time(now);
    record.until = in.time(latest);
    record.strikes = static_cast<std::uint8_t>(in.number(255));
    record.struck = in.time(now);
    record.probation_until = in.time(latest);
    record.exemption.until = in.time(latest);
    record.exemption.reason = in.text(Record::kReasonSizeMax);
    record.touched = in.time(now);
    record.history = take_history(in, now, version);
    record.distinct = take_distinct(in);
    record.distinct_began = take_seconds(in, now);
    const std::size_t samples = in.number(Record::kSamplesMax);
    for (std::size_t i = 0; i < samples && in.is_ok(); ++i) {
      Sample sample{.at = in.time(now), .signal = take_signal(in), .text = {}};
      sample.text = in.text(Record::kSampleSizeMax);
      record.samples.push_back(std::move(sample));
    }
    if (version > 2) {
      record.exemption.since = in.time(now);
      record.exemption.by = in.text(Record::kGiverSizeMax);
    }
    const std::size_t changes = version == 1 ? 0 : in.number(Record::kChangesMax);
    for (std::size_t i = 0; i < changes && in.is_ok(); ++i) {
      StateChange change{.at = in.time(now), .from = take_state(in), .to = State::kNormal, .rule = {}};
      change.to = take_state(in);
      change.rule = in.text(Record::kRuleSizeMax);
      record.changes.push_back(std::move(change));
    }
    const std::size_t counts = in.number(kSignals);
    for (std::size_t i = 0; i < counts && in.is_ok(); ++i) {
      const Signal signal = take_signal(in);
      record.at(signal) = take_count(in, now);
    }
    return record;
  }

 private:
  static State take_state(Source& in) {
    return static_cast<State>(in.number(static_cast<std::uint64_t>(State::kQuarantined)));
  }
  static Signal take_signal(Source& in) { return static_cast<Signal>(in.number(kSignals - 1)); }
  static std::int64_t take_seconds(Source& in, UtcTime now) {
    const auto seconds = static_cast<std::int64_t>(in.number(std::numeric_limits<std::int64_t>::max()));
    return std::min(seconds, std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count());
  }
};

std::string encode(const Record& record) {
  std::string out;
  out.reserve(300);
  out += static_cast<char>(kVersion);
  RecordCodec::put_record(out, record);
  return out;
}

Result<Record> decode_record(std::string_view encoded, UtcTime now) {
  Source in{encoded};
  const std::uint8_t version = in.take();
  if (version < 1 || version > kVersion) {
    return bulkhead::fail(ErrorCode::kCorrupt, "a reputation record has version " + std::to_string(version));
  }
  Record record = RecordCodec::take_record(in, now, version);
  if (!in.is_ok() || !in.is_at_end()) return bulkhead::fail(ErrorCode::kCorrupt, "a reputation record is damaged");
  return record;
}

}  // namespace bulkhead::reputation
