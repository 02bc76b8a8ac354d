#include "tenants/sqlite.h"

#include <fmt/format.h>

namespace bulkhead::tenants::sqlite {

namespace {

ErrorCode error_code(int code) {
  switch (code & 0xFF) {
    case SQLITE_CONSTRAINT:
      return ErrorCode::kConflict;
    case SQLITE_FULL:
      return ErrorCode::kFull;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return ErrorCode::kCorrupt;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
      return ErrorCode::kInvalid;
    default:
      return ErrorCode::kUnavailable;
  }
}

Error error_of(int code, sqlite3* connection) {
  const char* detail = connection != nullptr ? sqlite3_errmsg(connection) : sqlite3_errstr(code);
  return Error{error_code(code), fmt::format("the directory's database failed: {}", detail), {}};
}

}  // namespace

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement, int error)
    : connection_(connection), statement_(statement), error_(error) {}

Statement::~Statement() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

void Statement::note(int code) {
  if (error_ == SQLITE_OK && code != SQLITE_OK) error_ = code;
}

// The bound texts are copied: the callers' temporaries are gone before the statement runs.
void Statement::bind_one(std::string_view text) {
  if (error_ != SQLITE_OK) return;
  note(sqlite3_bind_text64(statement_, next_parameter_++, text.empty() ? "" : text.data(), text.size(),
                           SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_one(std::int64_t number) {
  if (error_ == SQLITE_OK) note(sqlite3_bind_int64(statement_, next_parameter_++, number));
}

void Statement::bind_blob(std::string_view bytes) {
  if (error_ != SQLITE_OK) return;
  note(sqlite3_bind_blob64(statement_, next_parameter_++, bytes.data(), bytes.size(), SQLITE_TRANSIENT));
}

void Statement::bind_null() {
  if (error_ == SQLITE_OK) note(sqlite3_bind_null(statement_, next_parameter_++));
}

bool Statement::row() {
  // A step after the last one would run the statement again.
  if (error_ != SQLITE_OK || is_done_) return false;
  next_column_ = 0;
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  is_done_ = true;
  if (code != SQLITE_DONE) error_ = code;
  return false;
}

Status Statement::status() const {
  if (error_ == SQLITE_OK) return {};
  return fail(error_of(error_, connection_));
}

Status Statement::run() {
  while (row()) {
  }
  return status();
}

std::string Statement::text() {
  return blob();
}

std::string Statement::blob() {
  const int column = next_column_++;
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  if (bytes == nullptr) return {};
  return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

std::int64_t Statement::integer() {
  return sqlite3_column_int64(statement_, next_column_++);
}

Result<std::unique_ptr<Connection>> Connection::open(const std::string& path, Mode mode) {
  sqlite3* handle = nullptr;
  const int flags = (mode == Mode::kReadWrite ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE : SQLITE_OPEN_READONLY) |
                    SQLITE_OPEN_NOMUTEX;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Connection> connection{new Connection{handle}};
  if (code != SQLITE_OK) {
    auto error = error_of(code, handle);
    error.message = fmt::format("cannot open the directory's database {}: {}", path, sqlite3_errstr(code));
    error.advice = "Check that its folder exists and that the server's user may write there.";
    return fail(std::move(error));
  }
  sqlite3_busy_timeout(handle, 5000);
  // A change of the API is promised durable when it is answered, so each commit of the write-ahead log is synced.
  auto prepared = connection->execute(
      mode == Mode::kReadWrite
          ? "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA trusted_schema=OFF;"
          : "PRAGMA query_only=ON; PRAGMA trusted_schema=OFF;");
  if (!prepared) return fail(prepared.error());
  return connection;
}

Connection::~Connection() {
  statements_.clear();
  sqlite3_close(handle_);
}

Statement Connection::prepare(std::string_view sql) {
  auto [kept, is_new] = statements_.try_emplace(std::string{sql});
  int code = SQLITE_OK;
  if (is_new || kept->second == nullptr) {
    sqlite3_stmt* statement = nullptr;
    code = sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                              nullptr);
    kept->second.reset(statement);
  }
  return Statement{handle_, kept->second.get(), code};
}

Status Connection::execute(const std::string& sql) {
  const int code = sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr);
  if (code == SQLITE_OK) return {};
  return fail(error_of(code, handle_));
}

}  // namespace bulkhead::tenants::sqlite
