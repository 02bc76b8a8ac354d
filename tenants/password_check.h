// Verifies passwords on threads of its own, a bounded number at once, and remembers for a short time which were
// right, so that a client that signs in for each message costs one hash. Thread-safe.
#pragma once

#include <array>
#include <atomic>
#include <mutex>
#include <unordered_map>

#include "src/base/clock.h"
#include "src/base/random.h"
#include "src/base/secret.h"
#include "src/net/shard.h"
#include "tenants/live_directory.h"

namespace bulkhead::tenants {

class PasswordCheck {
 public:
  PasswordCheck(const LiveDirectoryLimits& limits, const Clock& clock, Random& random);

  // Whether `password` is the account's. Without an account, and for one that may not sign in, the same work is done
  // for nothing. kUnavailable when too many wait already.
  Task<Result<bool>> is_right(net::Shard& shard, std::optional<Account> account, Secret password);
  PasswordCounts counts() const;
  // Hashes computed so far.
  std::uint64_t hashes() const { return hashes_.load(std::memory_order_relaxed); }

 private:
  using Digest = std::array<unsigned char, 32>;
  struct DigestHash {
    std::size_t operator()(const Digest& digest) const;
  };
  Digest digest(const Account& account, const Secret& password) const;
  bool is_remembered(const Digest& digest);
  void remember(const Digest& digest);

  const Clock& clock_;
  const std::chrono::seconds kept_;
  Digest key_{};  // of this process: what is remembered means nothing elsewhere
  std::mutex mutex_;
  std::unordered_map<Digest, SteadyTime, DigestHash> remembered_;  // until when
  std::atomic<std::uint64_t> hashes_{0}, right_{0}, wrong_{0}, remembered_hits_{0}, refused_{0};
  net::BlockingPool threads_;
};

}  // namespace bulkhead::tenants
