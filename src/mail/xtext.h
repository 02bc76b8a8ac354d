// xtext of RFC 3461 §4: how ENVID, ORCPT and AUTH parameters carry arbitrary text in an ESMTP parameter.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"

namespace bulkhead::mail {

// Everything but printable ASCII without '+', '=' and space becomes "+XX".
std::string encode_xtext(std::string_view text);

// kInvalid for malformed xtext, and for any octet that decodes to a control character or to a byte above 126: what
// is decoded ends up in headers and reports, where a smuggled line break would forge a line.
Result<std::string> decode_xtext(std::string_view text);

}  // namespace bulkhead::mail
