// Replies that no rule knows, by their shape, for people who write rules.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "monitoring/replies/remote_reply.h"
#include "src/base/clock.h"

namespace bulkhead::replies {

struct UnknownReply {
  std::string provider;
  std::string shape;   // code and text with numbers, addresses and words that look like ids replaced
  std::string sample;  // the first one seen, as it came, printable, at most 400 octets
  Stage stage = Stage::kOther;
  std::uint64_t count = 0;
  UtcTime first;
  UtcTime last;
};

// Not thread-safe. Keeps a bounded number of shapes; when they are full, a new one takes the place of the rarest, whose
// count it inherits, so that a frequent shape is found even among endlessly many rare ones.
class UnknownReplies {
 public:
  explicit UnknownReplies(std::size_t shapes_max = 500) : shapes_max_(shapes_max) {}

  void add(const RemoteReply& reply, UtcTime now);
  std::uint64_t total() const { return total_; }
  std::vector<UnknownReply> list() const;  // the most frequent first
  void clear();

 private:
  std::size_t shapes_max_;
  std::uint64_t total_ = 0;
  std::map<std::string, UnknownReply, std::less<>> by_shape_;  // by provider, a blank, and shape
};

// "550 5.7.1 mail from [192.0.2.7] ref A1B2C3D4" → "550 5.7.1 mail from [#] ref #"; at most 200 octets.
std::string shape_of(int code, std::string_view text);
// A line for each, in the form of a rule's fixture: "match {provider stage} 550 …" with count and times as a comment
// before it, ready to be pasted into a rules' file.
std::string export_text(const std::vector<UnknownReply>& replies);

}  // namespace bulkhead::replies
