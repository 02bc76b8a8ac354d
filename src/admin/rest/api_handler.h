// Answers the API: authenticates, routes by the table, runs the use case where it belongs, maps errors.
#pragma once

#include <atomic>
#include <functional>
#include <set>

#include "src/admin/rest/authentication.h"
#include "src/admin/rest/endpoint.h"

namespace bulkhead::admin {

// One for all shards; thread-safe. Everything outlives it.
class ApiHandler final : public HttpHandler {
 public:
  ApiHandler(const AdminServices& services, AuthenticationPolicy policy);

  // Also answers GET /healthz (the process lives), /readyz (mail is accepted) and /api/v1/openapi.json, to anybody.
  Task<HttpReply> handle(HttpContext& context, proto::http::Request request) override;

  std::uint64_t authentication_failures() const { return failures_.load(std::memory_order_relaxed); }

 private:
  std::string_view group_of(std::string_view path) const;
  HttpReply answer_public(const proto::http::Request& request) const;
  Task<HttpReply> answer_api(HttpContext& context, proto::http::Request request);
  Task<HttpReply> refuse_stranger(HttpContext& context, Error error);
  Task<HttpReply> run(const Endpoint& endpoint, HttpContext& context, Call call);
  Task<Result<Json>> run_blocking(BlockingHandler handler, HttpContext& context, Call call);

  const AdminServices& services_;
  AuthenticationPolicy policy_;
  std::string openapi_;
  std::set<std::string_view> groups_;  // the first words of the endpoints' paths
  std::atomic<std::uint64_t> failures_{0};
};

// GET /metrics from a function, /healthz and /readyz, on a port of its own; everything else is not found.
class MetricsHandler final : public HttpHandler {
 public:
  MetricsHandler(std::function<std::string()> text, std::function<bool()> is_ready)
      : text_(std::move(text)), is_ready_(std::move(is_ready)) {}
  Task<HttpReply> handle(HttpContext& context, proto::http::Request request) override;

 private:
  std::function<std::string()> text_;  // any thread
  std::function<bool()> is_ready_;     // any thread: whether mail is accepted
};

}  // namespace bulkhead::admin
