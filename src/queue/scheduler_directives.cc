// What directives do to the deliveries of a shard: they hold some, and doom others.
//
// An order is in force as soon as its set is known here: what is added, put back or becomes due is judged by it, and
// until the sweep has passed, so is what is handed out. The sweep visits every entry once, in slices, and moves it to
// where it belongs; after that a directive costs nothing but the judging of what comes in.

#include <algorithm>

#include "src/base/check.h"
#include "src/queue/records.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {
namespace {

constexpr std::size_t kUnsureMax = 10000;

}  // namespace

void Scheduler::set_directives(DirectiveSetPtr directives) {
  directives_ = std::move(directives);
  std::erase_if(progress_,
                [this](const auto& one) { return directives_ == nullptr || directives_->find(one.first) == nullptr; });
  begin_sweep();
}

void Scheduler::begin_sweep() {
  unparked_.clear();
  awaited_.clear();
  for (auto& [number, progress] : progress_) progress.active = 0;
  sweep_at_ = table_.size() == 0 ? kNoSlot : 0;
}

// The number of the newest directive that is in force.
std::uint32_t Scheduler::newest_directive() const {
  return has_directives() ? directives_->directives().back().number : 0;
}

// What is handed out now has been judged by all that is in force. Where its message must tell, it is still to be read,
// and all that may mean it wait until then.
void Scheduler::note_handed_out(DeliveryEntry& entry) {
  entry.directive = needs_messages() ? 0 : newest_directive();
  if (!needs_messages()) settle(entry.key());
}

Subject Scheduler::subject_of(const DeliveryEntry& entry) const {
  const Lane& lane = *entry.strand->lane;
  const auto key_of = [this](AttributeRef ref) { return ref == kNoAttribute ? 0 : attributes_[ref].key; };
  Subject subject{.lane = lane.key};
  subject.tenant_key = key_of(lane.tenant->ref);
  subject.site_key = key_of(lane.site);
  subject.id = entry.message;
  subject.keys = {key_of(entry.account), key_of(entry.sender), key_of(entry.client_ip), key_of(entry.domain)};
  subject.epoch = entry.epoch;
  subject.due = entry.due;
  subject.is_tried = entry.attempts > 0;
  if (entry.state == DeliveryState::kParked) subject.held_by = entry.directive;
  if (entry.state == DeliveryState::kFree) {
    subject.state = entry.due <= clock_.now() ? "ready" : "scheduled";  // what it is about to be
  } else {
    subject.state = state_word(status_of(entry));
  }
  return subject;
}

Judgement Scheduler::judge(const DeliveryKey& key, const Message* message,
                           const std::vector<std::uint16_t>* pending) const {
  const Slot slot = has_directives() ? table_.find(key) : kNoSlot;
  if (slot == kNoSlot) return {};
  Subject subject = subject_of(table_[slot]);
  if (subject.state == "active") subject.state = "ready";  // it was, until it was handed out to be judged
  subject.message = message;
  subject.pending = pending;
  return directives_->judge(subject);
}

// Puts an entry that is in no state where a judgement puts it; false when it may go.
bool Scheduler::displace(Slot slot, const Judgement& judgement) {
  if (judgement.kind == Judgement::Kind::kGo) return false;
  settle(table_[slot].key());
  if (judgement.kind == Judgement::Kind::kHold) {
    park(slot, judgement.number);
  } else {
    doom(slot, judgement);
  }
  return true;
}

void Scheduler::park(Slot slot, std::uint32_t number) {
  DeliveryEntry& entry = table_[slot];
  entry.directive = number;
  enter(slot, DeliveryState::kParked);
  table_.set_timer(slot, kNever);
  ask_for_route(*entry.strand->lane);
  ++progress_[number].held;
}

