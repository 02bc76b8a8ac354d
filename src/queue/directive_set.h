// The directives in force, and what they say of a delivery. Immutable: an order makes a new set.
//
// Each directive is registered under its most selective dimension that an entry answers, so that judging a delivery
// asks a hash map once for each kind of dimension in use, however many directives there are. Thread-safe.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "src/queue/attributes.h"
#include "src/queue/directive.h"
#include "src/queue/job.h"

namespace bulkhead::queue {

// A delivery as it is judged.
struct Subject {
  const LaneKey& lane;
  std::uint64_t tenant_key = 0, site_key = 0;
  MessageId id = {};
  AttributeKeys keys = {};
  std::uint32_t epoch = 0;
  std::uint32_t held_by = 0;     // the directive that holds it now, 0 for none
  std::string_view state = {};   // one of the four words of the interface
  UtcTime due = UtcTime::min();  // its next attempt
  bool is_tried = false;
  const Message* message = nullptr;  // when it is at hand, with what is pending
  const std::vector<std::uint16_t>* pending = nullptr;
};

struct Judgement {
  enum class Kind : std::uint8_t { kGo, kHold, kPurge, kBounce } kind = Kind::kGo;
  std::uint32_t number = 0;    // of the directive that says so, 0 when none does
  bool needs_message = false;  // it may change once the message is read
};

class DirectiveSet {
 public:
  using SourceOf = std::function<std::optional<IpAddress>(const LaneKey&)>;

  // `directives` in order of their numbers.
  DirectiveSet(std::vector<Directive> directives, const AttributeHash& hash, SourceOf source_of);

  bool empty() const { return entries_.empty(); }
  bool needs_messages() const { return needs_messages_; }  // whether one of them does, to tell what it means
  // Purge wins over bounce, bounce over the rest; of hold and release the last one that matches.
  Judgement judge(const Subject& subject) const;
  // Whether one of them means it: yes, no, or not to be told without the message.
  enum class Match : std::uint8_t { kNo, kYes, kUnknown };
  Match match(std::uint32_t number, const Subject& subject) const;

  const std::vector<Directive>& directives() const { return directives_; }
  const Directive* find(std::uint32_t number) const;

 private:
  // A directive with its selector's values as hashes.
  struct Entry {
    const Directive* directive = nullptr;
    std::uint64_t account = 0, sender = 0, client_ip = 0, domain = 0, site = 0, tenant = 0;
    bool needs_message = false;
  };
  void register_entry(std::uint32_t at, const AttributeHash& hash);
  Match match(const Entry& entry, const Subject& subject) const;
  bool matches_state(const Directive& directive, const Subject& subject) const;
  void collect(std::uint64_t key, std::vector<std::uint32_t>& found) const;

  const std::vector<Directive> directives_;
  const SourceOf source_of_;
  std::vector<Entry> entries_;  // in order of the numbers
  std::unordered_map<std::uint64_t, std::vector<std::uint32_t>> by_key_;
  std::unordered_map<MessageId, std::vector<std::uint32_t>> by_id_;
  std::vector<std::uint32_t> for_all_;
  bool needs_messages_ = false;
  unsigned kinds_ = 0;  // bits of AttributeKind that by_key_ holds
};

using DirectiveSetPtr = std::shared_ptr<const DirectiveSet>;

}  // namespace bulkhead::queue
