#include "src/admin/rest/api_handler.h"

#include <algorithm>

#include <fmt/format.h>

#include "src/admin/rest/error_reply.h"
#include "src/admin/rest/openapi.h"
#include "src/admin/rest/router.h"

namespace bulkhead::admin {
namespace {

namespace http = proto::http;

// "tenants" of "/tenants/{tenant}".
std::string_view first_word(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

HttpReply text_reply(int status, std::string_view type, std::string body) {
  http::Response response{.status = status, .content_type = std::string{type}, .headers = {}, .body = std::move(body)};
  response.headers.push_back({"Cache-Control", "no-store"});
  response.headers.push_back({"X-Content-Type-Options", "nosniff"});
  return {std::move(response), nullptr};
}

HttpReply healthy() {
  return text_reply(200, "text/plain", "ok\n");
}

HttpReply readiness(bool is_ready) {
  return text_reply(is_ready ? 200 : 503, "text/plain", is_ready ? "ready\n" : "not ready\n");
}

HttpReply error_reply(const Error& error) {
  return {error_response(error), nullptr};
}

HttpReply unknown_path(const std::string& path) {
  return error_reply(Error{ErrorCode::kNotFound, fmt::format("there is nothing at {}", escape_controls(path, 200)),
                           "what there is: /api/v1/openapi.json"});
}

HttpReply wrong_method(const std::string& allowed) {
  HttpReply reply{refusal_response(405, "this method does not apply here"), nullptr};
  reply.response.headers.push_back({"Allow", allowed});
  return reply;
}

HttpReply json_reply(const Endpoint& endpoint, const Result<Json>& result) {
  if (!result) return error_reply(result.error());
  if (endpoint.answer == Answer::kNothing) return text_reply(endpoint.status, "", {});
  return text_reply(endpoint.status, "application/json", dump(*result) + "\n");
}

HttpReply stream_reply(const Endpoint& endpoint, Result<std::unique_ptr<BodySource>> source) {
  if (!source) return error_reply(source.error());
  auto reply =
      text_reply(200, endpoint.answer == Answer::kCsv ? "text/csv; charset=utf-8" : "application/x-ndjson", {});
  reply.stream = std::move(*source);
  return reply;
}

}  // namespace

ApiHandler::ApiHandler(const AdminServices& services, AuthenticationPolicy policy)
    : services_(services),
      policy_(std::move(policy)),
      openapi_(dump_pretty(openapi_document(services.version)) + "\n") {
  for (const auto& endpoint : endpoints()) groups_.insert(first_word(endpoint.path));
}

// A word of ours and never the caller's, because it becomes a label of a metric.
std::string_view ApiHandler::group_of(std::string_view path) const {
  const auto found = groups_.find(first_word(path.substr(std::min(kApiRoot.size(), path.size()))));
  return found == groups_.end() ? "other" : *found;
}

HttpReply ApiHandler::answer_public(const http::Request& request) const {
  if (request.method != "GET") return wrong_method("GET");
  if (request.path == "/healthz") return healthy();
  if (request.path == "/api/v1/openapi.json") return text_reply(200, "application/json", openapi_);
  if (request.path != "/readyz") return unknown_path(request.path);
  return readiness(services_.store.accepts_new().has_value());
}

Task<HttpReply> ApiHandler::handle(HttpContext& context, http::Request request) {
  const bool is_api = request.path.starts_with("/api/v1/") && request.path != "/api/v1/openapi.json";
  if (!is_api) co_return answer_public(request);
  const std::string_view group = group_of(request.path);
  auto reply = co_await answer_api(context, std::move(request));
  if (services_.on_request) services_.on_request(group, reply.response.status);
  co_return reply;
}

Task<HttpReply> ApiHandler::refuse_stranger(HttpContext& context, Error error) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (policy_.failure_delay.count() > 0) co_await context.shard.sleep(policy_.failure_delay, context.group);
  co_return HttpReply{unauthenticated_response(error), nullptr};
}

Task<HttpReply> ApiHandler::answer_api(HttpContext& context, http::Request request) {
  auto caller = authenticate(policy_, context, request, *services_.live.snapshot());
  if (!caller) co_return co_await refuse_stranger(context, caller.error());
  auto match = match_endpoint(request.method, request.path);
  if (match.endpoint == nullptr) {
    co_return match.allowed.empty() ? unknown_path(request.path) : wrong_method(match.allowed);
  }
  auto call = read_call(*match.endpoint, request);
  if (!call) co_return error_reply(call.error());
  call->caller = std::move(*caller);
  call->path = std::move(match.parameters);
  co_return co_await run(*match.endpoint, context, std::move(*call));
}

Task<HttpReply> ApiHandler::run(const Endpoint& endpoint, HttpContext& context, Call call) {
  if (const auto* stream = std::get_if<StreamHandler>(&endpoint.handler)) {
    co_return stream_reply(endpoint, (*stream)(services_, context, call));
  }
  if (const auto* on_shard = std::get_if<ShardHandler>(&endpoint.handler)) {
    const auto result = co_await (*on_shard)(services_, context.shard, std::move(call));
    co_return json_reply(endpoint, result);
  }
  const auto result = co_await run_blocking(std::get<BlockingHandler>(endpoint.handler), context, std::move(call));
  co_return json_reply(endpoint, result);
}

Task<Result<Json>> ApiHandler::run_blocking(BlockingHandler handler, HttpContext& context, Call call) {
  auto work = [this, handler, &call] { return handler(services_, call); };
  auto result = co_await services_.pool_of(call.caller).run(context.shard, std::move(work));
  if (!result) co_return fail(result.error());
  co_return std::move(*result);
}

Task<HttpReply> MetricsHandler::handle(HttpContext& /*context*/, http::Request request) {
  const bool is_known = request.path == "/metrics" || request.path == "/healthz" || request.path == "/readyz";
  if (!is_known) co_return unknown_path(request.path);
  if (request.method != "GET") co_return wrong_method("GET");
  if (request.path == "/healthz") co_return healthy();
  if (request.path == "/readyz") co_return readiness(is_ready_());
  co_return text_reply(200, "text/plain; version=0.0.4; charset=utf-8", text_());
}

}  // namespace bulkhead::admin
