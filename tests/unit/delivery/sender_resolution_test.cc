#include "src/delivery/sender_resolution.h"

#include <gtest/gtest.h>

#include "tests/unit/delivery/world.h"

namespace bulkhead::delivery {
namespace {

using Kind = tenants::Resolution::Kind;

struct Reports : World {
  Reports() {
    account.id = AccountId::make(clock, random);
    account.address = {"bob", "acme.example"};
    account.suspension = tenants::Suspension::kSuspended;
  }
  std::vector<queue::QueuedRecipient> recipients(tenants::Resolution resolution) {
    directory.resolution = std::move(resolution);
    const auto resolve = sender_resolution(directory);
    return runner.run(resolve(runner.shard(), tenant, mail::Address{"bob", "acme.example"})).value();
  }
  tenants::Account account;
};

TEST(SenderResolution, AReportToASuspendedAccountWaitsForIt) {
  Reports reports;
  const auto found =
      reports.recipients({.kind = Kind::kSuspended, .tenant = {}, .accounts = {reports.account}, .forwards = {}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].local, reports.account.id);
}

TEST(SenderResolution, AReportToAnAccountOfASuspendedTenantWaitsForIt) {
  Reports reports;
  reports.directory.accounts[reports.account.id] = reports.account;
  const auto found = reports.recipients({.kind = Kind::kSuspended, .tenant = {}, .accounts = {}, .forwards = {}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].local, reports.account.id);
}

TEST(SenderResolution, WhatNobodyCanBeFoundForCountsAsRemoteUnlessItIsUnknown) {
  Reports reports;
  for (const Kind kind : {Kind::kSuspended, Kind::kLoop, Kind::kRemote}) {
    const auto found = reports.recipients({.kind = kind, .tenant = {}, .accounts = {}, .forwards = {}});
    ASSERT_EQ(found.size(), 1U);
    EXPECT_FALSE(found[0].local.has_value());
    EXPECT_EQ(found[0].recipient.address.text(), "bob@acme.example");
  }
  EXPECT_TRUE(reports.recipients({.kind = Kind::kUnknown, .tenant = {}, .accounts = {}, .forwards = {}}).empty());
}

}  // namespace
}  // namespace bulkhead::delivery
