// Events as bytes: a version, the time relative to a base, the kind, a set of presence bits, and the fields present.
//
// In the kv an event stands alone (base: 1970); in a block the base is the event before it, so that the time takes
// two or three bytes. Ids take 16 bytes, addresses 4 or 16, text its length and itself.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "src/trace/event.h"

namespace bulkhead::trace {

inline constexpr std::size_t kTextSizeMax = 4096;       // of one text field; what is longer is cut
inline constexpr std::size_t kRecipientsMax = 100'000;  // of one event; further ones are left out

void append_event(std::string& out, const Event& event, UtcTime base);
// kCorrupt unless `bytes` is exactly one event. Safe on any input; allocates no more than the input's size allows.
Result<Event> decode_event(std::string_view bytes, UtcTime base);

}  // namespace bulkhead::trace
