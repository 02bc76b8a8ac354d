#include "src/trace/query.h"

#include <algorithm>

namespace bulkhead::trace {

namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

bool contains(std::string_view text, std::string_view part) {
  return std::search(text.begin(), text.end(), part.begin(), part.end(),
                     [](char x, char y) { return lower(x) == lower(y); }) != text.end();
}

std::string_view domain_of(std::string_view address) {
  const auto at = address.rfind('@');
  return at == std::string_view::npos ? std::string_view{} : address.substr(at + 1);
}

std::string_view bare(std::string_view message_id) {
  if (message_id.size() > 2 && message_id.front() == '<' && message_id.back() == '>') {
    return message_id.substr(1, message_id.size() - 2);
  }
  return message_id;
}

constexpr std::string_view kNullSender = "<>";

bool matches_sender(const Query& query, const Event& event) {
  if (query.sender.empty()) return true;
  if (query.sender == kNullSender) return event.sender.empty() && !event.id.is_nil();
  return equals(query.sender, event.sender);
}

bool matches_addresses(const Query& query, const Event& event) {
  if (!query.account_name.empty() && !equals(query.account_name, event.account_name)) return false;
  if (!matches_sender(query, event)) return false;
  const auto& recipients = event.recipients;
  if (!query.recipient.empty() && std::none_of(recipients.begin(), recipients.end(), [&](const auto& recipient) {
        return equals(recipient, query.recipient);
      })) {
    return false;
  }
  return query.recipient_domain.empty() ||
         std::any_of(recipients.begin(), recipients.end(),
                     [&](const auto& recipient) { return equals(domain_of(recipient), query.recipient_domain); });
}

bool matches_texts(const Query& query, const Event& event) {
  if (!query.message_id.empty() && bare(query.message_id) != bare(event.message_id)) return false;
  if (!query.subject.empty() && !contains(event.subject, query.subject)) return false;
  if (!query.user.empty() && !equals(query.user, event.user)) return false;
  if (!query.site.empty() && !equals(query.site, event.site)) return false;
  return query.protocol.empty() || query.protocol == event.protocol;
}

// The classes keep a sender apart from a recipient of the same address. Part of the index's format.
enum class KeyClass : char {
  kMessage = 'm',
  kMessageIdHeader = 'h',
  kSender = 's',
  kRecipient = 'r',
  kRecipientDomain = 'd',
  kAccount = 'a',
  kAccountName = 'n',
  kClientIp = 'c',
  kSource = 'o',
  kTenant = 't',
  kUser = 'u',
  kSite = 'q'
};

// FNV-1a over the lower-case text, finished with MurmurHash3's mixer, because the upper bits are what is kept.
// Somebody who makes keys collide gains a few needless reads of blocks, nothing else.
std::uint64_t key(KeyClass key_class, std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto mix = [&hash](char c) { hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL; };
  mix(static_cast<char>(key_class));
  const bool is_text = key_class != KeyClass::kMessage && key_class != KeyClass::kAccount &&
                       key_class != KeyClass::kTenant && key_class != KeyClass::kClientIp &&
                       key_class != KeyClass::kSource && key_class != KeyClass::kMessageIdHeader;
  for (const char c : text) mix(is_text ? lower(c) : c);
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  hash ^= hash >> 33;
  hash *= 0xc4ceb9fe1a85ec53ULL;
  hash ^= hash >> 33;
  return hash >> kKeyShift << kKeyShift;
}

}  // namespace

bool matches(const Query& query, const Event& event) {
  if (query.tenant && *query.tenant != event.tenant) return false;
  if (query.tenants && !std::binary_search(query.tenants->begin(), query.tenants->end(), event.tenant)) return false;
  if (query.id && *query.id != event.id) return false;
  if (query.account && query.account != event.account) return false;
  if (query.kind && *query.kind != event.kind) return false;
  if (query.client_ip && query.client_ip != event.client_ip) return false;
  if (query.source && query.source != event.source) return false;
  if (query.since && event.at < *query.since) return false;
  if (query.until && event.at > *query.until) return false;
  return matches_addresses(query, event) && matches_texts(query, event);
}

void append_keys(const Event& event, std::vector<std::uint64_t>& keys) {
  const auto add = [&keys](KeyClass key_class, std::string_view text) {
    if (!text.empty()) keys.push_back(key(key_class, text));
  };
  if (!event.id.is_nil()) add(KeyClass::kMessage, event.id.bytes());
  add(KeyClass::kTenant, event.tenant.bytes());
  if (event.account) add(KeyClass::kAccount, event.account->bytes());
  if (event.client_ip) add(KeyClass::kClientIp, event.client_ip->bytes());
  if (event.source) add(KeyClass::kSource, event.source->bytes());
  add(KeyClass::kAccountName, event.account_name);
  add(KeyClass::kSender, event.sender);
  add(KeyClass::kMessageIdHeader, bare(event.message_id));
  add(KeyClass::kUser, event.user);
  add(KeyClass::kSite, event.site);
  for (const auto& recipient : event.recipients) {
    add(KeyClass::kRecipient, recipient);
    add(KeyClass::kRecipientDomain, domain_of(recipient));
  }
}

std::vector<std::uint64_t> keys_of(const Query& query) {
  std::vector<std::uint64_t> keys;
  const auto add = [&keys](KeyClass key_class, std::string_view text) {
    if (!text.empty()) keys.push_back(key(key_class, text));
  };
  if (query.id) add(KeyClass::kMessage, query.id->bytes());
  if (query.tenant) add(KeyClass::kTenant, query.tenant->bytes());
  if (query.account) add(KeyClass::kAccount, query.account->bytes());
  if (query.client_ip) add(KeyClass::kClientIp, query.client_ip->bytes());
  if (query.source) add(KeyClass::kSource, query.source->bytes());
  add(KeyClass::kAccountName, query.account_name);
  if (query.sender != kNullSender) add(KeyClass::kSender, query.sender);
  add(KeyClass::kMessageIdHeader, bare(query.message_id));
  add(KeyClass::kUser, query.user);
  add(KeyClass::kSite, query.site);
  add(KeyClass::kRecipient, query.recipient);
  add(KeyClass::kRecipientDomain, query.recipient_domain);
  return keys;
}

}  // namespace bulkhead::trace
