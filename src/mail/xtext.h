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

// An address of type utf-8 in ORCPT (RFC 6533 §3): what is not plain ASCII becomes "\x{F6}", which every server takes,
// with SMTPUTF8 or without. Malformed UTF-8 is left out.
std::string encode_utf8_address(std::string_view address);
// Back, from that form, from UTF-8 as it is, and from xtext, which some send. kInvalid as for xtext.
Result<std::string> decode_utf8_address(std::string_view text);

}  // namespace bulkhead::mail
