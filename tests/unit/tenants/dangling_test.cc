#include "tenants/dangling.h"

#include <algorithm>

#include "tests/unit/tenants/directory_fixture.h"

namespace bulkhead::tenants {
namespace {

class DanglingTest : public DirectoryTest {
 protected:
  DanglingTest() : acme_(add_tenant("acme")), domain_(add_domain(acme_, "acme.example")) {
    add_account(acme_, "jo@acme.example");
    add_alias(acme_, "sales@acme.example", {"jo@acme.example"});
  }
  Snapshot snapshot() { return Snapshot{directory_->snapshot_rows().value(), {}}; }
  bool is_lost(const std::string& target) { return leads_nowhere(*directory_, snapshot(), at(target)).value(); }
  void set_catch_all(const std::string& target) {
    domain_.catch_all = target;
    domain_ = directory_->update_domain(domain_).value();
  }
  std::vector<std::string> found(DanglingBounds bounds = {}) {
    const auto dangling = find_dangling(*directory_, snapshot(), bounds).value();
    is_complete_ = dangling.is_complete;
    std::vector<std::string> texts;
    for (const auto& each : dangling.found) texts.push_back(each.holder + " -> " + each.target.text());
    return texts;
  }

  Tenant acme_;
  Domain domain_;
  bool is_complete_ = false;
};

TEST_F(DanglingTest, AnAddressOfOursThatNobodyHasLeadsNowhere) {
  EXPECT_TRUE(is_lost("nobody@acme.example"));
  EXPECT_TRUE(is_lost("nobody+tag@acme.example"));
  EXPECT_FALSE(is_lost("JO+tag@acme.example"));
  EXPECT_FALSE(is_lost("sales@acme.example"));
  EXPECT_FALSE(is_lost("nobody@remote.example"));
  EXPECT_FALSE(is_lost("postmaster@acme.example"));
}

TEST_F(DanglingTest, ACatchAllSavesOthersButNotItself) {
  set_catch_all("nobody@acme.example");
  EXPECT_TRUE(is_lost("nobody@acme.example"));
  EXPECT_TRUE(is_lost("other@acme.example"));
  set_catch_all("jo@acme.example");
  EXPECT_FALSE(is_lost("other@acme.example"));
  set_catch_all("someone@remote.example");
  EXPECT_FALSE(is_lost("other@acme.example"));
}

TEST_F(DanglingTest, FindsAliasesCatchAllsAndPostmasters) {
  add_alias(acme_, "old@acme.example", {"jo@acme.example", "gone@acme.example"});
  set_catch_all("nobody@acme.example");
  acme_.postmaster = "admin@acme.example";
  acme_ = directory_->update_tenant(acme_).value();
  EXPECT_EQ(found(), (std::vector<std::string>{"the postmaster of tenant acme -> admin@acme.example",
                                               "the catch-all of acme.example -> nobody@acme.example",
                                               "the alias old@acme.example -> gone@acme.example"}));
  EXPECT_TRUE(is_complete_);
  EXPECT_EQ(found({.found_max = 2}).size(), 2U);
  EXPECT_FALSE(is_complete_);
}

TEST_F(DanglingTest, FollowsAliasesToTheirEnd) {
  add_alias(acme_, "b@acme.example", {"gone@acme.example"});
  add_alias(acme_, "a@acme.example", {"b@acme.example"});
  add_alias(acme_, "c@acme.example", {"a@acme.example", "jo@acme.example"});
  add_alias(acme_, "out@acme.example", {"a@acme.example", "x@remote.example"});
  EXPECT_TRUE(is_lost("a@acme.example"));
  EXPECT_TRUE(is_lost("a+tag@acme.example"));
  EXPECT_FALSE(is_lost("c@acme.example"));
  EXPECT_FALSE(is_lost("out@acme.example"));
  add_alias(acme_, "round@acme.example", {"about@acme.example"});
  add_alias(acme_, "about@acme.example", {"round@acme.example"});
  EXPECT_TRUE(is_lost("round@acme.example"));
}

TEST_F(DanglingTest, ACatchAllThatFindsNobodySavesNobody) {
  add_alias(acme_, "rest@acme.example", {"gone@acme.example"});
  set_catch_all("rest@acme.example");
  EXPECT_TRUE(is_lost("rest@acme.example"));
  EXPECT_TRUE(is_lost("other@acme.example"));
  const auto all = found();
  EXPECT_NE(std::find(all.begin(), all.end(), "the catch-all of acme.example -> rest@acme.example"), all.end());
  EXPECT_NE(std::find(all.begin(), all.end(), "the alias rest@acme.example -> gone@acme.example"), all.end());
}

}  // namespace
}  // namespace bulkhead::tenants
