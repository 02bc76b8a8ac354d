#include "src/admin/rest/router.h"

#include <fmt/format.h>

#include "src/base/log.h"

namespace bulkhead::admin {
namespace {

using Segments = std::vector<std::string_view>;

Segments split(std::string_view path) {
  Segments segments;
  while (!path.empty()) {
    if (path.front() == '/') path.remove_prefix(1);
    const auto end = std::min(path.find('/'), path.size());
    segments.push_back(path.substr(0, end));
    path.remove_prefix(end);
  }
  return segments;
}

bool is_parameter(std::string_view segment) {
  return segment.starts_with('{');
}

// Fills the parameters of the template from the path; false when they differ.
bool match_segments(const Segments& pattern, const Segments& path, Match& match) {
  if (pattern.size() != path.size()) return false;
  match.parameters.clear();
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (!is_parameter(pattern[i])) {
      if (pattern[i] != path[i]) return false;
      continue;
    }
    auto value = proto::http::percent_decode(path[i]);
    if (!value || value->empty()) return false;
    match.parameters[std::string{pattern[i].substr(1, pattern[i].size() - 2)}] = std::move(*value);
  }
  return true;
}

std::string_view type_name(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return "a string";
    case FieldType::kInteger:
      return "a whole number, not negative";
    case FieldType::kNumber:
      return "a number";
    case FieldType::kBoolean:
      return "true or false";
    case FieldType::kStrings:
      return "an array of strings";
    case FieldType::kTime:
      return "a time as RFC 3339 writes it";
    case FieldType::kObject:
      return "an object";
    case FieldType::kObjects:
      return "an array of objects";
  }
  return "something else";
}

bool is_array_of_strings(const Json& value) {
  if (!value.is_array()) return false;
  for (const auto& element : value) {
    if (!element.is_string()) return false;
  }
  return true;
}

bool has_type(const Json& value, const Field& field) {
  if (value.is_null()) return field.need != Need::kRequired;
  switch (field.type) {
    case FieldType::kString:
    case FieldType::kTime:
      return value.is_string();
    case FieldType::kInteger:
      return value.is_number_unsigned();
    case FieldType::kNumber:
      return value.is_number();
    case FieldType::kBoolean:
      return value.is_boolean();
    case FieldType::kStrings:
      return is_array_of_strings(value);
    case FieldType::kObject:
      return value.is_object();
    case FieldType::kObjects:
      return value.is_array();
  }
  return false;
}

const Field* find_field(const std::vector<Field>& fields, std::string_view name) {
  for (const auto& field : fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

tl::unexpected<Error> unknown_field(std::string_view where, std::string_view name, const std::vector<Field>& fields) {
  std::string known;
  for (const auto& field : fields) known += (known.empty() ? "" : ", ") + std::string{field.name};
  return fail(ErrorCode::kInvalid, fmt::format("{} \"{}\" is not known here", where, escape_controls(name, 80)),
              known.empty() ? "there is none" : "known: " + known);
}

// A text that goes into names, headers and logs must not break lines; PEM texts may.
bool is_fit_text(const Json& value, const Field& field) {
  if (!value.is_string() || field.name == "certificate" || field.name == "key") return true;
  for (const char c : value.get_ref<const std::string&>()) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return false;
  }
  return true;
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(' ') == std::string_view::npos;
}

tl::unexpected<Error> empty_value(std::string_view name) {
  return fail(ErrorCode::kInvalid, fmt::format("{} is given without a value", name),
              name == "sender" ? "the null sender is <>; leave it out when any is meant"
                               : "give one, or leave it out when it is not to choose by");
}

Status check_selector(const Json& value, const Field& field) {
  const bool is_empty = value.is_null() ? field.need != Need::kNullable
                                        : value.is_string() && is_blank(value.get_ref<const std::string&>());
  if (field.is_selector && is_empty) return empty_value(field.name);
  return {};
}

Status check_body(const Endpoint& endpoint, const Json& body) {
  if (!body.is_object()) return fail(ErrorCode::kInvalid, "the body must be a JSON object");
  for (const auto& [name, value] : body.items()) {
    const Field* field = find_field(endpoint.body, name);
    if (field == nullptr) return unknown_field("the field", name, endpoint.body);
    if (!has_type(value, *field)) {
      return fail(ErrorCode::kInvalid, fmt::format("{} must be {}", field->name, type_name(field->type)));
    }
    if (!is_fit_text(value, *field)) {
      return fail(ErrorCode::kInvalid, fmt::format("{} holds a control character", field->name));
    }
    if (auto checked = check_selector(value, *field); !checked) return checked;
  }
  for (const auto& field : endpoint.body) {
    if (field.need == Need::kRequired && !body.contains(std::string{field.name})) {
      return fail(ErrorCode::kInvalid, fmt::format("{} is missing", field.name), std::string{field.description});
    }
  }
  return {};
}

}  // namespace

Match match_endpoint(std::string_view method, std::string_view path) {
  Match match;
  path.remove_prefix(std::min(path.size(), kApiRoot.size()));
  const Segments segments = split(path);
  for (const auto& endpoint : endpoints()) {
    Match one;
    if (!match_segments(split(endpoint.path), segments, one)) continue;
    if (endpoint.method == method) {
      one.endpoint = &endpoint;
      return one;
    }
    match.allowed += (match.allowed.empty() ? "" : ", ") + std::string{endpoint.method};
  }
  return match;
}

Result<Call> read_call(const Endpoint& endpoint, const proto::http::Request& request) {
  Call call;
  for (const auto& [name, value] : request.query) {
    if (find_field(endpoint.query, name) == nullptr) return unknown_field("the parameter", name, endpoint.query);
    // The place where a list begins is the only one that "" means.
    if (name != "after" && is_blank(value)) return empty_value(name);
    if (!call.query.emplace(name, value).second) {
      return fail(ErrorCode::kInvalid, fmt::format("the parameter {} is given twice", name));
    }
  }
  if (endpoint.input == Input::kCsv) call.raw_body = request.body;
  if (endpoint.input != Input::kJson) return call;
  if (!request.body.empty()) {
    auto body = parse_json(request.body);
    if (!body) return fail(body.error());
    call.body = std::move(*body);
  }
  if (auto checked = check_body(endpoint, call.body); !checked) return fail(checked.error());
  return call;
}

}  // namespace bulkhead::admin
