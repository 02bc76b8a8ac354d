#include "src/mailbox/removal.h"

#include <chrono>
#include <future>

#include "src/mailbox/rows.h"
#include "src/store/encoding.h"

namespace bulkhead::mailbox {

namespace {

using store::Family;
using store::Kv;

constexpr std::size_t kNotesMax = 100;  // looked at in one round
// Longer than a removal takes in the directory, and than a delivery that found the account before is under way.
constexpr std::chrono::minutes kSettled{10};

struct Note {
  AccountId account;
  UtcTime at;
};

Status commit_and_wait(store::Store& store, store::Transaction transaction) {
  std::promise<Status> promise;
  auto waiting = promise.get_future();
  store.commit(std::move(transaction), [&promise](const Result<store::Committed>& result) {
    promise.set_value(result ? Status{} : Status{fail(result.error())});
  });
  return waiting.get();
}

Result<std::vector<Note>> read_notes(const Kv& kv) {
  std::vector<Note> notes;
  const auto scanned = kv.scan(Family::kMailbox, kRemovalsFirst, kRemovalsPastLast, Kv::Direction::kForward,
                               [&notes](std::string_view key, std::string_view value) {
                                 const auto account = account_of_removal(key);
                                 if (account && value.size() == 8) {
                                   const auto micros =
                                       static_cast<std::int64_t>(store::load_le<std::uint64_t>(value.data()));
                                   notes.push_back({*account, UtcTime{std::chrono::microseconds{micros}}});
                                 }
                                 return notes.size() < kNotesMax;
                               });
  if (!scanned) return fail(scanned.error());
  return notes;
}

// Whether the note has served: the clock may have gone back since.
bool is_settled(const Note& note, UtcTime now) {
  return now - note.at >= kSettled || note.at - now >= kSettled;
}

// What stands beside the messages.
void remove_rest(const AccountId& account, store::Batch& batch) {
  for (const char kind : {'m', 'i', 'v', 'u'}) {
    auto range = account_range(kind, account);
    batch.remove_range(Family::kMailbox, std::move(range.first), std::move(range.past_last));
  }
  batch.remove(Family::kMailbox, message_count_key(account));
  batch.remove(Family::kMailbox, byte_count_key(account));
}

// Frees at most `messages_max` messages; with the last of them everything else of the account.
Result<std::size_t> free_account(store::Store& store, const Note& note, UtcTime now, std::size_t messages_max) {
  store::Transaction transaction;
  std::size_t freed = 0;
  bool is_all = true;
  const auto range = account_range('m', note.account);
  const auto scanned = store.kv().scan(Family::kMailbox, range.first, range.past_last, Kv::Direction::kForward,
                                       [&](std::string_view key, std::string_view value) {
                                         if (freed == messages_max) {
                                           is_all = false;
                                           return false;
                                         }
                                         // A row that cannot be read goes too; where its body lies nobody knows.
                                         const auto message = decode_message(uid_of_key(key), value);
                                         if (message) transaction.releases.push_back(message->body);
                                         transaction.batch.remove(Family::kMailbox, std::string{key});
                                         ++freed;
                                         return true;
                                       });
  if (!scanned) return fail(scanned.error());
  const bool has_ended = is_all && is_settled(note, now);
  if (is_all && (freed > 0 || has_ended)) remove_rest(note.account, transaction.batch);
  if (has_ended) transaction.batch.remove(Family::kMailbox, removal_key(note.account));
  if (transaction.batch.empty()) return freed;
  if (auto done = commit_and_wait(store, std::move(transaction)); !done) return fail(done.error());
  return freed;
}

Status forget_note(store::Store& store, const AccountId& account) {
  store::Transaction transaction;
  transaction.batch.remove(Family::kMailbox, removal_key(account));
  return commit_and_wait(store, std::move(transaction));
}

}  // namespace

Status note_removal(store::Store& store, const AccountId& account, UtcTime now) {
  store::Transaction transaction;
  std::string value;
  store::append_le<std::uint64_t>(value, static_cast<std::uint64_t>(now.time_since_epoch().count()));
  transaction.batch.put(Family::kMailbox, removal_key(account), std::move(value));
  return commit_and_wait(store, std::move(transaction));
}

Result<std::size_t> free_removed(store::Store& store, const AccountCheck& exists, UtcTime now,
                                 std::size_t messages_max) {
  const auto notes = read_notes(store.kv());
  if (!notes) return fail(notes.error());
  std::size_t freed = 0;
  for (const auto& note : *notes) {
    if (freed >= messages_max) break;
    const auto is_there = exists(note.account);
    if (!is_there) return fail(is_there.error());
    if (*is_there) {
      // The directory refused the removal, or is about to carry it out.
      if (!is_settled(note, now)) continue;
      if (auto done = forget_note(store, note.account); !done) return fail(done.error());
      continue;
    }
    const auto some = free_account(store, note, now, messages_max - freed);
    if (!some) return some;
    freed += *some;
  }
  return freed;
}

}  // namespace bulkhead::mailbox
