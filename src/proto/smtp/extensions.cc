#include "src/proto/smtp/extensions.h"

namespace bulkhead::smtp {

Reply ehlo_reply(const Offer& offer) {
  Reply reply{250, "", offer.host};  // no enhanced code here (RFC 2034 §3)
  auto& lines = reply.lines;
  lines.reserve(12);
  lines.emplace_back("PIPELINING");
  lines.push_back("SIZE " + std::to_string(offer.size_max));
  if (offer.has_starttls) lines.emplace_back("STARTTLS");
  if (offer.has_auth) lines.emplace_back("AUTH PLAIN LOGIN");
  lines.emplace_back("ENHANCEDSTATUSCODES");
  lines.emplace_back("8BITMIME");
  lines.emplace_back("SMTPUTF8");
  lines.emplace_back("CHUNKING");
  lines.emplace_back("DSN");
  std::string limits = "LIMITS RCPTMAX=" + std::to_string(offer.recipients_max);
  if (offer.messages_max != 0) limits += " MAILMAX=" + std::to_string(offer.messages_max);
  lines.push_back(std::move(limits));
  return reply;
}

}  // namespace bulkhead::smtp
