#include "tenants/schema.h"

#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

using sqlite::Connection;

class SchemaTest : public ::testing::Test {
 protected:
  std::unique_ptr<Connection> connect() {
    return std::move(Connection::open(path_, Connection::Mode::kReadWrite).value());
  }
  Result<std::unique_ptr<Directory>> open() { return open_sqlite_directory(path_, clock_, random_); }

  TemporaryFolder folder_;
  std::string path_ = folder_.file("directory.db");
  testlib::ManualClock clock_;
  SystemRandom random_;
};

TEST_F(SchemaTest, BringsAFileOfTheFirstVersionUpToDateWithWhatItHolds) {
  {
    auto connection = connect();
    ASSERT_TRUE(migrate(*connection, 1));
    ASSERT_TRUE(
        connection->execute("INSERT INTO tenants VALUES (x'0123456789abcdef0123456789abcdef', 'acme', NULL, 0, "
                            "'', '', '', 52428800, 1000, 1)"));
    EXPECT_FALSE(connection->execute("SELECT * FROM routes"));
  }
  const auto directory = open();
  ASSERT_TRUE(directory) << directory.error().message;
  const auto rows = (*directory)->snapshot_rows().value();
  ASSERT_EQ(rows.tenants.size(), 1U);
  EXPECT_EQ(rows.tenants[0].name, "acme");
  Route route;
  route.pattern = "*";
  route.host = "192.0.2.1";
  route.tenant = rows.tenants[0].id;
  EXPECT_TRUE((*directory)->create_route(route));
}

TEST_F(SchemaTest, ATenantWithAnAddressInAnOlderFileSharesNoMore) {
  {
    auto connection = connect();
    ASSERT_TRUE(migrate(*connection, 2));
    ASSERT_TRUE(
        connection->execute("INSERT INTO tenants VALUES (x'00000000000000000000000000000001', 'own', NULL, 0, '', '', "
                            "'', 1, 1, 1), (x'00000000000000000000000000000002', 'poor', NULL, 0, '', '', '', 1, 1, 1);"
                            "INSERT INTO source_addresses VALUES (x'0000000000000000000000000000000a', '192.0.2.1', "
                            "x'00000000000000000000000000000001', '', 0, 1), (x'0000000000000000000000000000000b', "
                            "'192.0.2.2', NULL, '', 0, 1)"));
  }
  const auto rows = open().value()->snapshot_rows().value();
  ASSERT_EQ(rows.tenants.size(), 2U);
  EXPECT_FALSE(rows.tenants[0].shares_addresses);
  EXPECT_TRUE(rows.tenants[1].shares_addresses);
}

TEST_F(SchemaTest, RefusesAFileOfANewerProgram) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(connect()->execute("PRAGMA user_version = 999"));
  EXPECT_TRUE(fails_with(open(), ErrorCode::kConflict, "schema 999"));
}

TEST_F(SchemaTest, IsAppliedOnce) {
  ASSERT_TRUE(open());
  ASSERT_TRUE(open());
  auto connection = connect();
  auto version = connection->prepare("PRAGMA user_version");
  ASSERT_TRUE(version.row());
  EXPECT_EQ(version.integer(), schema_version());
}

TEST_F(SchemaTest, AFileThatIsNoDatabaseIsReportedAsCorrupt) {
  {
    std::FILE* file = std::fopen(path_.c_str(), "w");
    ASSERT_NE(file, nullptr);
    std::fputs("this is a letter to my grandmother, and no database at all, however long it may become", file);
    std::fclose(file);
  }
  EXPECT_TRUE(fails_with(open(), ErrorCode::kCorrupt, "database"));
}

TEST_F(SchemaTest, OnlyTheServersUserMayReadTheFiles) {
  const auto directory = open();
  ASSERT_TRUE(directory);
  using std::filesystem::perms;
  for (const auto* suffix : {"", "-wal", "-shm"}) {
    const auto file = path_ + suffix;
    EXPECT_EQ(std::filesystem::status(file).permissions(), perms::owner_read | perms::owner_write) << file;
  }
}

TEST_F(SchemaTest, AMissingFolderIsNamed) {
  EXPECT_TRUE(fails_with(open_sqlite_directory(folder_.file("none/directory.db"), clock_, random_),
                         ErrorCode::kUnavailable, "none/directory.db"));
}

}  // namespace
}  // namespace bulkhead::tenants
