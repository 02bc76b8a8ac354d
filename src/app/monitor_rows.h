// Rows of the monitors in the store: family meta, each kind under its prefix.
#pragma once

#include <functional>
#include <future>
#include <string>
#include <string_view>

#include "src/base/log.h"
#include "src/store/store.h"

namespace bulkhead::app {

// A batch of rows of `{key, value}`; an empty value removes.
template <class Rows>
store::Transaction transaction_of(std::string_view prefix, const Rows& rows) {
  store::Transaction transaction;
  for (const auto& row : rows) {
    std::string key = std::string{prefix} + row.key;
    if (row.value.empty()) {
      transaction.batch.remove(store::Family::kMeta, std::move(key));
    } else {
      transaction.batch.put(store::Family::kMeta, std::move(key), row.value);
    }
  }
  return transaction;
}

// Hands rows to the committer; nobody waits. What is lost by a failure is found out again by the next looks.
template <class Rows>
void store_rows(store::Store& store, Log& log, std::string_view prefix, const Rows& rows) {
  if (rows.empty()) return;
  store.commit(transaction_of(prefix, rows), [&log](const Result<store::Committed>& done) {
    if (!done) log.warning("the monitor's findings cannot be stored: {}", done.error().message);
  });
}

// Gives each stored row to `take`, without its prefix; those that it does not want are removed. Blocks.
inline Status restore_rows(store::Store& store, Log& log, const std::string& prefix,
                           const std::function<bool(std::string_view key, std::string_view value)>& take) {
  struct Row {
    std::string key, value;
  };
  std::vector<Row> unwanted;
  std::string end = prefix;
  ++end.back();
  const auto visit = [&](std::string_view key, std::string_view value) {
    key.remove_prefix(prefix.size());
    if (!take(key, value)) unwanted.push_back({std::string{key}, {}});
    return true;
  };
  auto scanned = store.kv().scan(store::Family::kMeta, prefix, end, store::Kv::Direction::kForward, visit);
  store_rows(store, log, prefix, unwanted);
  return scanned;
}

}  // namespace bulkhead::app