// Back to its schedule; those of one site go on one after the other, so that it is not stormed. What was held for
// longer than it had to live gets time for its attempts.
void Scheduler::unpark(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  const UtcTime now = clock_.now();
  --progress_[entry.directive].held;
  leave(slot);
  entry.directive = 0;
  const auto number = unparked_[entry.strand->lane->site]++;
  entry.due = std::max(entry.due, number < limits_.workers_per_lane ? now : now + number * limits_.release_step);
  const auto until = std::chrono::ceil<std::chrono::seconds>(entry.due + limits_.life_after_hold).time_since_epoch();
  if (entry.expires_at != 0) entry.expires_at = std::max(entry.expires_at, static_cast<std::uint32_t>(until.count()));
  resume_judged(slot, Position::kBack);
}

void Scheduler::doom(Slot slot, const Judgement& judgement) {
  DeliveryEntry& entry = table_[slot];
  count(entry, -1);
  entry.directive = judgement.number;
  enter(slot, DeliveryState::kDoomed);
  table_.set_timer(slot, kNever);
  SlotLine& line = judgement.kind == Judgement::Kind::kPurge ? purges_ : bounces_;
  entry.next = kNoSlot;
  (line.head == kNoSlot ? line.head : table_[line.tail].next) = slot;
  line.tail = slot;
  ++progress_[judgement.number].marked;
  ++progress_[judgement.number].taken;
}

// Judges an entry that waits, before it is handed out or expires. True when it has been moved away.
bool Scheduler::intercept(Slot slot) {
  if (slot < sweep_at_ || !has_directives()) return false;
  const Judgement judgement = directives_->judge(subject_of(table_[slot]));
  // Who hands it out reads its message, and asks again.
  if (judgement.kind == Judgement::Kind::kGo || judgement.needs_message) return false;
  leave(slot);
  return displace(slot, judgement);
}

// Back in the queue, where the directives in force put it.
void Scheduler::resume(Slot slot, Position position) {
  const Judgement judgement = has_directives() ? directives_->judge(subject_of(table_[slot])) : Judgement{};
  if (judgement.needs_message) {
    if (slot < sweep_at_) judge_later(table_[slot].key());  // otherwise the sweep comes by
  } else {
    settle(table_[slot].key());
    if (displace(slot, judgement)) return;
  }
  resume_judged(slot, position);
}

void Scheduler::judge_later(const DeliveryKey& key) {
  if (unsure_.size() < kUnsureMax) {
    unsure_.push_back(key);
  } else {
    is_sweep_wanted_ = true;
  }
}

std::vector<DeliveryKey> Scheduler::take_unsure(std::size_t limit) {
  const auto past = unsure_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, unsure_.size()));
  std::vector<DeliveryKey> taken{unsure_.begin(), past};
  unsure_.erase(unsure_.begin(), past);
  if (unsure_.empty() && std::exchange(is_sweep_wanted_, false)) begin_sweep();
  return taken;
}

// Which directives came while the delivery was under way and mean it, or may: their work is not done before it is back
// and was judged. True when its message must tell.
bool Scheduler::await(Slot slot) {
  const DeliveryEntry& entry = table_[slot];
  std::vector<std::uint32_t> numbers;
  bool is_unsure = false;
  const auto& known = directives_->directives();
  for (auto at = known.rbegin(); at != known.rend() && at->number > entry.directive; ++at) {
    const auto match = directives_->match(at->number, subject_of(entry));
    if (match == DirectiveSet::Match::kNo) continue;
    is_unsure = is_unsure || match == DirectiveSet::Match::kUnknown;
    numbers.push_back(at->number);
    ++progress_[at->number].active;
  }
  if (!numbers.empty()) awaited_[entry.key()] = std::move(numbers);
  return is_unsure;
}

void Scheduler::stop_awaiting(std::uint32_t number) {
  const auto found = progress_.find(number);
  if (found != progress_.end() && found->second.active > 0) --found->second.active;
}

