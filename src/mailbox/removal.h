// Frees what accounts that were removed have left behind: bounded work a round, and safe to be cut off anywhere.
//
// A note of the removal is durable before the directory forgets the account. While there is one, rounds free messages
// with their bodies, each part in one commit; the note goes last, and not before any delivery that was under way when
// the account was removed has ended.
#pragma once

#include <functional>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"
#include "src/store/store.h"

namespace bulkhead::mailbox {

// Notes, durably, that the account is about to be removed. Blocks on disk.
Status note_removal(store::Store& store, const AccountId& account, UtcTime now);

// One round of background work, on the pool: frees at most `messages_max` messages of accounts that were noted and that
// `exists` does not know any more. A removal that did not happen is forgotten after a while. Gives how many messages
// were freed.
using AccountCheck = std::function<Result<bool>(const AccountId&)>;
Result<std::size_t> free_removed(store::Store& store, const AccountCheck& exists, UtcTime now,
                                 std::size_t messages_max);

}  // namespace bulkhead::mailbox
