#include "src/app/firewall_table.h"

#include <algorithm>
#include <cerrno>

#include <sched.h>

#include "src/app/child_process.h"

namespace bulkhead::app {

namespace {

Error missing_nft(Error error) {
  if (error.code == ErrorCode::kNotFound) error.advice = "apt-get install nftables; only `bulkhead firewall` needs it";
  return error;
}

Error failed_nft(const ChildOutcome& outcome) {
  std::string words = outcome.errors.substr(0, 2000);
  std::ranges::replace(words, '\n', ' ');
  const bool is_forbidden = words.find("Operation not permitted") != std::string::npos;
  return {ErrorCode::kIo, "nft has failed: " + words, is_forbidden ? "run this as root" : ""};
}

}  // namespace

Result<std::optional<netpolicy::FirewallListing>> read_table() {
  const auto listed = run_child({"nft", "--json", "list", "table", "inet", netpolicy::kFirewallTable}, "");
  if (!listed) return fail(missing_nft(listed.error()));
  if (listed->status != 0 && listed->errors.find("No such file or directory") != std::string::npos) {
    return std::optional<netpolicy::FirewallListing>{};
  }
  if (listed->status != 0) return fail(failed_nft(*listed));
  auto listing = netpolicy::parse_listing(listed->output);
  if (!listing) return fail(listing.error());
  return std::optional{std::move(*listing)};
}

Status replace_table(const std::string& ruleset) {
  const auto replaced = run_child({"nft", "--file", "-"}, ruleset);
  if (!replaced) return fail(missing_nft(replaced.error()));
  if (replaced->status != 0) return fail(failed_nft(*replaced));
  return {};
}

Result<netpolicy::FirewallListing> rehearse(const std::string& ruleset) {
  if (::unshare(CLONE_NEWNET) != 0) return fail(system_error("unshare", "an empty network namespace", errno));
  if (auto replaced = replace_table(ruleset); !replaced) return fail(replaced.error());
  auto listing = read_table();
  if (!listing) return fail(listing.error());
  if (!*listing) return fail(ErrorCode::kProtocol, "nft has not kept the ruleset that it took");
  return std::move(**listing);
}

}  // namespace bulkhead::app
