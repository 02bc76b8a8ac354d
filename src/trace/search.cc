#include "src/trace/search.h"

#include <algorithm>
#include <map>

#include "src/trace/event_codec.h"

namespace bulkhead::trace {

namespace {

// The newest events that match, up to the limit. An event that is met twice (in the kv and in a block, while it is
// being settled) counts once: its number is part of the key.
class Newest {
 public:
  explicit Newest(const Query& query) : query_(query), limit_(std::min(query.limit, Trace::kLimitMax)) {}

  void offer(std::uint64_t sequence, Event event) {
    if (limit_ == 0 || !matches(query_, event)) return;
    found_.emplace(Key{event.at, sequence}, std::move(event));
    if (found_.size() > limit_) found_.erase(std::prev(found_.end()));
  }
  // Whether no event of that time or before can still get in.
  bool is_beyond(UtcTime time) const {
    return limit_ == 0 || (found_.size() == limit_ && found_.rbegin()->first.first > time);
  }
  std::vector<Event> take() {
    std::vector<Event> events;
    events.reserve(found_.size());
    for (auto& [key, event] : found_) events.push_back(std::move(event));
    return events;
  }

 private:
  using Key = std::pair<UtcTime, std::uint64_t>;
  const Query& query_;
  const std::size_t limit_;
  std::map<Key, Event, std::greater<>> found_;
};

struct Candidate {
  std::shared_ptr<const Segment> segment;
  BlockPlace place;
};

Result<std::vector<Candidate>> candidates_of(const Archive::Segments& segments, const Query& query,
                                             std::vector<Error>& damages) {
  const auto keys = keys_of(query);
  std::vector<Candidate> candidates;
  for (const auto& segment : segments) {
    auto places = segment->candidates(query, keys);
    if (!places) {
      damages.push_back(places.error());
      places = segment->candidates(query, {});  // without its index: every block of the time asked for
    }
    if (!places) return fail(places.error());
    for (const auto& place : *places) candidates.push_back({segment, place});
  }
  std::sort(candidates.begin(), candidates.end(),
            [](const auto& a, const auto& b) { return a.place.header.last > b.place.header.last; });
  return candidates;
}

}  // namespace

Result<SearchResult> search_events(const store::Kv& kv, const Archive& archive, const Query& query) {
  Newest newest{query};
  // The kv first: an event that is settled meanwhile is in a segment before it leaves the kv.
  const auto scanned = kv.scan(store::Family::kTrace, kEventsFirst, kEventsPastLast, store::Kv::Direction::kForward,
                               [&newest](std::string_view key, std::string_view value) {
                                 const auto sequence = sequence_of(key);
                                 auto event = decode_event(value, UtcTime{});
                                 if (sequence && event) newest.offer(*sequence, std::move(*event));
                                 return true;
                               });
  if (!scanned) return fail(scanned.error());
  SearchResult result;
  const auto candidates = candidates_of(archive.segments(), query, result.damages);
  if (!candidates) return fail(candidates.error());
  for (const auto& [segment, place] : *candidates) {
    if (newest.is_beyond(place.header.last)) break;
    auto events = segment->read(place);
    ++result.blocks_read;
    if (!events) {
      result.damages.push_back(events.error());
      continue;
    }
    for (auto& [sequence, event] : *events) newest.offer(sequence, std::move(event));
  }
  result.events = newest.take();
  return result;
}

}  // namespace bulkhead::trace