void Scheduler::settle(const DeliveryKey& key) {
  if (awaited_.empty()) return;
  const auto found = awaited_.find(key);
  if (found == awaited_.end()) return;
  for (const auto number : found->second) stop_awaiting(number);
  awaited_.erase(found);
}

// False when the entry's message must be read first.
bool Scheduler::sweep_one(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  if (entry.state == DeliveryState::kFree || entry.state == DeliveryState::kDoomed) return true;
  if (entry.state == DeliveryState::kActive) return !has_directives() || !await(slot);
  const Judgement judgement = has_directives() ? directives_->judge(subject_of(entry)) : Judgement{};
  if (judgement.needs_message) return false;
  apply(entry.key(), judgement);
  return true;
}

std::vector<DeliveryKey> Scheduler::sweep(std::size_t limit) {
  std::vector<DeliveryKey> unsure;
  if (!is_sweeping()) return unsure;
  const auto past = static_cast<Slot>(std::min<std::size_t>(table_.end(), sweep_at_ + limit));
  for (Slot slot = sweep_at_; slot < past; ++slot) {
    if (!sweep_one(slot)) unsure.push_back(table_[slot].key());
  }
  sweep_at_ = past >= table_.end() ? kNoSlot : past;
  return unsure;
}

bool Scheduler::apply(const DeliveryKey& key, const Judgement& judgement) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot) return false;
  DeliveryEntry& entry = table_[slot];
  const bool is_parked = entry.state == DeliveryState::kParked;
  const bool is_waiting = entry.state == DeliveryState::kReady || entry.state == DeliveryState::kScheduled;
  if (!is_parked && !is_waiting) return false;
  settle(key);
  if (judgement.kind == Judgement::Kind::kGo) {
    if (is_parked) unpark(slot);
    if (is_parked && judgement.number != 0) ++progress_[judgement.number].taken;
    return is_parked;
  }
  if (is_parked && judgement.kind == Judgement::Kind::kHold && judgement.number == entry.directive) return false;
  if (is_parked) --progress_[entry.directive].held;
  leave(slot);
  displace(slot, judgement);
  return true;
}

void Scheduler::judge_read(const DeliveryKey& key, const Message& message, const std::vector<std::uint16_t>& pending) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || !has_directives()) return settle(key);
  if (table_[slot].state != DeliveryState::kActive) {
    apply(key, judge(key, &message, &pending));
    return;
  }
  // Handed out while its message was being read for the sweep, which has found it waiting.
  if (!awaited_.contains(key)) await(slot);
  const auto found = awaited_.find(key);
  if (found == awaited_.end()) return;
  Subject subject = subject_of(table_[slot]);
  subject.message = &message;
  subject.pending = &pending;
  std::erase_if(found->second, [&](std::uint32_t number) {
    const bool is_meant = directives_->match(number, subject) != DirectiveSet::Match::kNo;
    if (!is_meant) stop_awaiting(number);
    return !is_meant;
  });
  if (found->second.empty()) awaited_.erase(found);
}

bool Scheduler::withdraw_tried(const DeliveryKey& key, const DeliveryRecord& record, const Message& message) {
  const Slot slot = has_directives() ? deactivate(key) : kNoSlot;
  if (slot == kNoSlot) return false;
  DeliveryEntry& entry = table_[slot];
  entry.attempts = record.attempts;
  entry.has_record = true;
  entry.due = record.next_attempt;
  const auto pending = record.pending();
  Subject subject = subject_of(entry);
  subject.message = &message;
  subject.pending = &pending;
  entry.strand->lane->unsent = 0;
  if (displace(slot, directives_->judge(subject))) return true;
  enter(slot, DeliveryState::kActive);
  return false;
}

