// Which news goes into which mail, and when: at once when all is quiet, summed up when much happens. Pure.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "src/base/clock.h"
#include "src/base/id.h"

namespace bulkhead::app {

// Something that people are told: a case, a listing, a readiness, in the state that it is in now.
struct Notice {
  std::string about;     // the case's id, or who and where: a later notice takes the place of one that is not sent yet
  std::string subject;   // "account info@acme.example is quarantined"
  std::string text;      // sentences, in lines
  bool is_case = false;  // never makes room for what is none
  bool is_urgent = false;  // need not wait out the gap
};

// Who is told. Nil: the operator; otherwise the administrator of this tenant.
using Audience = TenantId;

struct DueNotices {
  Audience audience;
  std::vector<Notice> notices;
  std::size_t left_out = 0;  // there were more
};

class NoticePlan {
 public:
  static constexpr std::chrono::seconds kFirstWait{3};  // what belongs together goes together
  static constexpr std::chrono::seconds kGapLeast{60}, kGapMost{900}, kGapUrgent{15};
  static constexpr std::chrono::seconds kQuiet{3600};  // after which a storm is over
  static constexpr std::size_t kNoticesMax = 50;       // in one mail
  static constexpr std::size_t kAudiencesMax = 10000;

  // The first notice waits for three seconds. After a mail the next comes a minute later at the earliest; while they go
  // on coming each gap is twice the one before, to a quarter of an hour. What is urgent, and all that waits with it,
  // goes after an eighth of the gap, a quarter of a minute at least.
  void add(const Audience& audience, Notice notice, SteadyTime now);
  std::vector<DueNotices> take_due(SteadyTime now);
  // They could not be sent: later again, before what came since.
  void put_back(DueNotices unsent, SteadyTime now);
  std::size_t size() const { return audiences_.size(); }

 private:
  struct State {
    std::vector<Notice> waiting;
    std::size_t left_out = 0;
    SteadyTime due;         // of what waits
    SteadyTime not_before;  // the next mail
    std::chrono::seconds gap{0};
    SteadyTime last_at;
  };
  static void put(State& state, Notice notice);
  void forget_quiet(SteadyTime now);

  std::map<Audience, State> audiences_;
};

// The whole message in RFC 5322 form, lines ended by CRLF.
struct NoticeMail {
  std::string text;
  std::string subject;
  std::string message_id;
  bool is_8bit = false;
};
struct NoticeHeader {
  std::string node;    // its name
  std::string to;      // an address
  std::string unique;  // for the Message-ID
  UtcTime now;
};
NoticeMail compose(const NoticeHeader& header, const DueNotices& due);

}  // namespace bulkhead::app
