// How patterns are compiled: one way for all of them, since a set and its members must agree.
#pragma once

#include <re2/re2.h>

namespace bulkhead::replies {

// Octets rather than UTF-8, as replies hold anything; case ignored; linear in the text whatever the pattern, which is
// why it is RE2; memory bounded; nothing written to a log.
inline re2::RE2::Options pattern_options() {
  re2::RE2::Options options;
  options.set_encoding(re2::RE2::Options::EncodingLatin1);
  options.set_case_sensitive(false);
  options.set_log_errors(false);
  options.set_max_mem(8 << 20);
  return options;
}

}  // namespace bulkhead::replies
