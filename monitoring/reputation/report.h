// Events on their way from the shard where they happened to the one thread that counts them. A report owns all it says.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "monitoring/replies/rule_set.h"
#include "monitoring/reputation/reputation.h"

namespace bulkhead::reputation {

// Who is behind an event, as reputation.h's Subject.
struct Sender {
  TenantId tenant = {};
  AccountId account = {};
  std::string account_name = {};  // its address, for people
  std::string plan = {};          // "" when the reporter does not know it
  std::string domain = {};        // of the envelope sender
  IpAddress client = {};
};

struct SubmissionReport {
  std::vector<std::uint64_t> recipients;  // distinct_hash() of each
  MessageId message = {};
};

// A remote server's answer about some recipients of one transaction.
struct ReplyReport {
  MessageId message;
  IpAddress source;
  std::string site;
  DeliveryReport::Result result = DeliveryReport::Result::kDelivered;
  std::uint32_t recipients = 1;
  std::shared_ptr<const replies::Classification> meaning = {};  // of a negative reply
  std::string provider = {};
  replies::Stage stage = replies::Stage::kOther;
  int code = 0;
  std::string text = {};  // with the enhanced code at the front
};

struct UnknownRecipientReport {
  std::string recipient;
};

// Of a failure the sender says whose account it is, when there is one with that name.
struct SignInReport {
  std::string name;  // as it was given
  bool is_successful = false;
};

struct ComplaintReport {
  std::string what;
  std::vector<std::string> people = {};  // whoever may have written it
  IpAddress source = {};                 // that the message left from
};

// Of a filter, on a message that was submitted.
struct SpamVerdictReport {
  std::string why;  // the filter, its score and the message's id
};

struct ListingReport {
  IpAddress source;    // or, when that is unspecified,
  std::string domain;  // this
  std::string zone;
};

struct Report {
  Sender sender;
  std::variant<SubmissionReport, ReplyReport, UnknownRecipientReport, SignInReport, ComplaintReport, SpamVerdictReport,
               ListingReport>
      event;
};

// Where a shard's reports go: bounded, never waits, drops and counts what is too much. Each shard has its own; on it.
class Reports {
 public:
  virtual ~Reports() = default;
  virtual void add(Report report) = 0;
};

}  // namespace bulkhead::reputation
