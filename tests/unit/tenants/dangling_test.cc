#include "tenants/dangling.h"

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

}  // namespace
}  // namespace bulkhead::tenants
