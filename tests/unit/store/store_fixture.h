// What the store's tests share: committing and waiting for the answer.
#pragma once

#include <future>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "src/store/store.h"

namespace bulkhead::store {

inline std::future<Result<Committed>> commit_later(Store& store, Transaction transaction) {
  auto promise = std::make_shared<std::promise<Result<Committed>>>();
  auto future = promise->get_future();
  store.commit(std::move(transaction), [promise](Result<Committed> result) { promise->set_value(std::move(result)); });
  return future;
}

inline Result<Committed> commit(Store& store, Transaction transaction) {
  return commit_later(store, std::move(transaction)).get();
}

inline Transaction with_body(Store& store, std::string_view body, std::uint32_t holders = 1) {
  Transaction transaction;
  transaction.blobs.push_back({store.new_blob(), holders});
  [[maybe_unused]] const auto appended = transaction.blobs.back().writer->append(body);
  return transaction;
}

// A row "key" whose value is "value" and the body's place.
inline Transaction message(Store& store, const std::string& key, std::string_view body) {
  Transaction transaction = with_body(store, body);
  transaction.batch.put_with_blob(Family::kQueue, key, "value", 0);
  return transaction;
}

inline std::optional<BlobRef> blob_of(const Store& store, std::string_view key) {
  const auto value = store.kv().get(Family::kQueue, key);
  if (!value || !*value || (*value)->size() < BlobRef::kEncodedSize) return std::nullopt;
  return BlobRef::decode(std::string_view{**value}.substr((*value)->size() - BlobRef::kEncodedSize));
}

inline std::string body_of(const Store& store, const BlobRef& blob) {
  auto body = store.read_blob(blob, 0, blob.length);
  return body ? *body : "error: " + body.error().message;
}

}  // namespace bulkhead::store
