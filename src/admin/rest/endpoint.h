// The API as data: one table of endpoints routes the requests, checks their fields, and becomes the OpenAPI document.
#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "src/admin/call.h"
#include "src/admin/http_handler.h"
#include "src/admin/services.h"

namespace bulkhead::admin {

enum class FieldType { kString, kInteger, kNumber, kBoolean, kStrings, kTime, kObject, kObjects };
enum class Need { kOptional, kRequired, kNullable };  // nullable: always there in an answer, may be null

struct Field {
  std::string_view name;
  FieldType type = FieldType::kString;
  Need need = Need::kOptional;
  std::string_view description;
  // Chooses what a call is about: empty, it would choose more than was meant, and is refused, and so is null where it
  // has no meaning of its own. What a query says always chooses.
  bool is_selector = false;
};

// A kind of answer.
struct Schema {
  std::string_view name;
  std::vector<Field> fields;
};

using BlockingHandler = Result<Json> (*)(const AdminServices&, const Call&);           // on the blocking pool
using ShardHandler = Task<Result<Json>> (*)(const AdminServices&, net::Shard&, Call);  // on the shard
using StreamHandler = Result<std::unique_ptr<BodySource>> (*)(const AdminServices&, HttpContext&, const Call&);
using Handler = std::variant<BlockingHandler, ShardHandler, StreamHandler>;

enum class Answer { kOne, kPage, kNothing, kLines, kCsv };
enum class Input { kNone, kJson, kCsv };

struct Endpoint {
  std::string_view method;
  std::string_view path;  // below /api/v1: "/tenants/{tenant}"
  std::string_view summary;
  Handler handler;
  std::string_view schema;  // of the answer, or of the items of a page
  Answer answer = Answer::kOne;
  int status = 200;  // of success
  std::vector<Field> query;
  Input input = Input::kNone;
  std::vector<Field> body;
};

const std::vector<Endpoint>& endpoints();
std::string operation_id(const Endpoint& endpoint);  // "get_tenants_tenant": unique
const std::vector<Schema>& schemas();

}  // namespace bulkhead::admin
