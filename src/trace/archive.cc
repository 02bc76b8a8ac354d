#include "src/trace/archive.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "src/trace/event_codec.h"

namespace bulkhead::trace {

using store::Family;

// Events of the kv for one block.
struct Archive::Waiting {
  BlockBuilder block;
  std::vector<std::uint64_t> sequences;  // ascending
  std::vector<std::uint64_t> keys;
  bool is_full = false;
  UtcTime oldest;
};

Archive::Archive(const Trace::Options& options, const World& world, NodeKey key)
    : options_(options), world_(world), key_(std::move(key)), directory_(options.directory + "/trace") {}

Result<std::unique_ptr<Archive>> Archive::open(const Trace::Options& options, const World& world) {
  if (auto made = world.files.make_directory(options.directory + "/trace"); !made) return fail(made.error());
  auto key = NodeKey::load_or_create(options.directory + "/trace-key.pem", world.files);
  if (!key) return fail(key.error());
  std::unique_ptr<Archive> archive{new Archive{options, world, std::move(*key)}};
  if (auto started = archive->start(); !started) return fail(started.error());
  return archive;
}

Status Archive::start() {
  const auto records = read_records(world_.store.kv());
  if (!records) return fail(records.error());
  if (!records->head || !records->knows(key_.public_key())) {
    if (auto first = start_first(*records); !first) return first;
  }
  if (records->head) head_ = *records->head;
  anchor_ = records->anchor;
  if (auto opened = open_segments(*records); !opened) return opened;
  if (!records->head) {
    if (auto kept = keep_lost_segments(); !kept) return kept;
  }
  if (auto removed = remove_leftovers(); !removed) return removed;
  return number_events();
}

// The head exists from the first start, so that segments without one are known to have lost it.
Status Archive::start_first(const TraceRecords& records) {
  store::Batch batch;
  if (!records.head) batch.put(Family::kTrace, std::string{kHeadKey}, Head{}.encode());
  if (records.head) world_.log.warning("the node's trace key is new; what the old one signed stays verifiable");
  put_key(batch, key_.public_key());
  return commit_and_wait(world_.store, std::move(batch));
}

Status Archive::open_segments(const TraceRecords& records) {
  if (head_.blocks == 0) return {};
  for (std::uint32_t number = records.anchor.first_segment; number <= head_.segment; ++number) {
    const bool is_current = number == head_.segment;
    auto segment = is_current ? Segment::open_current(world_.files, directory_, number, head_.end)
                              : Segment::open_closed(world_.files, directory_, number);
    if (!segment) {
      world_.log.error("trace segment {} cannot be used: {}; bulkhead trace verify tells more", number,
                       segment.error().message);
      continue;
    }
    segments_.push_back(std::move(*segment));
    if (is_current) current_ = segments_.back();
    if (segments_.back()->damaged_places() > 0) world_.log.error("trace segment {} is damaged", number);
  }
  return {};
}

// Segments whose head record is gone (another kv was put in place) are evidence: they stay, under another name.
Status Archive::keep_lost_segments() {
  const auto names = world_.files.list(directory_);
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    if (!name.ends_with(".seg")) continue;
    world_.log.error("trace segment {} has no head record; it is kept as {}.lost", name, name);
    const auto path = directory_ + "/" + name;
    if (auto kept = world_.files.rename(path, path + ".lost"); !kept) return kept;
  }
  return {};
}

// Files of a settling or a retention that a crash interrupted.
Status Archive::remove_leftovers() {
  const auto names = world_.files.list(directory_);
  if (!names) return fail(names.error());
  for (const auto& name : *names) {
    std::uint32_t number = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
    const bool is_ours = error == std::errc{} && (name.ends_with(".seg") || name.ends_with(".idx"));
    const bool is_known = head_.blocks > 0 && number >= anchor_.first_segment && number <= head_.segment;
    if (!is_ours || is_known) continue;
    if (auto removed = world_.files.remove(directory_ + "/" + name); !removed) return removed;
  }
  return {};
}

Status Archive::number_events() {
  first_free_sequence_ = head_.next_sequence;
  std::uint64_t count = 0;
  const auto scanned =
      world_.store.kv().scan(Family::kTrace, kEventsFirst, kEventsPastLast, store::Kv::Direction::kForward,
                             [this, &count](std::string_view key, std::string_view) {
                               if (const auto sequence = sequence_of(key))
                                 first_free_sequence_ = std::max(first_free_sequence_, *sequence + 1);
                               ++count;
                               return true;
                             });
  unsettled_ = count;
  return scanned;
}

Result<Archive::Waiting> Archive::collect(const std::string& from) const {
  Waiting waiting;
  const auto scanned = world_.store.kv().scan(
      Family::kTrace, from, kEventsPastLast, store::Kv::Direction::kForward,
      [&](std::string_view key, std::string_view value) {
        const auto sequence = sequence_of(key);
        const auto event = decode_event(value, UtcTime{});
        if (!sequence || !event) {
          world_.log.error("an event of the trace is damaged in the kv and stays there");
          return true;
        }
        waiting.oldest = waiting.sequences.empty() ? event->at : std::min(waiting.oldest, event->at);
        waiting.sequences.push_back(*sequence);
        waiting.block.add(*sequence, *event);
        append_keys(*event, waiting.keys);
        waiting.is_full = waiting.block.raw_size() >= options_.block_size;
        return !waiting.is_full;
      });
  if (!scanned) return fail(scanned.error());
  return waiting;
}

