// The table. A path with a fixed last segment stands before the one with a parameter there.
#include "src/admin/rest/streams.h"
#include "src/admin/use_cases/use_cases.h"

namespace bulkhead::admin {
namespace {

using enum FieldType;
using enum Need;
using enum Answer;
using Fields = std::vector<Field>;
using Endpoints = std::vector<Endpoint>;

const Field kTenantQuery{"tenant", kString, kOptional, "Only what belongs to this tenant, by name or id", true};
const Field kLimit{"limit", kInteger, kOptional, "At most this many, 1 to 1000; 100 when absent"};
const Field kAfter{"after", kString, kOptional, "The `next` of the page before"};
const Field kState{"state", kString, kOptional, "active or suspended"};
const Field kCertificate{"certificate", kString, kOptional, "Certificate chain as PEM; \"\" takes it away"};
const Field kKey{"key", kString, kOptional, "Private key as PEM"};

Fields paged(Fields more = {}) {
  more.push_back(kLimit);
  more.push_back(kAfter);
  return more;
}

Fields as_selectors(Fields fields) {
  for (auto& field : fields) field.is_selector = true;
  return fields;
}

Fields selectors() {
  return as_selectors({kTenantQuery,
                       {"account", kString, kOptional,
                        "Address of the account that is charged; * is any, and needs another selector or all"},
                       {"sender", kString, kOptional, "Envelope sender; <> is the null sender"},
                       {"recipient", kString, kOptional, "Envelope recipient"},
                       {"recipient_domain", kString, kOptional, "Domain of a recipient"},
                       {"site", kString, kOptional, "Where it goes"},
                       {"source", kString, kOptional, "Address that it would leave from"},
                       {"client_ip", kString, kOptional, "Client that handed it in"},
                       {"state", kString, kOptional, "ready, active, scheduled or held"},
                       {"older_than", kString, kOptional, "Queued at least this long: 90s, 15m, 1h, 5d"},
                       {"subject", kString, kOptional, "Part of the subject"},
                       {"id", kString, kOptional, "Id of the message"}});
}

Fields filters() {
  return {kTenantQuery,
          {"id", kString, kOptional, "Id of the message"},
          {"account", kString, kOptional, "Address of the account"},
          {"sender", kString, kOptional, "Envelope sender; <> is the null sender"},
          {"recipient", kString, kOptional, "Envelope recipient"},
          {"recipient_domain", kString, kOptional, "Domain of a recipient"},
          {"site", kString, kOptional, "Remote site: a provider, or the MX hosts"},
          {"source", kString, kOptional, "Address that it left from"},
          {"client_ip", kString, kOptional, "Client that handed it in"},
          {"older_than", kString, kOptional, "At least this long ago: 90s, 15m, 1h or 5d"},
          {"message_id", kString, kOptional, "Header field Message-ID"},
          {"subject", kString, kOptional, "Part of the subject"},
          {"since", kString, kOptional, "RFC 3339, or a duration that counts back from now"},
          {"until", kString, kOptional, "RFC 3339, or a duration that counts back from now"},
          {"event", kString, kOptional, "Name of the event"},
          {"user", kString, kOptional, "Who changed it"},
          {"protocol", kString, kOptional, "smtp, submission, submissions, api, …"},
          kLimit,
          kAfter};
}

Fields tenant_body(Need name) {
  return {
      {"name", kString, name, "Lower-case letters, digits and hyphens, at most 63"},
      kState,
      {"reseller", kString, kNullable, "The tenant that owns this one, by name or id"},
      {"postmaster", kString, kOptional, "Where mail to postmaster of its domains goes"},
      {"feedback_address", kString, kOptional, "In one of its domains: where complaints and late bounces come back to"},
      {"message_size_max", kInteger, kOptional, "Bytes"},
      {"recipients_max", kInteger, kOptional, "Recipients of one message"},
      {"shared_addresses", kBoolean, kOptional, "Whether it may use them while it has none of its own"},
      {"tenants_max", kInteger, kOptional, "Tenants that it may own as a reseller; 0: it is none"},
      {"plan", kString, kOptional, "Of its accounts: normal, bulk or new"},
      {"over_limit", kString, kOptional, "refuse mail over a limit, or pace it: accept it and send it later"},
      {"webhook", kString, kOptional, "https URL that its events are posted to; \"\" for none"},
      kCertificate,
      kKey};
}

Fields account_body(Need address) {
  return {{"address", kString, address, "user@domain, in a domain of this server; a new one renames"},
          {"name", kString, kOptional, "Full name"},
          {"kind", kString, kOptional, "person, room, equipment or shared"},
          kState,
          {"quota", kInteger, kOptional, "Bytes of mail; 0 is unlimited"},
          {"plan", kString, kNullable, "normal, bulk or new; null: new for its first days, then its tenant's"},
          {"client_networks", kStrings, kOptional, "Networks whose clients send for this account without a password"}};
}

Fields with(Fields fields, const Field& more) {
  fields.push_back(more);
  return fields;
}

// An endpoint is a row.
// clang-format off
Endpoints tenant_endpoints() {
  return {
      {"GET", "/tenants", "List tenants by name", &list_tenants, "Tenant", kPage, 200, paged(), Input::kNone, {}},
      {"POST", "/tenants", "Add a tenant", &add_tenant, "Tenant", kOne, 201, {}, Input::kJson,
       tenant_body(kRequired)},
      {"GET", "/tenants/{tenant}", "Show a tenant", &show_tenant, "Tenant", kOne, 200, {},
       Input::kNone, {}},
      {"PATCH", "/tenants/{tenant}", "Change, rename, suspend or resume a tenant", &set_tenant, "Tenant", kOne, 200,
       {}, Input::kJson, tenant_body(kOptional)},
      {"DELETE", "/tenants/{tenant}", "Remove an empty tenant, or a former name",
       &remove_tenant, "", kNothing, 204, {}, Input::kNone, {}},
  };
}

Endpoints domain_endpoints() {
  const Field tenant{"tenant", kString, kRequired, "Whose it is, by name or id"};
  const Field name{"name", kString, kRequired, "The domain"};
  const Field catch_all{"catch_all", kString, kNullable, "Where mail to unknown recipients goes"};
  const Field new_name{"name", kString, kOptional, "A new name; the old one goes on working"};
  return {
      {"GET", "/domains", "List domains by name", &list_domains, "Domain", kPage, 200, paged({kTenantQuery}),
       Input::kNone, {}},
      {"POST", "/domains", "Add a domain", &add_domain, "Domain", kOne, 201, {}, Input::kJson, {name, tenant,
       catch_all, kCertificate, kKey}},
      {"GET", "/domains/{domain}", "Show a domain", &show_domain, "Domain", kOne, 200, {}, Input::kNone, {}},
      {"PATCH", "/domains/{domain}", "Change or rename a domain", &set_domain, "Domain", kOne, 200, {}, Input::kJson,
       {new_name, catch_all, kCertificate, kKey}},
      {"DELETE", "/domains/{domain}", "Remove a domain, or a former name", &remove_domain, "", kNothing, 204,
       {}, Input::kNone, {}},
      {"GET", "/domains/{domain}/dns", "The DNS records to publish", &domain_dns_records, "DnsRecords", kOne, 200, {},
       Input::kNone, {}},
  };
}

Endpoints address_endpoints() {
  const Field ip{"ip", kString, kRequired, "IPv4 or IPv6"};
  const Field tenant{"tenant", kString, kNullable, "Whose it is, by name or id; null makes it shared", true};
  const Field shared{"shared", kBoolean, kOptional, "Serves every tenant that has none of its own"};
  const Field helo{"helo", kString, kNullable, "The name that it greets with; the node's when absent"};
  const Field ready{"ready", kBoolean, kOptional, "true: may send without passing its check; false: to be checked"};
  const Field is_default{"default", kBoolean, kOptional, "Preferred among its owner's addresses of the family"};
  return {
      {"GET", "/addresses", "List source addresses", &list_addresses, "Address", kPage, 200, paged({kTenantQuery}),
       Input::kNone, {}},
      {"POST", "/addresses", "Add a source address", &add_address, "Address", kOne, 201, {}, Input::kJson, {ip,
       tenant, shared, helo, is_default}},
      {"GET", "/addresses/{address}", "Show a source address", &show_address, "Address", kOne, 200, {}, Input::kNone,
       {}},
      {"PATCH", "/addresses/{address}", "Change a source address, or move it to another tenant", &set_address,
       "Address", kOne, 200, {}, Input::kJson, {tenant, shared, helo, is_default, ready}},
      {"GET", "/addresses/{address}/check", "Compare an address with this host, DNS and SPF", &check_address,
       "AddressCheck", kOne, 200, {}, Input::kNone, {}},
      {"DELETE", "/addresses/{address}", "Remove a source address", &remove_address, "", kNothing, 204, {},
       Input::kNone, {}},
  };
}

Endpoints account_endpoints() {
  const Field password{"password", kString, kNullable, "8 to 256 bytes; without one nobody signs in"};
  const Field new_password{"password", kString, kNullable, "8 to 256 bytes; null takes it away"};
  return {
      {"GET", "/accounts", "List accounts by domain and name", &list_accounts, "Account", kPage, 200,
       paged({kTenantQuery}), Input::kNone, {}},
      {"POST", "/accounts", "Add an account", &add_account, "Account", kOne, 201, {}, Input::kJson,
       with(account_body(kRequired), password)},
      {"GET", "/accounts/export", "All accounts as CSV", &export_accounts,
       "", kCsv, 200, {kTenantQuery, {"with_passwords", kString, kOptional,
       "true: also plans and password hashes, for a move to another server; operators only"}}, Input::kNone, {}},
      {"POST", "/accounts/import", "Add accounts from CSV, at most 1000 rows", &import_accounts, "Import", kOne, 200,
       {}, Input::kCsv, {}},
      {"GET", "/accounts/{account}", "Show an account and its mailbox", &show_account, "AccountWithMailbox", kOne,
       200, {}, Input::kNone, {}},
      {"PATCH", "/accounts/{account}", "Change, rename, suspend or resume an account", &set_account, "Account", kOne,
       200, {}, Input::kJson, account_body(kOptional)},
      {"PUT", "/accounts/{account}/password",
       "Set or take away the password", &set_account_password, "", kNothing, 204, {}, Input::kJson, {new_password}},
      {"DELETE", "/accounts/{account}", "Remove an account, or a former address", &remove_account, "", kNothing,
       204, {}, Input::kNone, {}},
  };
}

Endpoints alias_endpoints() {
  const Field from{"from", kString, kRequired, "user@domain, in a domain of this server"};
  const Field to{"to", kStrings, kRequired, "Local and remote addresses"};
  return {
      {"GET", "/aliases", "List aliases", &list_aliases, "Alias", kPage, 200, paged({kTenantQuery}), Input::kNone, {}},
      {"POST", "/aliases", "Add an alias", &add_alias, "Alias", kOne, 201, {}, Input::kJson, {from, to}},
      {"GET", "/aliases/{alias}", "Show an alias", &show_alias, "Alias", kOne, 200, {}, Input::kNone, {}},
      {"DELETE", "/aliases/{alias}", "Remove an alias", &remove_alias, "", kNothing, 204, {}, Input::kNone, {}},
  };
}

Endpoints route_endpoints() {
  const Field pattern{"pattern", kString, kRequired, "example.com, *.example.com or *"};
  const Field host{"host", kString, kRequired, "Name or IP address of the next hop"};
  const Field port{"port", kInteger, kOptional, "25 when absent"};
  const Field tls{"tls", kString, kOptional, "opportunistic, required, verified or none"};
  const Field tenant{"tenant", kString, kNullable, "For this tenant only", true};
  return {
      {"GET", "/routes", "List routes", &list_routes, "Route", kPage, 200, paged({kTenantQuery}), Input::kNone, {}},
      {"POST", "/routes", "Add a route", &add_route, "Route", kOne, 201, {}, Input::kJson, {pattern, host, port, tls,
       tenant}},
      {"DELETE", "/routes/{route}", "Remove a route, by id or pattern", &remove_route, "", kNothing, 204,
       {kTenantQuery}, Input::kNone, {}},
  };
}

Endpoints token_endpoints() {
  const Field name{"name", kString, kRequired, "What it is for"};
  const Field tenant{"tenant", kString, kNullable, "Sees this tenant and those it owns; null is an operator", true};
  const Field expires{"expires_at", kTime, kNullable, "When it ends"};
  return {
      {"GET", "/tokens", "List tokens", &list_tokens, "Token", kPage, 200, paged({kTenantQuery}), Input::kNone, {}},
      {"POST", "/tokens", "Add a token; the answer alone shows its secret", &add_token, "TokenWithSecret", kOne, 201,
       {}, Input::kJson, {name, tenant, expires}},
      {"DELETE", "/tokens/{token}", "Remove a token, by id or name", &remove_token, "", kNothing, 204, {},
       Input::kNone, {}},
  };
}

Endpoints limit_endpoints() {
  const Fields subject = as_selectors({{"account", kString, kOptional, "Of this account, by address or id"},
                       {"tenant", kString, kOptional, "Of all accounts of this tenant together"},
                       {"reseller", kString, kOptional, "Of a tenant and all that it owns, together"},
                       {"address", kString, kOptional, "Of all that is handed in on this source address"},
                       {"site", kString, kOptional, "Of all that leaves to this site; with an address, from there"},
                       {"plan", kString, kOptional, "Of each account of the plan: new, normal or bulk"}});
  Fields values = subject;
  for (const auto& field : Fields{
           {"messages", kString, kNullable, "500/1h, 500/1h burst 50, none, or null for what the plan says"},
           {"recipients", kString, kNullable, "The same of recipients"},
           {"bytes", kString, kNullable, "The same of bytes: 10G/1d"},
           {"connections", kInteger, kNullable, "Open at once; of a site"},
           {"messages_per_connection", kInteger, kNullable, "Of a site"},
           {"days", kInteger, kNullable, "How long an account is new; of the plan new"}}) {
    values.push_back(field);
  }
  const Field days{"days", kStrings, kRequired, "Messages to one site on the first day, the second, …"};
  return {
      {"GET", "/limits", "List limits with their present use", &list_limits, "Limit", kPage, 200,
       paged({{"account", kString, kOptional, "All that this account's mail falls under"},
              kTenantQuery,
              {"reseller", kString, kOptional, "Of this tenant and all that it owns, together"},
              {"address", kString, kOptional, "Of this source address; with a site, of what leaves from there to it"},
              {"site", kString, kOptional, "Of this site"},
              {"plan", kString, kOptional, "Of the plan new, normal or bulk"}}),
       Input::kNone, {}},
      {"PATCH", "/limits", "Set limits of one subject", &set_limit, "Limits", kOne, 200, {}, Input::kJson, values},
      {"DELETE", "/limits", "Take a subject's limits away", &unset_limit, "", kNothing, 204, subject, Input::kNone, {}},
      {"GET", "/limits/warm-up", "What new addresses may send", &show_warm_up, "WarmUp", kOne, 200, {}, Input::kNone,
       {}},
      {"PUT", "/limits/warm-up", "Set what new addresses may send; no days end the warm-up", &set_warm_up, "WarmUp",
       kOne, 200, {}, Input::kJson, {days}},
  };
}

Endpoints listing_endpoints() {
  const Field address{"address", kString, kOptional, "Only of this source address"};
  const Field domain{"domain", kString, kOptional, "Only of this domain"};
  return {
      {"GET", "/listings", "Who is listed, and where", &list_listings, "Listing", kPage, 200,
       paged({address, domain, kTenantQuery}), Input::kNone, {}},
      {"GET", "/listings/zones", "The lists that are asked", &list_listing_zones, "ListingZone", kPage, 200, paged(),
       Input::kNone, {}},
      {"GET", "/listings/{name}/check", "Ask every list about an address or a domain now", &check_listings,
       "ListingCheck", kOne, 200, {}, Input::kNone, {}},
  };
}

// Of an order about a part of the queue.
Fields order_fields(Fields more = {}) {
  Fields fields = with(selectors(), {"all", kBoolean, kOptional, "Everything, when no selector is given"});
  fields.push_back({"dry_run", kBoolean, kOptional, "Count and show samples, change nothing"});
  fields.push_back({"and_future", kBoolean, kOptional, "Also what is accepted later"});
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

Endpoints directive_endpoints() {
  const Field reports{"report_to_all", kBoolean, kOptional, "Report also to senders outside, who may be forged"};
  return {
      {"GET", "/queue/directives", "Orders in force, the oldest first", &list_directives, "Directive", kPage, 200,
       paged({kTenantQuery}), Input::kNone, {}},
      {"DELETE", "/queue/directives/{directive}", "End an order, of whatever kind", &end_directive, "EndedOrder", kOne,
       200, {}, Input::kNone, {}},
      {"POST", "/queue/hold", "Hold mail: nothing of it is tried until it is released", &hold_queue, "Order", kOne, 200,
       {}, Input::kJson, order_fields()},
      {"POST", "/queue/release", "Release held mail", &release_queue, "Order", kOne, 200, {}, Input::kJson,
       order_fields()},
      {"POST", "/queue/purge", "Remove mail without a report", &purge_queue, "Order", kOne, 200, {}, Input::kJson,
       order_fields()},
      {"POST", "/queue/bounce", "Return mail to its senders", &bounce_queue, "Order", kOne, 200, {}, Input::kJson,
       order_fields({reports})},
  };
}

Endpoints queue_endpoints() {
  return {
      {"GET", "/queue", "List deliveries, the oldest first", &list_queue, "Delivery", kPage, 200, paged(selectors()),
       Input::kNone, {}},
      {"GET", "/queue/count", "Count deliveries by state", &count_queue, "Counts", kOne, 200, selectors(),
       Input::kNone, {}},
      {"GET", "/queue/top", "Who has the most in the queue", &top_queue, "Top", kPage, 200,
       with(with(selectors(), kLimit),
            {"by", kString, kOptional, "account, tenant, sender, client-ip, site or source; account when absent"}),
       Input::kNone, {}},
      {"POST", "/queue/retry", "Make scheduled deliveries due now", &retry_queue, "Retry", kOne, 200, {},
       Input::kJson, with(selectors(), {"all", kBoolean, kOptional, "Everything, when no selector is given"})},
       {"GET", "/queue/{id}", "The deliveries of a message", &show_queued, "Deliveries", kOne, 200, {}, Input::kNone,
       {}},
      {"GET", "/queue/{id}/why", "Why a message waits, and what to do", &why_queued, "Deliveries", kOne, 200, {},
       Input::kNone, {}},
  };
}

Endpoints reputation_endpoints() {
  const Field reason{"reason", kString, kRequired, "Why, for those who look later"};
  const Field lasts{"for", kString, kOptional, "90s, 15m, 4h, 7d; a day, of an exemption a week, when absent"};
  const Field plan{"plan", kString, kOptional, "Of the plan new, normal or bulk", true};
  return {
      {"GET", "/reputation", "Who is not in the normal state, the worst first", list_reputation, "Standing", kPage,
       200,
       paged({kTenantQuery,
              {"kind", kString, kOptional, "account, tenant, domain, address, address-site, client or site"},
              {"state", kString, kOptional, "This state or a worse one; restored when absent"},
              {"exempt", kBoolean, kOptional, "true: only those that are exempt now, in whatever state"}}),
       Input::kNone, {}},
      {"GET", "/reputation/policy", "The rules that hold for the node, a plan or a tenant", show_reputation_policy,
       "Policy", kOne, 200, {kTenantQuery, plan, {"rule", kString, kOptional, "Only this rule"}}, Input::kNone, {}},
      {"PATCH", "/reputation/policy", "Set something of them; it holds at once", set_reputation_policy, "Policy", kOne,
       200, {}, Input::kJson,
       {kTenantQuery, plan, {"shadow", kBoolean, kOptional, "Whether rules only report; null: as above it"},
        {"lock_sign_in", kBoolean, kOptional, "Whether quarantined accounts cannot sign in; null: as above it"},
        {"rule", kString, kOptional, "That count, share, volume and rule_shadow are about; alone in the answer", true},
        {"count", kInteger, kOptional, "From how many on the rule fires; null: as shipped"},
        {"share", kString, kOptional, "Over which share it fires, as 0.5%; null: as shipped"},
        {"volume", kInteger, kOptional, "Below which volume a share says nothing; null: as shipped"},
        {"rule_shadow", kBoolean, kOptional, "Whether this rule only reports; null: as shipped"}}},
      {"GET", "/reputation/replies", "Replies of remote servers that no rule knows, the most frequent first",
       list_unknown_replies, "UnknownReply", kPage, 200, paged(), Input::kNone, {}},
      {"GET", "/reputation/rules", "How often each rule has read a reply since the start", list_reply_rules,
       "RuleCount", kPage, 200, paged(), Input::kNone, {}},
      {"GET", "/reputation/{key}", "How somebody stands, and why, in words", show_reputation, "Standing", kOne, 200,
       {}, Input::kNone, {}},
      {"PATCH", "/reputation/{key}", "Put somebody into a state", set_reputation, "Standing", kOne, 200, {},
       Input::kJson,
       {{"state", kString, kRequired, "normal, restored, watched, throttled or quarantined"}, lasts, reason}},
      {"POST", "/reputation/{key}/exemption", "Let rules only report about somebody for a while", exempt_reputation,
       "Standing", kOne, 200, {}, Input::kJson, {lasts, reason}},
      {"GET", "/reputation/{key}/history", "All that was done about somebody, the oldest first", reputation_history,
       "Step", kPage, 200, paged(), Input::kNone, {}},
  };
}

Endpoints case_endpoints() {
  return {
      {"GET", "/cases", "List cases, the newest first", &list_cases, "Case", kPage, 200,
       paged({kTenantQuery,
              {"status", kString, kOptional, "open, closed, released, expired or reported"},
              {"state", kString, kOptional, "normal, restored, watched, throttled or quarantined"},
              {"kind", kString, kOptional, "account, tenant, domain, address, address-site, client or site"},
              {"name", kString, kOptional, "Who is concerned"}}),
       Input::kNone, {}},
      {"GET", "/cases/{case}", "A case: the evidence, what was done, and until when", &show_case, "Case", kOne, 200, {},
       Input::kNone, {}},
      {"POST", "/cases/{case}/release", "Undo what was done", &release_case, "Case", kOne, 200, {}, Input::kJson,
       {{"reason", kString, kOptional, "Why, for those who look later"}}},
      {"POST", "/cases/{case}/close", "Close it; what was done goes on until it ends by itself", &close_case, "Case",
       kOne, 200, {}, Input::kJson, {}},
      {"POST", "/cases/{case}/purge", "Throw away what its account or tenant has in the queue, while it is in force",
       &purge_case, "PurgedCase", kOne, 200, {}, Input::kJson,
       {{"dry_run", kBoolean, kOptional, "Count only, change nothing"}}},
  };
}

Endpoints trace_endpoints() {
  return {
      {"GET", "/trace", "Search events, the newest first", &search_trace, "Event", kPage, 200, filters(),
       Input::kNone, {}},
      {"GET", "/trace/follow", "Events as they happen, a JSON document a line", &follow_trace, "Event", kLines, 200,
       filters(), Input::kNone, {}},
      {"GET", "/trace/verify", "Check the chain of the whole trace", &verify_trace, "Verification", kOne, 200, {},
       Input::kNone, {}},
      {"GET", "/trace/{id}", "Everything that happened to a message", &show_trace, "Events", kOne, 200, {},
       Input::kNone, {}},
      {"GET", "/status", "How the node is", &show_status, "Status", kOne, 200, {}, Input::kNone, {}},
  };
}

// clang-format on

}  // namespace

const Endpoints& endpoints() {
  static const Endpoints kEndpoints = [] {
    Endpoints all;
    for (const auto& part :
         {tenant_endpoints(), domain_endpoints(), address_endpoints(), account_endpoints(), alias_endpoints(),
          route_endpoints(), token_endpoints(), limit_endpoints(), listing_endpoints(), directive_endpoints(),
          queue_endpoints(), reputation_endpoints(), case_endpoints(), trace_endpoints()}) {
      all.insert(all.end(), part.begin(), part.end());
    }
    return all;
  }();
  return kEndpoints;
}

}  // namespace bulkhead::admin
