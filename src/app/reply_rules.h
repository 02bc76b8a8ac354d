// The operator's own file of rules that read replies: taken into force when it changes, whole or not at all.
#pragma once

#include <atomic>
#include <string>

#include "monitoring/replies/rule_book.h"
#include "src/base/log.h"
#include "src/base/task.h"
#include "src/net/shard.h"

namespace bulkhead::app {

class ReplyRules {
 public:
  static constexpr std::size_t kFileSizeMax = 4194304;

  // "" for no file: the shipped rules hold. All outlive it.
  ReplyRules(std::string file, replies::RuleBook& book, net::BlockingPool& pool, Log& log)
      : file_(std::move(file)), book_(book), pool_(pool), log_(log) {}

  // Looks whether the file has changed and reads it; blocks. A file with a fault is refused whole, which the log says
  // once, and what was in force stays.
  void look();
  // Does so every two seconds until the group is cancelled.
  Task<void> run(net::Shard& shard, net::TaskGroup& group);

  bool is_faulty() const { return is_faulty_; }  // any thread

 private:
  void refuse(const std::string& why);

  const std::string file_;
  replies::RuleBook& book_;
  net::BlockingPool& pool_;
  Log& log_;
  std::string seen_;  // what tells one state of the file from another
  std::atomic<bool> is_faulty_{false};
};

// The file's text. Blocks.
Result<std::string> read_reply_rules(const std::string& file);

}  // namespace bulkhead::app
