// One call of the API, already checked against the route table: only known fields, each of its declared type.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "src/admin/caller.h"
#include "src/admin/json.h"

namespace bulkhead::admin {

struct Call {
  Caller caller;
  std::map<std::string, std::string, std::less<>> path;   // what stands for "{tenant}", decoded
  std::map<std::string, std::string, std::less<>> query;  // decoded
  Json body = Json::object();
  std::string raw_body;  // of calls that take no JSON (CSV import)

  const std::string& in_path(std::string_view name) const;
  std::string in_query(std::string_view name) const;  // "" when absent
  bool has(std::string_view field) const;             // in the body, null included
  bool is_null(std::string_view field) const;
  std::string text(std::string_view field) const;  // "" when absent or null
  std::optional<std::uint64_t> number(std::string_view field) const;
  std::vector<std::string> texts(std::string_view field) const;
  bool is_true(std::string_view field) const;
};

}  // namespace bulkhead::admin
