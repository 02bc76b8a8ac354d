#include "tenants/password_check.h"

#include <span>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "tenants/password.h"

namespace bulkhead::tenants {

namespace {
constexpr std::size_t kRememberedMax = 100'000;
}

PasswordCheck::PasswordCheck(const LiveDirectoryLimits& limits, const Clock& clock, Random& random)
    : clock_(clock), kept_(limits.sign_in_kept), threads_(limits.hash_threads, limits.hash_waiting_max) {
  random.fill(std::span{reinterpret_cast<char*>(key_.data()), key_.size()});
}

std::size_t PasswordCheck::DigestHash::operator()(const Digest& digest) const {
  std::size_t hash;
  std::memcpy(&hash, digest.data(), sizeof hash);
  return hash;
}

// The account's hash is part of it: once the password changes, the old one is remembered for nobody. The id has a
// fixed size and the hash holds no NUL, so that two accounts never share a digest.
PasswordCheck::Digest PasswordCheck::digest(const Account& account, const Secret& password) const {
  std::string text;
  const auto size = 16 + account.password_hash.size() + 1 + password.reveal().size();
  text.reserve(size);
  text.append(account.id.bytes()).append(account.password_hash).push_back('\0');
  text.append(password.reveal());
  const Secret input{std::move(text)};
  Digest result{};
  unsigned int length = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(input.reveal().data()), input.reveal().size(), result.data(), &length);
  return result;
}

bool PasswordCheck::is_remembered(const Digest& digest) {
  const std::lock_guard lock{mutex_};
  const auto found = remembered_.find(digest);
  if (found == remembered_.end()) return false;
  if (clock_.steady() < found->second) return true;
  remembered_.erase(found);
  return false;
}

void PasswordCheck::remember(const Digest& digest) {
  const auto now = clock_.steady();
  const std::lock_guard lock{mutex_};
  if (remembered_.size() >= kRememberedMax) std::erase_if(remembered_, [&](const auto& e) { return e.second <= now; });
  if (remembered_.size() >= kRememberedMax) remembered_.clear();
  remembered_.insert_or_assign(digest, now + kept_);
}

PasswordCounts PasswordCheck::counts() const {
  return {right_, wrong_, remembered_hits_, refused_};
}

Task<Result<bool>> PasswordCheck::is_right(net::Shard& shard, std::optional<Account> account, Secret password) {
  const bool may_sign_in = account && is_acceptable_hash(account->password_hash);
  Digest sign_in{};
  if (may_sign_in) {
    sign_in = digest(*account, password);
    if (is_remembered(sign_in)) {
      ++remembered_hits_;
      co_return true;
    }
  }
  auto work = [&count = hashes_, hash = may_sign_in ? account->password_hash : std::string{stand_in_hash()},
               password = std::move(password)] {
    count.fetch_add(1, std::memory_order_relaxed);
    return verify_password(hash, password);
  };
  const Result<bool> is_match = co_await threads_.run(shard, std::move(work));
  if (!is_match) {
    ++refused_;
    if (is_match.error().code != ErrorCode::kUnavailable) co_return fail(is_match.error());
    co_return fail(ErrorCode::kUnavailable, "too many passwords are being verified already");
  }
  const bool is_right = *is_match && may_sign_in;
  if (is_right) remember(sign_in);
  ++(is_right ? right_ : wrong_);
  co_return is_right;
}

}  // namespace bulkhead::tenants
