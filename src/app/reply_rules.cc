#include "src/app/reply_rules.h"

#include <fstream>

#include <fmt/format.h>
#include <sys/stat.h>

namespace bulkhead::app {

namespace {

constexpr std::chrono::milliseconds kInterval{2000};

std::string signature_of(const std::string& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0) return "absent";
  return fmt::format("{}/{}/{}.{}", status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
}

}  // namespace

Result<std::string> read_reply_rules(const std::string& file) {
  std::ifstream stream{file, std::ios::binary};
  if (!stream) return fail(ErrorCode::kIo, "the rules for replies cannot be opened");
  std::string text(ReplyRules::kFileSizeMax + 1, '\0');
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > ReplyRules::kFileSizeMax) {
    return fail(ErrorCode::kLimit, "larger than 4 MiB: these are no rules for replies");
  }
  return text;
}

// Faults come one a line; what is logged is one line.
void ReplyRules::refuse(const std::string& why) {
  is_faulty_ = true;
  std::string line;
  for (const char c : why) line += c == '\n' ? std::string{"; "} : std::string{c};
  log_.error("{}: {}", file_, line);
}

void ReplyRules::look() {
  if (file_.empty()) return;
  const std::string signature = signature_of(file_);
  if (signature == seen_) return;
  seen_ = signature;
  const auto text = read_reply_rules(file_);
  if (!text) return refuse(text.error().message + "; those that were in force stay");
  const auto replaced = book_.replace(*text);
  if (!replaced) return refuse(replaced.error().message + "; " + replaced.error().advice);
  is_faulty_ = false;
  log_.info("{}: {} rules for replies are in force", file_, book_.current()->rules().size());
}

Task<void> ReplyRules::run(net::Shard& shard, net::TaskGroup& group) {
  if (file_.empty()) co_return;
  for (;;) {
    auto sleeping = shard.sleep(kInterval, group);
    const bool goes_on = co_await std::move(sleeping);
    if (!goes_on) co_return;
    auto work = [this] { look(); };
    auto looking = pool_.run(shard, std::move(work));
    (void)co_await std::move(looking);
  }
}

}  // namespace bulkhead::app
