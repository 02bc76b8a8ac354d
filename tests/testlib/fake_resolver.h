// A resolver that answers from tables at once. What is not in a table does not exist.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "src/net/resolver.h"

namespace bulkhead::testlib {

class FakeResolver final : public net::Resolver {
 public:
  std::map<std::string, std::vector<net::MxRecord>> mx_records;
  std::map<std::string, std::vector<IpAddress>> host_addresses;  // both families
  std::map<std::string, std::vector<std::string>> txt_records;
  std::map<std::string, std::vector<std::string>> ptr_records;  // by the address's text
  std::map<std::string, Error> failures;                        // by name: the answer to any question
  int lookups = 0;

  Task<Result<std::vector<net::MxRecord>>> mx(std::string domain) override { return answer(mx_records, domain); }
  Task<Result<std::vector<IpAddress>>> addresses(std::string host, Family family) override {
    std::map<std::string, std::vector<IpAddress>> of_family;
    for (const auto& ip : host_addresses[host]) {
      if (ip.family() == family) of_family[host].push_back(ip);
    }
    return answer(of_family, host);
  }
  Task<Result<std::vector<std::string>>> txt(std::string name) override { return answer(txt_records, name); }
  Task<Result<std::vector<std::string>>> ptr(IpAddress ip) override { return answer(ptr_records, ip.text()); }

 private:
  template <class T>
  Task<Result<std::vector<T>>> answer(const std::map<std::string, std::vector<T>>& table, const std::string& name) {
    ++lookups;
    Result<std::vector<T>> result = fail(ErrorCode::kNotFound, "no record of " + name);
    if (const auto found = table.find(name); found != table.end()) result = found->second;
    if (const auto failure = failures.find(name); failure != failures.end()) result = fail(failure->second);
    return give(std::move(result));
  }
  template <class T>
  static Task<Result<T>> give(Result<T> result) {
    co_return result;
  }
};

// Runs a task that never waits for anything outside, on the calling thread.
template <class T>
T run_now(Task<T> task) {
  std::optional<T> value;
  auto collect = [](Task<T> inner, std::optional<T>& to) -> Task<void> { to.emplace(co_await std::move(inner)); };
  auto outer = collect(std::move(task), value);
  auto awaiter = std::move(outer).operator co_await();
  awaiter.await_suspend(std::noop_coroutine()).resume();
  return std::move(*value);
}

}  // namespace bulkhead::testlib
