// What the answers hold. A test compares real answers with this.
#include "src/admin/rest/endpoint.h"

namespace bulkhead::admin {
namespace {

using enum FieldType;
using enum Need;

const Field kId{"id", kString, kRequired, "ULID; never changes"};
const Field kCreatedAt{"created_at", kTime, kRequired, "When it was added"};
const Field kTenant{"tenant", kString, kRequired, "Name of the tenant"};
const Field kTenantOrNull{"tenant", kString, kNullable, "Name of the tenant; null when it is nobody's"};
const Field kWarnings{"warnings", kStrings, kOptional,
                      "What may not be as it was meant; left out when there is nothing"};

std::vector<Field> account_fields() {
  return {kId,
          {"address", kString, kRequired, "user@domain"},
          kTenant,
          {"name", kString, kRequired, "Full name"},
          {"kind", kString, kRequired, "person, room, equipment or shared"},
          {"state", kString, kRequired, "active or suspended"},
          {"has_password", kBoolean, kRequired, "Whether anybody can sign in"},
          {"client_networks", kStrings, kRequired, "Networks whose clients need no password"},
          {"quota", kInteger, kRequired, "Bytes; 0 is unlimited"},
          {"plan", kString, kNullable, "normal, bulk or new; null: new for its first days, then its tenant's"},
          kCreatedAt};
}

const Field kListedBy{"listed_by", kStrings, kOptional, "The lists of bad senders that name it"};
const Field kListings{"listings", kObjects, kOptional, "zone, codes and since of each"};
const Field kReadiness{"readiness", kObject, kOptional,
                       "How others see it: state, why, advice, checked_at; of an address cleared, withheld"};

std::vector<Field> token_fields() {
  return {kId,
          {"name", kString, kRequired, "What it is for"},
          {"tenant", kString, kNullable, "The only tenant that it sees; null for an operator"},
          {"expires_at", kTime, kNullable, "When it ends"}};
}

std::vector<Field> plus(std::vector<Field> fields, const Field& more) {
  fields.push_back(more);
  return fields;
}

// What is looked at from outside: how it looks there, and what ends each schema.
std::vector<Field> watched(std::vector<Field> fields) {
  fields.insert(fields.end(), {kListedBy, kListings, kReadiness, kCreatedAt, kWarnings});
  return fields;
}

std::vector<Schema> directory_schemas() {
  return {
      {"Tenant",
       {kId,
        {"name", kString, kRequired, "Lower-case letters, digits, hyphens"},
        {"former_names", kStrings, kRequired, "Kept by renaming; they go on finding it"},
        {"state", kString, kRequired, "active or suspended"},
        {"reseller", kString, kNullable, "The tenant that owns it"},
        {"postmaster", kString, kRequired, "\"\" when it has none"},
        {"feedback_address", kString, kRequired, "Where complaints and late bounces come back to; \"\": nowhere"},
        {"message_size_max", kInteger, kRequired, "Bytes"},
        {"recipients_max", kInteger, kRequired, "Recipients of one message"},
        {"shared_addresses", kBoolean, kRequired, "Whether it uses them while it has none of its own"},
        {"tenants_max", kInteger, kRequired, "Tenants that it may own as a reseller; 0: it is none"},
        {"plan", kString, kRequired, "Of its accounts: normal, bulk or new"},
        {"over_limit", kString, kRequired, "refuse or pace"},
        {"has_certificate", kBoolean, kRequired, "Whether it has its own"},
        {"webhook", kString, kOptional, "Where its events are posted to, or null; not in lists"},
        {"webhook_waiting", kInteger, kOptional, "Events that wait for it"},
        {"webhook_trouble", kString, kOptional, "Why the last post was not taken"},
        {"webhook_secret", kString, kOptional, "What posts are signed with: only in the answer that sets the webhook"},
        kCreatedAt,
        kWarnings}},
      {"Domain", watched({kId,
                          {"name", kString, kRequired, "A-labels, lower case"},
                          kTenant,
                          {"former_names", kStrings, kRequired, "Kept by renaming; they go on working"},
                          {"catch_all", kString, kNullable, "Where mail to unknown recipients goes"},
                          {"has_certificate", kBoolean, kRequired, "Whether it has its own"}})},
      {"DnsRecords",
       {{"domain", kString, kRequired, "The domain"},
        {"records", kObjects, kRequired, "name, type, value and purpose of each"}}},
      {"Address", watched({kId,
                           {"ip", kString, kRequired, "IPv4 or IPv6"},
                           {"tenant", kString, kNullable, "Whose it is; null when shared"},
                           {"shared", kBoolean, kRequired, "Serves every tenant that has none of its own"},
                           {"helo", kString, kNullable, "The name that it greets with; null: the node's"},
                           {"default", kBoolean, kRequired, "Preferred in its family"},
                           {"present", kBoolean, kRequired, "Whether this host has it now"}})},
      {"Account", account_fields()},
      {"AccountWithMailbox", plus(plus(account_fields(), {"former_addresses", kStrings, kRequired,
                                                          "Kept by renaming; DELETE /aliases/{address} drops one"}),
                                  {"mailbox", kObject, kRequired, "messages and bytes"})},
      {"Import",
       {{"created", kInteger, kRequired, "Accounts added"},
        {"failed", kObjects, kRequired, "line, code and message of each row that was not"}}},
      {"Alias",
       {kId,
        {"from", kString, kRequired, "user@domain"},
        {"to", kStrings, kRequired, "Where its mail goes"},
        kTenant,
        kCreatedAt,
        kWarnings}},
      {"Route",
       {kId,
        {"pattern", kString, kRequired, "example.com, *.example.com or *"},
        {"host", kString, kRequired, "The next hop"},
        {"port", kInteger, kRequired, "Its port"},
        {"tls", kString, kRequired, "opportunistic, required, verified or none"},
        {"tenant", kString, kNullable, "For this tenant only"}}},
      {"Token", token_fields()},
      {"TokenWithSecret", plus(token_fields(), {"secret", kString, kRequired, "Shown this once"})},
  };
}

std::vector<Schema> limit_schemas() {
  return {
      {"Limit",
       {{"scope", kString, kRequired, "plan, account, tenant, reseller, address, site or address-site"},
        {"name", kString, kRequired, "Whom it is for"},
        {"measure", kString, kRequired, "messages, recipients, bytes, connections, messages-per-connection or days"},
        {"limit", kString, kRequired, "How much"},
        {"from", kString, kRequired, "Where that is set: \"account ann@acme.example\", \"plan new\", \"tenant acme\""},
        {"used", kInteger, kNullable, "How much of it is used now; null where that is not counted"},
        {"free_at", kTime, kNullable, "When nothing of it is used any more; null when that is now"}}},
      {"Limits", {{"limits", kObjects, kRequired, "What the subject has now"}, kWarnings}},
      {"WarmUp", {{"days", kStrings, kRequired, "Messages to one site on the first day, the second, …"}}},
  };
}

std::vector<Schema> queue_schemas() {
  return {
      {"Delivery",
       {{"id", kString, kRequired, "Of the message"},
        {"delivery", kString, kRequired, "Of this delivery"},
        kTenant,
        {"account", kString, kNullable, "Authenticated; null for inbound mail"},
        {"client_ip", kString, kNullable, "Client that handed it in"},
        {"arrival", kString, kRequired, "address:port that it came in on"},
        {"source", kString, kNullable, "Address that it will leave from; null while none"},
        {"site", kString, kRequired, "Where it goes"},
        {"sender", kString, kRequired, "Envelope sender, \"\" for the null one"},
        {"recipients", kStrings, kRequired, "Those of this delivery"},
        {"subject", kString, kRequired, "Header field"},
        {"message_id", kString, kRequired, "Header field"},
        {"size", kInteger, kRequired, "Bytes"},
        {"queued_at", kTime, kRequired, "When it was accepted"},
        {"expires_at", kTime, kRequired, "When it is given up"},
        {"attempts", kInteger, kRequired, "So far"},
        {"next_attempt", kTime, kNullable, "When it is tried again"},
        {"state", kString, kRequired, "ready, active, scheduled or held"},
        {"reason", kObject, kNullable, "code, text and since: why it waits"}}},
      {"Deliveries",
       {{"id", kString, kRequired, "Of the message"}, {"deliveries", kObjects, kRequired, "Each with its state"}}},
      {"Counts",
       {{"messages", kInteger, kRequired, "Messages"},
        {"deliveries", kInteger, kRequired, "Deliveries"},
        {"ready", kInteger, kRequired, "Due now"},
        {"active", kInteger, kRequired, "Being delivered"},
        {"scheduled", kInteger, kRequired, "Waiting for their next attempt"},
        {"held", kInteger, kRequired, "Waiting for a reason to go"},
        kWarnings}},
  };
}

std::vector<Schema> order_schemas() {
  return {
      {"Top",
       {{"key", kString, kRequired, "What is counted by; \"\" for none"},
        {"tenant", kString, kNullable, "Tenant of one of them; null where it is counted by site or source"},
        {"messages", kInteger, kRequired, "Messages"},
        {"deliveries", kInteger, kRequired, "Deliveries"},
        {"ready", kInteger, kRequired, "Due now"},
        {"active", kInteger, kRequired, "Being delivered"},
        {"scheduled", kInteger, kRequired, "Waiting for their next attempt"},
        {"held", kInteger, kRequired, "Waiting for a reason to go"}}},
      {"Order",
       {{"directive", kString, kNullable, "Id of the directive; null when nothing is left to do"},
        {"directives", kStrings, kRequired, "All of them, one for each tenant that is meant"},
        {"matched", kInteger, kRequired, "Deliveries that are meant"},
        {"deliveries", kInteger, kRequired, "The same"},
        {"messages", kInteger, kRequired, "Messages that they belong to"},
        {"accounts", kInteger, kRequired, "Accounts that they are charged to"},
        {"active", kInteger, kRequired, "Of these, under way: their attempts end first"},
        {"exact", kBoolean, kRequired, "false: messages with several deliveries may be counted twice"},
        {"complete", kBoolean, kRequired, "false: the queue is still being looked through"},
        {"overridden", kStrings, kRequired, "Directives that end by this one"},
        {"reports", kObject, kOptional,
         "Of an order to bounce, in deliveries: told, outside (not told: who is outside may be forged; report_to_all "
         "tells them too), null_sender (nobody to tell), unknown (not counted)"},
        {"samples", kObjects, kRequired, "Of a dry run: some of the deliveries"}}},
      {"Directive",
       {{"id", kString, kRequired, "Of the directive"},
        {"action", kString, kRequired, "hold, release, purge or bounce"},
        {"tenant", kString, kNullable, "Whose mail it means; null for all"},
        {"selector", kString, kRequired, "What it means, by names; \"everything\" of the tenant, or of all"},
        {"ids", kObject, kRequired, "tenant, account and given_by (a tenant) of these names; null where there is none"},
        {"and_future", kBoolean, kRequired, "Whether it means what comes later, too"},
        {"given_at", kTime, kRequired, "When it was given"},
        {"by", kString, kRequired, "Who gave it"},
        {"deliveries", kInteger, kRequired, "That it meant when it was given"},
        {"messages", kInteger, kRequired, "That it meant when it was given"},
        {"progress", kObject, kRequired, "held, left, done, active, looked_at, to_look_at, complete"}}},
      {"EndedOrder",
       {{"id", kString, kRequired, "Of the directive"},
        {"ended", kBoolean, kRequired,
         "false: a purge or bounce at work means nothing that follows any more, and ends when its work is done"},
        {"left", kInteger, kRequired, "Of these, deliveries that are still to be removed or returned"},
        {"warnings", kStrings, kOptional, "That its work goes on, in words"}}},
      {"Retry",
       {{"matched", kInteger, kRequired, "Deliveries that became due"},
        {"deliveries", kInteger, kRequired, "The same"},
        {"messages", kInteger, kRequired, "Messages that they belong to"}}},
  };
}

std::vector<Field> case_fields(const std::vector<Field>& more = {}) {
  std::vector<Field> fields{
      {"id", kString, kRequired, "Of the case"},
      {"status", kString, kRequired, "open, closed, released, expired or reported"},
      {"kind", kString, kRequired, "What is concerned"},
      {"name", kString, kRequired, "Who is concerned"},
      kTenantOrNull,
      {"state", kString, kRequired, "That it was put into"},
      {"rule", kString, kRequired, "That said so"},
      {"words", kString, kRequired, "Why, for a person"},
      {"client_ip", kString, kNullable, "Where the last event came from"},
      {"client_ips", kStrings, kRequired,
       "Where the account's mail was handed in, within an hour before and since; 50 at most"},
      {"opened_at", kTime, kRequired, "When it began"},
      {"until", kTime, kNullable, "When the state ends by itself; null when it is over"},
      {"closed_at", kTime, kNullable, "When it was closed, released, or over"},
      {"evidence", kObject, kNullable,
       "What the rule saw: signal, within, count, count_allowed, share, share_allowed, share_of, busiest_day, "
       "busiest_minute, distinct; null when a person has decided"},
      {"signals", kObject, kRequired, "What was counted by then: hour and day of each signal"},
      {"samples", kObjects, kRequired, "at, signal and text: replies, messages, recipients"},
      {"steps", kObjects, kRequired, "What was done: at, by and what"}};
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

std::vector<Schema> reputation_schemas() {
  return {
      {"Standing",
       {{"kind", kString, kRequired, "account, tenant, domain, address, address-site, client or site"},
        {"name", kString, kRequired, "Who it is"},
        kTenantOrNull,
        {"state", kString, kRequired, "normal, restored, watched, throttled or quarantined"},
        {"since", kTime, kNullable, "Of the state"},
        {"until", kTime, kNullable, "When the state ends by itself"},
        {"exempt_until", kTime, kNullable, "Rules only report until then"},
        {"exempt_reason", kString, kRequired, "Why"},
        {"exempt_by", kString, kNullable, "Who said so"},
        {"exempt_since", kTime, kNullable, "When that was"},
        {"case", kString, kOptional, "Of one that is shown or changed: the case that holds it so, or null"},
        {"strikes", kInteger, kRequired, "Quarantines, one forgotten a month"},
        {"usual_day", kNumber, kRequired, "Recipients of a usual day"},
        {"busiest_day", kNumber, kRequired, "Recipients of its busiest day, fading"},
        {"busiest_minute", kNumber, kRequired, "Recipients of the busiest minute of any day, fading"},
        {"distinct_today", kNumber, kRequired, "Different recipients, accounts, sites or names today"},
        {"signals", kObject, kRequired, "What was counted: hour and day of each"},
        {"samples", kObjects, kRequired, "at, signal and text of the latest that speaks against it"},
        {"words", kString, kRequired, "All that for a person"}}},
      {"Step",
       {{"at", kTime, kRequired, "When"},
        {"case", kString, kNullable, "Of which case; null where none was opened"},
        {"by", kString, kRequired, "Who did it"},
        {"what", kString, kRequired, "What was done, and why"}}},
      {"Policy",
       {{"tenant", kString, kNullable, "Whose"},
        {"plan", kString, kNullable, "Of which plan"},
        {"shadow", kBoolean, kRequired, "Whether rules only report"},
        {"lock_sign_in", kBoolean, kNullable, "Whether quarantined accounts cannot sign in; null: not set"},
        {"rules", kObjects, kRequired,
         "rule, kind, leads_to, signal, within, count, share_over, volume, shadow, own"}}},
      {"UnknownReply",
       {{"provider", kString, kRequired, "\"\" for none that is known"},
        {"stage", kString, kRequired, "Which command it answered"},
        {"shape", kString, kRequired, "What its like have in common"},
        {"sample", kString, kRequired, "The first of them"},
        {"fixture", kString, kRequired, "The same as text that rules begin with"},
        {"count", kInteger, kRequired, "How many there were"},
        {"first", kTime, kRequired, "When the first came"},
        {"last", kTime, kRequired, "When the last came"}}},
      {"RuleCount",
       {{"rule", kString, kRequired, "Its name"},
        {"decided", kInteger, kRequired, "Replies that it has read"},
        {"shadow", kInteger, kRequired, "Replies that it would have read"}}},
      {"Case", case_fields()},
      {"PurgedCase",
       case_fields({{"deliveries", kInteger, kRequired, "That were thrown away, or would be"},
                    {"messages", kInteger, kRequired, "That they belong to"},
                    {"active", kInteger, kRequired, "Of them under way: their attempts end first"},
                    {"complete", kBoolean, kRequired, "Whether the whole queue has been looked through"}})},
  };
}

std::vector<Schema> listing_schemas() {
  return {
      {"AddressCheck",
       {{"ip", kString, kRequired, "The address"},
        {"ok", kBoolean, kRequired, "Whether nothing has failed"},
        {"findings", kObjects, kRequired, "severity (ok, warning, failure), what and advice"}}},
      {"Listing",
       {{"name", kString, kRequired, "The address or domain"},
        {"kind", kString, kRequired, "address or domain"},
        {"tenant", kString, kNullable, "Whose it is; null for a shared address"},
        {"zone", kString, kRequired, "The list"},
        {"codes", kString, kRequired, "What the list answers"},
        {"weight", kNumber, kRequired, "How much this list matters, as configured"},
        {"since", kTime, kRequired, "When it was first seen"}}},
      {"ListingZone",
       {{"zone", kString, kRequired, "The list"},
        {"branch", kString, kRequired, "ipv4, ipv6 or domain: each is tested by itself"},
        {"state", kString, kRequired, "untried, trusted or set aside"},
        {"why", kString, kNullable, "Why it is set aside"},
        {"since", kTime, kRequired, "Of the state"},
        {"watched", kInteger, kRequired, "Addresses or domains that it is asked about"},
        {"listed", kInteger, kRequired, "Of these, listed"}}},
      {"ListingCheck",
       {{"name", kString, kRequired, "The address or domain"},
        {"listed", kBoolean, kRequired, "Whether a list that is trusted names it"},
        {"zones", kObjects, kRequired, "zone, outcome (listed, clear, refused, failed, set aside), codes, why"}}},
  };
}

std::vector<Schema> mail_schemas() {
  return {
      {"Event",
       {{"at", kTime, kRequired, "When"},
        {"event", kString, kRequired, "What; the other fields are those that apply"}}},
      {"Events", {{"id", kString, kRequired, "Of the message"}, {"events", kObjects, kRequired, "The oldest first"}}},
      {"Verification",
       {{"intact", kBoolean, kRequired, "Whether nothing was altered or removed"},
        {"blocks", kInteger, kRequired, "Blocks checked"},
        {"events", kInteger, kRequired, "Events in them"},
        {"unsettled", kInteger, kRequired, "Events so new that no block covers them yet"},
        {"faults", kStrings, kRequired, "What is wrong, and where"}}},
      {"Status",
       {{"version", kString, kRequired, "Of the program"},
        {"node", kString, kRequired, "Host name"},
        {"uptime", kInteger, kRequired, "Seconds"},
        {"queue", kObject, kRequired, "Counts by state"},
        {"sources", kObjects, kRequired, "address, present and tenant of each"},
        {"listings", kObjects, kRequired, "Who is listed, and where"},
        {"cases", kObject, kOptional, "open: how many there are; where reputation is counted"},
        {"restricted", kObject, kOptional, "throttled, quarantined: how many accounts, tenants, addresses, …"},
        {"webhooks", kObjects, kRequired, "Those that take no events, and why"},
        {"sessions", kObject, kOptional, "Open sessions by protocol; for the operator"},
        {"store", kObject, kOptional, "bytes, segments, commit latency, …; for the operator"}}},
      {"Error", {{"error", kObject, kRequired, "code, message and advice"}}},
  };
}

}  // namespace

const std::vector<Schema>& schemas() {
  static const std::vector<Schema> kSchemas = [] {
    auto all = directory_schemas();
    for (const auto& more :
         {limit_schemas(), queue_schemas(), order_schemas(), reputation_schemas(), listing_schemas(), mail_schemas()})
      all.insert(all.end(), more.begin(), more.end());
    return all;
  }();
  return kSchemas;
}

}  // namespace bulkhead::admin