// A block that is not full costs more for each of its events, so a few events wait in the kv, where they are as
// durable and as easy to find. An event from the future (the clock was set back) does not make the others wait.
bool Archive::is_due(const Waiting& waiting) const {
  if (waiting.sequences.empty()) return false;
  const auto age = world_.clock.now() - waiting.oldest;
  return waiting.is_full || age >= options_.settle_age;
}

Status Archive::settle(const std::atomic<std::uint64_t>& next_sequence) {
  const std::lock_guard settling{settling_};
  // Each round goes on where the last one ended, not over what it has just removed; an older event that has become
  // visible meanwhile is found by the next settling.
  std::string from{kEventsFirst};
  while (true) {
    const auto waiting = collect(from);
    if (!waiting) return fail(waiting.error());
    unsettled_ = waiting->sequences.size();
    if (!is_due(*waiting)) break;
    if (auto settled = settle_block(*waiting, next_sequence.load()); !settled) return settled;
    unsettled_ = 0;
    if (!waiting->is_full) break;
    from = event_key(waiting->sequences.back() + 1);
  }
  return expire();
}

namespace {

// Removes exactly `sequences`, a run of consecutive numbers at a time.
void remove_events(store::Batch& batch, const std::vector<std::uint64_t>& sequences) {
  for (std::size_t first = 0; first < sequences.size();) {
    std::size_t past = first + 1;
    while (past < sequences.size() && sequences[past] == sequences[past - 1] + 1) ++past;
    if (past == first + 1) {
      batch.remove(Family::kTrace, event_key(sequences[first]));
    } else {
      batch.remove_range(Family::kTrace, event_key(sequences[first]), event_key(sequences[past - 1] + 1));
    }
    first = past;
  }
}

}  // namespace

Status Archive::settle_block(const Waiting& waiting, std::uint64_t next_sequence) {
  if (auto rotated = rotate_if_due(); !rotated) return rotated;
  const bool is_first = current_ == nullptr;
  if (is_first) {
    if (auto begun = begin_segment(); !begun) return begun;
  }
  Head head = this->head();
  if (is_first) head.blocks = 0;
  head.segment = current_->number();
  auto block = waiting.block;
  const auto previous = is_first ? current_->header().hash() : head.hash;
  const auto sealed = std::move(block).seal(head.segment, head.blocks, previous, key_);
  auto status = current_->append(sealed, waiting.keys);
  const bool has_block = status.has_value();
  if (has_block) {
    head.blocks += 1;
    head.end = current_->end();
    head.hash = sealed.hash;
    head.next_sequence = next_sequence;
    store::Batch batch;
    remove_events(batch, waiting.sequences);
    batch.put(Family::kTrace, std::string{kHeadKey}, head.encode());
    status = commit_and_wait(world_.store, std::move(batch));
  }
  const std::lock_guard lock{mutex_};
  if (status) {
    head_ = head;
  } else {
    if (has_block) current_->drop_last();
    if (is_first) {
      segments_.pop_back();
      current_ = nullptr;
    }
  }
  return status;
}

Status Archive::rotate_if_due() {
  if (!current_) return {};
  const bool is_old = world_.clock.now() - current_->header().created >= options_.segment_age;
  const bool is_full = current_->block_count() >= SegmentIndex::kBlocksMax - 1;
  if (current_->end() < options_.segment_size && !is_old && !is_full) return {};
  if (auto closed = current_->close(); !closed) return closed;
  current_ = nullptr;
  return {};
}

// It becomes visible to readers before the commit takes its events from the kv, so that none is missed in between.
Status Archive::begin_segment() {
  const Head head = this->head();
  SegmentHeader header;
  header.segment = head.blocks == 0 ? head.segment : head.segment + 1;
  header.created = world_.clock.now();
  header.previous = head.hash;
  auto segment = Segment::create(world_.files, directory_, header);
  if (!segment) return fail(segment.error());
  const std::lock_guard lock{mutex_};
  current_ = std::move(*segment);
  segments_.push_back(current_);
  return {};
}

Status Archive::expire() {
  if (options_.retention.count() == 0) return {};
  const auto horizon = world_.clock.now() - options_.retention;
  while (true) {
    const auto segments = this->segments();
    // The last one stays, so that there is always a block to continue from.
    if (segments.size() < 2 || segments.front()->newest().value_or(horizon) >= horizon) return {};
    if (auto dropped = drop_oldest(); !dropped) return dropped;
  }
}

// The anchor is durable before the files go: a crash in between leaves files that the next start removes.
Status Archive::drop_oldest() {
  const auto segments = this->segments();
  Anchor anchor;
  anchor.first_segment = segments[1]->number();
  anchor.previous = segments[1]->header().previous;
  anchor.signature = key_.sign(anchor.signed_part());
  store::Batch batch;
  batch.put(Family::kTrace, std::string{kAnchorKey}, anchor.encode());
  if (auto committed = commit_and_wait(world_.store, std::move(batch)); !committed) return committed;
  anchor_ = anchor;
  {
    const std::lock_guard lock{mutex_};
    segments_.erase(segments_.begin());
  }
  return remove_leftovers();
}

Archive::Segments Archive::segments() const {
  const std::lock_guard lock{mutex_};
  return {segments_.begin(), segments_.end()};
}

Head Archive::head() const {
  const std::lock_guard lock{mutex_};
  return head_;
}

}  // namespace bulkhead::trace
