// What directives do to the deliveries of a shard: they hold some, and doom others.
//
// An order is in force as soon as its set is known here: what is added, put back or becomes due is judged by it, and
// until the sweep has passed, so is what is handed out. The sweep visits every entry once, in slices, and moves it to
// where it belongs; after that a directive costs nothing but the judging of what comes in.

#include <algorithm>

#include "src/base/check.h"
#include "src/queue/scheduler.h"

namespace bulkhead::queue {

void Scheduler::set_directives(DirectiveSetPtr directives) {
  directives_ = std::move(directives);
  unparked_.clear();
  sweep_at_ = table_.size() == 0 ? kNoSlot : 0;
  for (auto at = progress_.begin(); at != progress_.end();) {
    at->second.active = 0;
    at = directives_ == nullptr || directives_->find(at->first) == nullptr ? progress_.erase(at) : std::next(at);
  }
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

std::vector<DeliveryKey> Scheduler::take_unsure(std::size_t limit) {
  const auto past = unsure_.begin() + static_cast<std::ptrdiff_t>(std::min(limit, unsure_.size()));
  std::vector<DeliveryKey> taken{unsure_.begin(), past};
  unsure_.erase(unsure_.begin(), past);
  return taken;
}

// False when the entry's message must be read first.
bool Scheduler::sweep_one(Slot slot) {
  DeliveryEntry& entry = table_[slot];
  if (entry.state == DeliveryState::kFree || entry.state == DeliveryState::kDoomed) return true;
  const Judgement judgement = has_directives() ? directives_->judge(subject_of(entry)) : Judgement{};
  if (entry.state == DeliveryState::kActive) {
    if (judgement.kind != Judgement::Kind::kGo) ++progress_[judgement.number].active;
    return true;
  }
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

bool Scheduler::withdraw(const DeliveryKey& key, const Judgement& judgement) {
  if (judgement.kind == Judgement::Kind::kGo) return false;
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

// A doomed delivery counts as one of the queue again while somebody works on it.
void Scheduler::activate_purged(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  BULKHEAD_CHECK(slot != kNoSlot && table_[slot].state == DeliveryState::kDoomed);
  --progress_[table_[slot].directive].marked;
  leave(slot);
  table_[slot].next = kNoSlot;
  count(table_[slot], +1);
  enter(slot, DeliveryState::kActive);
}

bool Scheduler::finish_purged(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  if (slot == kNoSlot || table_[slot].state != DeliveryState::kDoomed) return false;
  --progress_[table_[slot].directive].marked;
  leave(slot);
  remove(slot);
  return true;
}

void Scheduler::doom_again(const DeliveryKey& key) {
  const Slot slot = table_.find(key);
  BULKHEAD_CHECK(slot != kNoSlot && table_[slot].state == DeliveryState::kDoomed);
  table_[slot].next = purges_.head;
  purges_.head = slot;
  if (purges_.tail == kNoSlot) purges_.tail = slot;
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
