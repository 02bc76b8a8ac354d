#include "src/trace/trace_log.h"

#include <algorithm>

#include "src/trace/event_codec.h"
#include "src/trace/search.h"
#include "src/trace/verifier.h"

namespace bulkhead::trace {

namespace {

Recorder::Options recorder_options(const Trace::Options& options) {
  Recorder::Options chosen;
  chosen.linger = options.record_linger;
  chosen.events_max = options.record_buffer_max;
  return chosen;
}

// A message has no events before its making but for a clock that was set back: a day is more than any such step.
constexpr std::chrono::hours kClockStepMax{24};

UtcTime made_at(const MessageId& id) {
  std::uint64_t milliseconds = 0;
  for (std::size_t i = 0; i < 6; ++i) milliseconds = milliseconds << 8 | id.ulid().bytes[i];
  return UtcTime{std::chrono::milliseconds{static_cast<std::int64_t>(milliseconds)}};
}

}  // namespace

Result<std::unique_ptr<Trace>> Trace::open(Options options, store::Store& store, store::FileSystem& files,
                                           const Clock& clock, Log& log) {
  const Archive::World world{store, files, clock, log};
  auto archive = Archive::open(options, world);
  if (!archive) return fail(archive.error());
  return std::make_unique<TraceLog>(options, world, std::move(*archive));
}

Result<std::unique_ptr<Trace>> Trace::open(const std::string& directory, store::Store& store, store::FileSystem& files,
                                           const Clock& clock, Log& log) {
  Options options;
  options.directory = directory;
  return open(std::move(options), store, files, clock, log);
}

TraceLog::TraceLog(const Options& options, const Archive::World& world, std::unique_ptr<Archive> archive)
    : world_(world),
      archive_(std::move(archive)),
      next_sequence_(archive_->first_free_sequence()),
      recorder_(recorder_options(options), world.store, world.log,
                [this](const Recorder::Entry& entry) { publish_recorded(entry); }) {}

Recorder::Entry TraceLog::number(const Event& event) {
  Recorder::Entry entry;
  entry.key = event_key(next_sequence_.fetch_add(1, std::memory_order_relaxed));
  entry.value.reserve(256);
  append_event(entry.value, event, UtcTime{});
  events_[static_cast<std::size_t>(event.kind) % kKindsMax].fetch_add(1, std::memory_order_relaxed);
  return entry;
}

void TraceLog::encode_into(store::Batch& batch, const Event& event) {
  const bool has_time = event.at != UtcTime{};
  Recorder::Entry entry;
  if (has_time) {
    entry = number(event);
  } else {
    Event timed = event;
    timed.at = world_.clock.now();
    entry = number(timed);
  }
  batch.put(store::Family::kTrace, std::move(entry.key), std::move(entry.value));
}

void TraceLog::record(Event event) {
  if (event.at == UtcTime{}) event.at = world_.clock.now();
  recorder_.record(number(event));
}

void TraceLog::publish_recorded(const Recorder::Entry& entry) {
  if (!followers_.has_any()) return;
  if (const auto event = decode_event(entry.value, UtcTime{})) followers_.publish(*event);
}

Result<std::vector<Event>> TraceLog::search(const Query& query) const {
  auto result = search_events(world_.store.kv(), *archive_, query);
  if (!result) return fail(result.error());
  damaged_blocks_ += result->damages.size();
  for (const auto& damage : result->damages) world_.log.error("a search left something out: {}", damage.message);
  return std::move(result->events);
}

Result<std::vector<Event>> TraceLog::oldest_first(Query query) const {
  query.limit = kLimitMax;
  query.since = made_at(*query.id) - kClockStepMax;
  auto events = search(query);
  if (events) std::reverse(events->begin(), events->end());
  return events;
}

Result<std::vector<Event>> TraceLog::of_message(const MessageId& id) const {
  Query query;
  query.id = id;
  return oldest_first(std::move(query));
}

Result<std::vector<Event>> TraceLog::of_message(const TenantId& tenant, const MessageId& id) const {
  Query query;
  query.tenant = tenant;
  query.id = id;
  return oldest_first(std::move(query));
}

std::shared_ptr<void> TraceLog::follow(Query query, std::function<void(const Event&)> on_event) {
  return followers_.add(std::move(query), std::move(on_event));
}

Result<Trace::Verification> TraceLog::verify() const {
  auto records = read_records(world_.store.kv());
  if (!records) return fail(records.error());
  const auto first = records->anchor.first_segment;
  auto verification = Verifier{world_.files, archive_->directory(), std::move(*records)}.run();
  // Retention may have removed segments meanwhile; then what was found about them means nothing.
  records = read_records(world_.store.kv());
  if (!records) return fail(records.error());
  if (records->anchor.first_segment == first) return verification;
  return Verifier{world_.files, archive_->directory(), std::move(*records)}.run();
}

Trace::Usage TraceLog::usage() const {
  Usage usage;
  for (std::size_t kind = 0; kind < kKindsMax; ++kind) {
    const std::uint64_t count = events_[kind].load(std::memory_order_relaxed);
    if (count == 0) continue;
    usage.by_kind.emplace_back(static_cast<EventKind>(kind), count);
    usage.events += count;
  }
  usage.dropped = recorder_.dropped();
  usage.unsettled = archive_->unsettled();
  usage.damaged_blocks = damaged_blocks_;
  for (const auto& segment : archive_->segments()) {
    usage.bytes += segment->size_bytes();
    ++usage.segments;
  }
  return usage;
}

}  // namespace bulkhead::trace
