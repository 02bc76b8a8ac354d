// The API as the commands see it: JSON in, JSON out, pages put together, errors with the server's own words.
#pragma once

#include <functional>

#include "src/admin/cli/transport.h"
#include "src/admin/json.h"

namespace bulkhead::admin::cli {

// A field of an answer; null when it is not there, or the answer is no object: servers of other versions answer too.
const Json& member(const Json& json, const char* name);

class Api {
 public:
  // `on_warning` hears what a list says besides its items.
  explicit Api(Transport& transport, std::function<void(const std::string&)> on_warning = {})
      : transport_(transport), on_warning_(std::move(on_warning)) {}

  // Paths are below /api/v1 and encoded: "/tenants/acme?x=1".
  Result<Json> get(const std::string& path) { return call("GET", path, nullptr); }
  Result<Json> post(const std::string& path, const Json& body) { return call("POST", path, &body); }
  Result<Json> put(const std::string& path, const Json& body) { return call("PUT", path, &body); }
  Result<Json> patch(const std::string& path, const Json& body) { return call("PATCH", path, &body); }
  Result<Json> remove(const std::string& path) { return call("DELETE", path, nullptr); }
  Result<Json> post_csv(const std::string& path, std::string csv);

  // Calls `on_item` for each item of all pages; at most `count_max` items, 0 for all.
  Status each_item(const std::string& path, std::size_t count_max, const std::function<void(const Json&)>& on_item);
  // Calls `on_line` for each line of an answer that comes bit by bit; it ends the call by answering false.
  Status each_line(const std::string& path, const std::function<bool(std::string_view)>& on_line);

 private:
  Result<Json> call(const char* method, const std::string& path, const Json* body);
  Transport& transport_;
  std::function<void(const std::string&)> on_warning_;
};

}  // namespace bulkhead::admin::cli
