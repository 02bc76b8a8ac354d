// An order about a part of the queue: hold it, release it, purge it, bounce it.
//
// A directive is one durable record, however much mail it means. It applies to what was accepted before it was given,
// and with `and_future` to what comes later too. "Before" does not ask a clock: directives are numbered, a message
// keeps the number of the last one given when its acceptance began (Message::epoch), and directive n means the
// messages with a smaller number. The end of "and what follows" takes a number too, which bounds what it meant.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "src/queue/selector.h"

namespace bulkhead::queue {

using DirectiveId = Id<struct DirectiveTag>;

enum class DirectiveAction : std::uint8_t { kHold = 1, kRelease, kPurge, kBounce };
std::string_view to_string(DirectiveAction action);  // "hold" …

struct DirectiveOrder {
  Selector selector;
  DirectiveAction action = DirectiveAction::kHold;
  bool and_future = false;
  bool is_dry_run = false;      // counts and samples only
  bool is_for_all = false;      // must be set when the selector means everything
  bool reports_to_all = false;  // bounce: also to senders outside, who may be forged
  std::string by;               // who orders it
  // Not empty: orders of whoever's `by` begins with it share a bound, so that no tenant uses up what a node keeps.
  std::string peers = {};
  // Ends the directive with this id, and it alone, whatever else is in force; nothing else of the order is looked at.
  // Of a purge or bounce at work only "and what follows" ends.
  std::optional<DirectiveId> ends = {};
};

struct Directive {
  DirectiveId id;
  std::uint32_t number = 0;  // from 1, without gaps in time
  DirectiveAction action = DirectiveAction::kHold;
  bool and_future = false;
  bool reports_to_all = false;
  Selector selector;
  UtcTime given_at;
  std::string by;
  std::uint64_t deliveries = 0, messages = 0;  // that it meant when it was given, as far as known then
  std::uint32_t before = 0;                    // where what follows was meant until an order's end: that end's number
  bool is_restored = false;                    // read from the store at the start; not stored

  // Messages with a smaller number were accepted before it, or before its "and what follows" ended.
  std::uint32_t bound() const { return before != 0 ? before : number; }
  bool means_epoch(std::uint32_t epoch) const { return and_future || epoch < bound(); }
  // Whether it takes mail out of the queue for good.
  bool is_removal() const { return action == DirectiveAction::kPurge || action == DirectiveAction::kBounce; }
  std::string encode() const;
  static Result<Directive> decode(std::string_view bytes);  // kCorrupt; its id comes from the key
};

// "hold of account=… (01J…)"
std::string text_of(const Directive& directive);

struct DirectiveProgress {
  std::uint64_t held = 0;    // deliveries that it holds now
  std::uint64_t marked = 0;  // purge, bounce: taken out of the queue, their records still to be removed
  // Of what it has marked, on its way out at this moment. No part of `marked` any more, as it is active.
  std::uint64_t working = 0;
  std::uint64_t done = 0;    // purge: removed, bounce: reported or ended
  std::uint64_t active = 0;  // handed out when it came, and not back yet: its work is not complete before they are
  std::uint64_t messages_done = 0;
  std::uint64_t taken = 0;                   // purge, bounce: marked at any time; release: let go
  std::uint64_t swept = 0, sweep_total = 0;  // entries looked at since the last order
  bool is_sweeping = false;
  // Purge, bounce: of what it has taken out of the queue, still to be done.
  std::uint64_t left() const { return marked + working; }
};

struct DirectiveView {
  Directive directive;
  DirectiveProgress progress;
};

}  // namespace bulkhead::queue