bool Scheduler::withdraw(const DeliveryKey& key, const Judgement& judgement) {
  if (judgement.kind == Judgement::Kind::kGo) {
    const Slot going = needs_messages() ? table_.find(key) : kNoSlot;
    if (going == kNoSlot || table_[going].state != DeliveryState::kActive) return false;
    table_[going].directive = newest_directive();
    settle(key);
    return false;
  }
  const Slot slot = deactivate(key);
  if (slot == kNoSlot) return false;
  displace(slot, judgement);
  return true;
}

std::vector<Doomed> Scheduler::take_doomed(DirectiveAction action, std::size_t limit) {
  std::vector<Doomed> taken;
  SlotLine& line = action == DirectiveAction::kPurge ? purges_ : bounces_;
  while (line.head != kNoSlot && taken.size() < limit) {
    const Slot slot = line.head;
    const DeliveryEntry& entry = table_[slot];
    line.head = entry.next;
    if (line.head == kNoSlot) line.tail = kNoSlot;
    taken.push_back({entry.key(), entry.directive, entry.is_sole, entry.has_record});
    if (action == DirectiveAction::kBounce) activate_purged(entry.key());
  }
  return taken;
}

// Of a doomed delivery that is in no line any more.
void Scheduler::leave_doom(Slot slot) {
  const auto found = progress_.find(table_[slot].directive);
  if (found != progress_.end()) --found->second.marked;
  leave(slot);
  table_[slot].next = kNoSlot;
}

// A doomed delivery counts as one of the queue again while somebody works on it.
void Scheduler::activate_purged(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  BULKHEAD_CHECK(slot != kNoSlot && table_[slot].state == DeliveryState::kDoomed);
  leave_doom(slot);
  DeliveryEntry& entry = table_[slot];
  count(entry, +1);
  enter(slot, DeliveryState::kActive);
  const auto found = progress_.find(entry.directive);
  entry.is_worked_on = found != progress_.end();
  if (entry.is_worked_on) ++found->second.working;
}

// Of a delivery that is active no more: done, or back where it was.
void Scheduler::end_work(DeliveryEntry& entry) {
  if (!entry.is_worked_on) return;
  entry.is_worked_on = false;
  const auto found = progress_.find(entry.directive);
  if (found != progress_.end() && found->second.working > 0) --found->second.working;
}

bool Scheduler::finish_purged(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || table_[slot].state != DeliveryState::kDoomed) return false;
  leave_doom(slot);
  remove(slot);
  return true;
}

void Scheduler::doom_again(const Doomed& doomed, DirectiveAction action) {
  const Slot slot = table_.find(doomed.key);
  BULKHEAD_CHECK(slot != kNoSlot);
  DeliveryEntry& entry = table_[slot];
  if (entry.state == DeliveryState::kActive) {
    deactivate(doomed.key);
    settle(doomed.key);
    count(entry, -1);
    entry.directive = doomed.number;
    enter(slot, DeliveryState::kDoomed);
    table_.set_timer(slot, kNever);
    ++progress_[doomed.number].marked;
  }
  BULKHEAD_CHECK(entry.state == DeliveryState::kDoomed);
  SlotLine& line = action == DirectiveAction::kPurge ? purges_ : bounces_;
  entry.next = line.head;
  line.head = slot;
  if (line.tail == kNoSlot) line.tail = slot;
}

void Scheduler::undo_doom(const DeliveryKey& key) {
  activate_purged(key);
  put_back(key);
}

DirectiveProgress Scheduler::progress(std::uint32_t number) const {
  const auto found = progress_.find(number);
  DirectiveProgress progress = found == progress_.end() ? DirectiveProgress{} : found->second;
  progress.is_sweeping = is_sweeping();
  progress.sweep_total = table_.size();
  progress.swept = is_sweeping() ? std::min<std::uint64_t>(sweep_at_, table_.size()) : table_.size();
  return progress;
}

void Scheduler::note_done(std::uint32_t number, std::uint64_t deliveries, std::uint64_t messages) {
  progress_[number].done += deliveries;
  progress_[number].messages_done += messages;
}

}  // namespace bulkhead::queue
