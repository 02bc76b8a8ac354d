// What the parameters of MAIL and RCPT mean: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), AUTH (RFC 4954),
// RET, ENVID, NOTIFY and ORCPT (RFC 3461). Used by the command parser only.
#pragma once

#include <optional>
#include <vector>

#include "src/proto/smtp/command.h"
#include "src/proto/smtp/path.h"

namespace bulkhead::smtp {

// Both return the reply that refuses the command, nothing when all is well.
std::optional<Reply> apply_parameters(const std::vector<Parameter>& parameters, MailArguments& arguments);
std::optional<Reply> apply_parameters(const std::vector<Parameter>& parameters, RcptArguments& arguments);

}  // namespace bulkhead::smtp
