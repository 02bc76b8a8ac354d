#include "src/admin/call.h"

#include "src/base/check.h"

namespace bulkhead::admin {

const std::string& Call::in_path(std::string_view name) const {
  const auto found = path.find(name);
  BULKHEAD_CHECK(found != path.end());
  return found->second;
}

std::string Call::in_query(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? std::string{} : found->second;
}

bool Call::has(std::string_view field) const {
  return body.is_object() && body.contains(std::string{field});
}

bool Call::is_null(std::string_view field) const {
  return has(field) && body.at(std::string{field}).is_null();
}

std::string Call::text(std::string_view field) const {
  return has(field) && !is_null(field) ? body.at(std::string{field}).get<std::string>() : std::string{};
}

std::optional<std::uint64_t> Call::number(std::string_view field) const {
  if (!has(field) || is_null(field)) return std::nullopt;
  return body.at(std::string{field}).get<std::uint64_t>();
}

std::vector<std::string> Call::texts(std::string_view field) const {
  if (!has(field) || is_null(field)) return {};
  return body.at(std::string{field}).get<std::vector<std::string>>();
}

bool Call::is_true(std::string_view field) const {
  return has(field) && !is_null(field) && body.at(std::string{field}).get<bool>();
}

}  // namespace bulkhead::admin
