#include "src/admin/rest/openapi.h"

#include <algorithm>
#include <cctype>

#include "src/admin/rest/endpoint.h"
#include "src/admin/rest/router.h"

namespace bulkhead::admin {
namespace {

Json type_json(FieldType type) {
  switch (type) {
    case FieldType::kString:
      return Json{{"type", "string"}};
    case FieldType::kInteger:
      return Json{{"type", "integer"}, {"format", "int64"}, {"minimum", 0}};
    case FieldType::kNumber:
      return Json{{"type", "number"}};
    case FieldType::kBoolean:
      return Json{{"type", "boolean"}};
    case FieldType::kStrings:
      return Json{{"type", "array"}, {"items", Json{{"type", "string"}}}};
    case FieldType::kTime:
      return Json{{"type", "string"}, {"format", "date-time"}};
    case FieldType::kObject:
      return Json{{"type", "object"}};
    case FieldType::kObjects:
      return Json{{"type", "array"}, {"items", Json{{"type", "object"}}}};
  }
  return Json::object();
}

enum class Direction { kRequest, kAnswer };

Json object_json(const std::vector<Field>& fields, Direction direction) {
  Json properties = Json::object();
  Json required = Json::array();
  for (const auto& field : fields) {
    Json property = type_json(field.type);
    property["description"] = field.description;
    if (field.need == Need::kNullable) property["nullable"] = true;
    properties[std::string{field.name}] = std::move(property);
    const bool is_always =
        field.need == Need::kRequired || (direction == Direction::kAnswer && field.need == Need::kNullable);
    if (is_always) required.push_back(field.name);
  }
  Json object{{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) object["required"] = std::move(required);
  if (direction == Direction::kRequest) object["additionalProperties"] = false;
  return object;
}

Json reference(std::string_view schema) {
  return Json{{"$ref", "#/components/schemas/" + std::string{schema}}};
}

Json page_schema(std::string_view schema) {
  return Json{
      {"type", "object"},
      {"required", Json::array({"items", "next"})},
      {"properties",
       Json{{"items", Json{{"type", "array"}, {"items", reference(schema)}}},
            {"next", Json{{"type", "string"}, {"nullable", true}, {"description", "?after= of the next page"}}},
            {"warnings",
             Json{{"type", "array"},
                  {"items", Json{{"type", "string"}}},
                  {"description", "What the search may have been wrong about; left out when there is nothing"}}}}}};
}

Json content(std::string_view type, Json schema) {
  Json json;
  json[std::string{type}] = Json{{"schema", std::move(schema)}};
  return json;
}

Json success_json(const Endpoint& endpoint) {
  Json answer{{"description", "Done"}};
  switch (endpoint.answer) {
    case Answer::kNothing:
      break;
    case Answer::kOne:
      answer["content"] = content("application/json", reference(endpoint.schema));
      break;
    case Answer::kPage:
      answer["content"] = content("application/json", page_schema(endpoint.schema));
      break;
    case Answer::kLines:
      answer["content"] = content("application/x-ndjson", reference(endpoint.schema));
      break;
    case Answer::kCsv:
      answer["content"] = content("text/csv", Json{{"type", "string"}});
      break;
  }
  return answer;
}

void add_path_parameters(Json& parameters, std::string_view path) {
  while (true) {
    const auto open = path.find('{');
    if (open == std::string_view::npos) return;
    const auto close = path.find('}', open);
    parameters.push_back(Json{{"name", path.substr(open + 1, close - open - 1)},
                              {"in", "path"},
                              {"required", true},
                              {"description", "Name or id"},
                              {"schema", Json{{"type", "string"}}}});
    path.remove_prefix(close);
  }
}

Json parameters_json(const Endpoint& endpoint) {
  Json parameters = Json::array();
  add_path_parameters(parameters, endpoint.path);
  for (const auto& field : endpoint.query) {
    parameters.push_back(Json{
        {"name", field.name}, {"in", "query"}, {"description", field.description}, {"schema", type_json(field.type)}});
  }
  return parameters;
}

Json operation_json(const Endpoint& endpoint) {
  Json operation{{"summary", endpoint.summary}, {"operationId", operation_id(endpoint)}};
  if (Json parameters = parameters_json(endpoint); !parameters.empty()) operation["parameters"] = std::move(parameters);
  if (endpoint.input == Input::kJson) {
    operation["requestBody"] =
        Json{{"content", content("application/json", object_json(endpoint.body, Direction::kRequest))}};
  } else if (endpoint.input == Input::kCsv) {
    operation["requestBody"] = Json{{"content", content("text/csv", Json{{"type", "string"}})}};
  }
  Json responses;
  responses[std::to_string(endpoint.status)] = success_json(endpoint);
  responses["default"] = Json{{"description", "Refused"}, {"content", content("application/json", reference("Error"))}};
  operation["responses"] = std::move(responses);
  return operation;
}

std::string lower(std::string_view text) {
  std::string out{text};
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

}  // namespace

std::string operation_id(const Endpoint& endpoint) {
  std::string id = lower(endpoint.method);
  for (const char c : endpoint.path) {
    if (c == '/') id += '_';
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) id += c;
  }
  return id;
}

Json openapi_document(std::string_view version) {
  Json paths = Json::object();
  for (const auto& endpoint : endpoints()) {
    paths[std::string{kApiRoot} + std::string{endpoint.path}][lower(endpoint.method)] = operation_json(endpoint);
  }
  Json models = Json::object();
  for (const auto& schema : schemas())
    models[std::string{schema.name}] = object_json(schema.fields, Direction::kAnswer);
  const Json bearer{{"type", "http"}, {"scheme", "bearer"}};
  return Json{{"openapi", "3.0.3"},
              {"info", Json{{"title", "Bulkhead"}, {"version", version}}},
              {"security", Json::array({Json{{"token", Json::array()}}})},
              {"paths", std::move(paths)},
              {"components", Json{{"schemas", std::move(models)}, {"securitySchemes", Json{{"token", bearer}}}}}};
}

}  // namespace bulkhead::admin
