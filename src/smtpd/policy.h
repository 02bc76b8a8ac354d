// What is allowed, decided by plain functions over the directory's snapshot. Each gives the reply that refuses, or
// nothing. No I/O here; commands put the checks in order.
#pragma once

#include <optional>
#include <string_view>

#include "src/mail/report.h"
#include "src/proto/smtp/reply.h"
#include "src/smtpd/conversation.h"
#include "tenants/live_directory.h"

namespace bulkhead::smtpd {

using Refused = std::optional<smtp::Reply>;

// The arrival address's own name, otherwise the node's.
std::string_view greeting_name(const tenants::Snapshot& directory, const IpAddress& arrival, std::string_view node);

// The tenant that a dedicated arrival address belongs to; null on a shared or unknown one.
const tenants::Tenant* dedicated_tenant(const tenants::Snapshot& directory, const IpAddress& arrival);

// Whether the account may act on this arrival address at all: its tenant is served there, and neither is suspended.
bool may_act_on(const tenants::Snapshot& directory, const tenants::Account& account, const IpAddress& arrival);

// Who suspended accounts and tenants are told.
Refused check_originator(const tenants::Snapshot& directory, const tenants::Account& account);

// What a message may measure: the tenant's limit, when it is known, below the node's.
std::uint64_t message_size_max(const Settings& settings, const tenants::Tenant* tenant);
// The same for one recipient, and for the recipients so far: a report that nobody keeps is read no further than this.
inline constexpr std::uint64_t kFeedbackSizeMax = mail::Report::kMessageMax;
std::uint64_t recipient_size_max(std::uint64_t size_max, const tenants::Resolution& resolution);
std::uint64_t transaction_size_max(const Conversation& conversation);
std::uint32_t recipients_max(const tenants::Tenant* tenant);
Refused check_declared_size(std::uint64_t declared, std::uint64_t size_max);

// Whether a recipient that resolved like this may be given by a client that is not ours. `directory` and `arrival`
// decide who is served here: what is not looks as if it were remote.
Refused check_inbound(const tenants::Snapshot& directory, const tenants::Resolution& resolution,
                      const IpAddress& arrival);
// The refusals that do not depend on who asks: unknown, looping or suspended recipients.
Refused check_resolution(const tenants::Snapshot& directory, const tenants::Resolution& resolution);

smtp::Reply relay_denied();
smtp::Reply too_big(std::uint64_t size_max);
// The directory or the store has failed for now; the peer sees nothing of the error's text.
smtp::Reply temporary_failure(const Error& error);

}  // namespace bulkhead::smtpd
