// Paths and ESMTP parameters of MAIL and RCPT (RFC 5321 §4.1.2). Used by the command parser only.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "src/mail/address.h"
#include "src/proto/smtp/reply.h"

namespace bulkhead::smtp {

struct Parameter {
  std::string_view keyword;
  std::optional<std::string_view> value;
};

struct PathAndParameters {
  std::string_view path;  // between the angle brackets
  std::vector<Parameter> parameters;
};

// `text` is what follows the verb, `prefix` "FROM" or "TO".
tl::expected<PathAndParameters, Reply> split_path(std::string_view text, std::string_view prefix);

// The address of a path that is not empty.
tl::expected<mail::Address, Reply> parse_path(std::string_view path);

bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace bulkhead::smtp
