// A rule that reads replies, as the rules' file declares it. docs/reference/reply-rules.md describes the file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "monitoring/replies/providers.h"
#include "monitoring/replies/remote_reply.h"
#include "monitoring/replies/reply_class.h"

namespace bulkhead::replies {

// "421", "4xx", "550-559"; both ends belong to it.
struct CodeRange {
  int least = 0;
  int most = 0;
};

// "4.7.28", "*.7.1", "4.7.500-699", "5.7.*", or "none".
struct EnhancedRange {
  std::uint16_t cls = 0;  // 0: any
  std::uint16_t subject = 0;
  std::uint16_t detail_least = 0;
  std::uint16_t detail_most = 0;
  bool is_none = false;  // fits replies without a code, and only those

  bool fits(EnhancedCode code) const;
};

// A reply that shows what a rule is for.
struct Fixture {
  int line = 0;
  std::string provider;
  Stage stage = Stage::kOther;
  int code = 0;
  std::string text;  // with the enhanced code at the front, if it has one

  RemoteReply reply() const { return {provider, stage, code, {}, text}; }
};

struct Rule {
  std::string name;
  int line = 0;
  std::vector<std::string> providers;   // empty: any, after the rules of the reply's provider
  std::vector<Stage> stages;            // empty: any
  std::vector<CodeRange> codes;         // empty: any
  std::vector<EnhancedRange> enhanced;  // empty: any
  std::string pattern;                  // RE2 syntax, case ignored, found anywhere; empty: any text
  ReplyClass primary = ReplyClass::kUnknown;
  ClassSet classes;
  std::string detail;  // one of known_details(), or empty
  Fault fault = Fault::kMessage;
  Disposition disposition = Disposition::kAsCode;
  Pace pace = Pace::kUnchanged;
  std::string zone;        // the list that the reply is about, where its text does not name it
  bool is_shadow = false;  // counted, but decides nothing
  std::vector<Fixture> matches;
  std::vector<Fixture> differs;

  // Whether stage, code and enhanced code fit; the text is not looked at.
  bool fits(Stage stage, int code, EnhancedCode enhanced_code) const;
};

// What a rules' file holds.
struct RuleFile {
  std::vector<Provider> providers;
  std::vector<Rule> rules;
};

// A fault of a rules' file.
struct RuleFault {
  int line = 0;
  std::string message;

  std::string text() const;  // "line 12: …"
};

// Whether `detail` is a word that a rule may use for what its class does not tell.
bool is_known_detail(std::string_view detail);

}  // namespace bulkhead::replies
