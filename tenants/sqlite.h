// A thin layer over SQLite: connections, prepared statements kept for reuse, typed parameters and columns.
//
// Errors are sticky: a statement that fails yields no rows, and `status()` says why. A connection serves one thread
// at a time; whoever shares it holds a lock.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include <sqlite3.h>

#include "src/base/clock.h"
#include "src/base/id.h"
#include "src/base/result.h"

namespace bulkhead::tenants::sqlite {

// Bytes to be bound as such, where a plain string is text.
struct Blob {
  std::string_view bytes;
};

// One use of a prepared statement; resets it when it dies, so that it can be used again.
class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* statement, int error);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  // Parameters, in order of the question marks.
  template <class... Values>
  Statement& bind(const Values&... values) {
    (bind_one(values), ...);
    return *this;
  }

  bool row();  // moves to the next row; false at the end and on an error
  Status status() const;
  Status run();  // for statements without rows

  // Columns of the present row, from left to right with each call.
  std::string text();
  std::string blob();
  std::int64_t integer();
  bool flag() { return integer() != 0; }
  UtcTime time() { return UtcTime{std::chrono::microseconds{integer()}}; }
  template <class SomeId>
  SomeId id() {
    return SomeId::from_bytes(blob());
  }
  template <class SomeId>
  std::optional<SomeId> optional_id() {
    const auto bytes = blob();
    return bytes.empty() ? std::nullopt : std::optional<SomeId>{SomeId::from_bytes(bytes)};
  }

 private:
  void bind_one(std::string_view text);
  void bind_one(const char* text) { bind_one(std::string_view{text}); }
  void bind_one(const std::string& text) { bind_one(std::string_view{text}); }
  void bind_one(std::int64_t number);
  void bind_one(int number) { bind_one(static_cast<std::int64_t>(number)); }
  void bind_one(bool flag) { bind_one(static_cast<std::int64_t>(flag)); }
  void bind_one(Blob blob) { bind_blob(blob.bytes); }
  void bind_one(UtcTime time) { bind_one(static_cast<std::int64_t>(time.time_since_epoch().count())); }
  template <class Tag>
  void bind_one(const Id<Tag>& id) {
    bind_blob(id.bytes());
  }
  template <class Tag>
  void bind_one(const std::optional<Id<Tag>>& id) {
    if (id) {
      bind_blob(id->bytes());
    } else {
      bind_null();
    }
  }
  void bind_blob(std::string_view bytes);
  void bind_null();
  void note(int code);

  sqlite3* connection_;
  sqlite3_stmt* statement_;
  int error_;
  int next_parameter_ = 1;
  int next_column_ = 0;
  bool is_done_ = false;
};

class Connection {
 public:
  enum class Mode { kReadWrite, kReadOnly };
  static Result<std::unique_ptr<Connection>> open(const std::string& path, Mode mode);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // `sql` is a literal: it is prepared once and kept for the life of the connection.
  Statement prepare(std::string_view sql);
  // Runs a script of several statements, such as a migration.
  Status execute(const std::string& sql);

  // Runs `body`, a function returning a Result or Status, in one transaction that ends with a commit when it
  // succeeds and changes nothing when it fails.
  template <class Body>
  auto transact(Body&& body) -> decltype(body()) {
    if (auto begun = execute("BEGIN IMMEDIATE"); !begun) return fail(begun.error());
    auto result = body();
    if (result) {
      auto committed = execute("COMMIT");
      if (committed) return result;
      result = fail(committed.error());
    }
    (void)execute("ROLLBACK");
    return result;
  }

 private:
  explicit Connection(sqlite3* handle) : handle_(handle) {}

  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  sqlite3* handle_;
  std::unordered_map<std::string, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

}  // namespace bulkhead::tenants::sqlite
