#include "src/smtpd/originator_check.h"

#include "src/smtpd/reputation_check.h"

namespace bulkhead::smtpd {

Task<Refused> recheck_originator(Conversation& conversation) {
  const auto& originator = conversation.transaction->originator;
  if (!originator) co_return std::nullopt;
  auto& services = conversation.services;
  const AccountId id = originator->account.id;
  const auto current = co_await services.directory.account_by_id(services.shard, id);
  if (!current) co_return temporary_failure(current.error());
  const auto& known = conversation.transaction->originator;
  const bool is_same = *current && (*current)->tenant == known->account.tenant &&
                       (!known->is_signed_in || (*current)->password_hash == known->account.password_hash);
  if (!is_same) co_return smtp::Reply(550, "5.7.1", "Your account has changed: sign in again to send");
  const auto directory = conversation.snapshot();
  if (auto refused = check_originator(*directory, **current)) co_return refused;
  co_return check_account(services, **current);
}

}  // namespace bulkhead::smtpd
