#include "tests/unit/smtpd/dialog.h"

#include <deque>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>

#include "tests/unit/smtpd/world.h"

namespace bulkhead::smtpd {

namespace {

using Kind = DialogStep::Kind;

int hex(char c) {
  return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

// Macros in braces: {x*100} repeats, {plain user password} and {b64 text} encode.
std::string expand_macro(const std::string& text) {
  if (text.starts_with("b64 ")) return mail::encode_base64(text.substr(4));
  if (text.starts_with("plain ")) {
    std::istringstream words{text.substr(6)};
    std::string user, password;
    words >> user >> password;
    return Connection::plain(user, password);
  }
  const auto star = text.rfind('*');
  std::string out;
  for (long i = std::stol(text.substr(star + 1)); i > 0; --i) out += text.substr(0, star);
  return out;
}

std::string unescape(const std::string& text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '{') {
      const auto end = text.find('}', i);
      out += expand_macro(unescape(text.substr(i + 1, end - i - 1)));
      i = end;
    } else if (text[i] != '\\') {
      out += text[i];
    } else {
      switch (text[++i]) {
        case 'r':
          out += '\r';
          break;
        case 'n':
          out += '\n';
          break;
        case '0':
          out += '\0';
          break;
        case 'x':
          out += static_cast<char>(hex(text[i + 1]) * 16 + hex(text[i + 2]));
          i += 2;
          break;
        default:
          out += text[i];
      }
    }
  }
  return out;
}

DialogStep parse_step(const std::string& line, int number) {
  const auto rest = line.size() > 3 ? line.substr(3) : std::string{};
  if (line.starts_with("! ")) return {Kind::kSetUp, line.substr(2), number};
  if (line.starts_with("? ")) return {Kind::kCheck, line.substr(2), number};
  if (line.starts_with("C:")) return {Kind::kSend, unescape(rest) + "\r\n", number};
  if (line.starts_with("C>")) return {Kind::kSend, unescape(rest), number};
  if (line.starts_with("S:")) return {Kind::kExpect, rest, number};
  if (line == "C! close") return {Kind::kClose, {}, number};
  if (line == "C! timeout") return {Kind::kTimeOut, {}, number};
  if (line == "S! end") return {Kind::kExpectEnd, {}, number};
  throw std::runtime_error("line " + std::to_string(number) + " is no step: " + line);
}

// '*' stands for any text.
bool matches(std::string_view pattern, std::string_view text) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == text;
  if (!text.starts_with(pattern.substr(0, star))) return false;
  text.remove_prefix(star);
  pattern.remove_prefix(star + 1);
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (matches(pattern, text.substr(i))) return true;
  }
  return false;
}

class Run {
 public:
  Run(const Dialog& dialog, const Splitting& splitting) : dialog_(dialog), splitting_(splitting) {}
  std::string operator()();

 private:
  void set_up(const std::string& text);
  void set_limit(const std::string& account, std::istringstream& words);
  void open();
  void deliver();
  bool expect(const DialogStep& step);
  bool expect_silence(const DialogStep& step);
  void check(const DialogStep& step);
  void collect();
  void complain(const DialogStep& step, const std::string& what) {
    if (trouble_.empty()) trouble_ = dialog_.name + ":" + std::to_string(step.line) + ": " + what;
  }

  const Dialog& dialog_;
  Splitting splitting_;
  World world_;
  ListenerKind kind_ = ListenerKind::kSmtp;
  std::string arrival_ = "192.0.2.20", client_ = "198.51.100.7";
  std::unique_ptr<Connection> connection_;
  std::string segment_;   // what the client says before it waits for the server
  std::size_t sent_ = 0;  // octets delivered before
  std::deque<std::string> replies_;
  std::string trouble_;
};

void Run::set_up(const std::string& text) {
  std::istringstream words{text};
  std::string key, value;
  words >> key >> value;
  const auto number = [&] { return std::stoull(value); };
  if (key == "listener") {
    kind_ = value == "submission"    ? ListenerKind::kSubmission
            : value == "submissions" ? ListenerKind::kSubmissions
                                     : ListenerKind::kSmtp;
  } else if (key == "arrival") {
    arrival_ = value;
  } else if (key == "client") {
    client_ = value;
  } else if (key == "no-tls") {
    world_.services.tls = nullptr;
  } else if (key == "directory") {
    world_.directory.is_away = value == "away";
  } else if (key == "store") {
    world_.intake.new_status = fail(ErrorCode::kFull, "disk full");
  } else if (key == "queue") {
    world_.intake.queue_status = fail(value == "full" ? ErrorCode::kFull : ErrorCode::kUnavailable, "the queue");
  } else if (key == "write") {
    world_.intake.write_status = fail(value == "full" ? ErrorCode::kFull : ErrorCode::kIo, "write failed");
  } else if (key == "commit") {
    world_.log.expect("was not accepted");
    world_.intake.accept_status = fail(value == "full" ? ErrorCode::kFull : ErrorCode::kUnavailable, "commit failed");
  } else if (key == "suspend") {
    // As with the real directory, changes of accounts make no new snapshot.
    world_.directory.find_account(value)->suspension = tenants::Suspension::kSuspended;
  } else if (key == "password") {
    world_.directory.find_account(value)->password_hash = "another";
  } else if (key == "remove") {
    std::erase_if(world_.directory.accounts, [&](const auto& account) { return account.address.text() == value; });
  } else if (key == "drain") {
    connection_->session.drain();
    connection_->stream.resume();
    collect();
  } else if (key == "size-max") {
    world_.settings.message_size_max = number();
  } else if (key == "line-max") {
    world_.settings.line_size_max = number();
  } else if (key == "recipients-max") {
    for (auto& tenant : world_.directory.rows.tenants) tenant.recipients_max = static_cast<std::uint32_t>(number());
    world_.directory.publish();
  } else if (key == "messages-max") {
    world_.settings.messages_per_session_max = static_cast<std::uint32_t>(number());
  } else if (key == "errors-max") {
    world_.settings.errors_max = static_cast<std::uint32_t>(number());
  } else if (key == "failures-max") {
    world_.settings.sign_in_failures_per_client_max = static_cast<std::uint32_t>(number());
    world_.guard.change_settings(world_.settings);
  } else if (key == "limit") {
    set_limit(value, words);
  } else if (key == "quota") {
    auto* const account = world_.directory.find_account(value);
    words >> account->quota_bytes >> world_.intake.mailbox_bytes[account->id];
  } else if (key == "pace") {
    for (auto& tenant : world_.directory.rows.tenants) {
      if (tenant.name == value) tenant.over_limit = tenants::OverLimit::kPace;
    }
    world_.directory.publish();
  } else if (key == "wait") {
    world_.clock.advance(std::chrono::seconds{number()});
  } else if (key == "sessions-max") {
    world_.settings.sessions_per_client_max = number();
    world_.census.change_settings(world_.settings);
  } else {
    throw std::runtime_error("unknown set-up: " + text);
  }
}

// "limit anna@acme.example messages 2/1h"
void Run::set_limit(const std::string& account, std::istringstream& words) {
  std::string measure, rate;
  words >> measure;
  std::getline(words >> std::ws, rate);
  tenants::Limit limit;
  limit.subject = tenants::limit_subject(world_.directory.find_account(account)->id);
  auto& field = measure == "messages" ? limit.messages : measure == "recipients" ? limit.recipients : limit.bytes;
  field = tenants::Rate::parse(rate).value();
  world_.directory.rows.limits.push_back(limit);
  world_.directory.publish();
}

void Run::open() {
  if (connection_) return;
  connection_ = std::make_unique<Connection>(world_, kind_, arrival_, client_);
  if (kind_ == ListenerKind::kSubmissions) connection_->stream.pretend_tls();
  if (!segment_.empty()) deliver();  // a client that does not wait for the banner
  connection_->open();
  collect();
}

void Run::deliver() {
  if (segment_.empty()) return;
  std::deque<std::string> pieces;
  if (splitting_.is_everywhere) {
    for (const char c : segment_) pieces.emplace_back(1, c);
  } else if (splitting_.at > sent_ && splitting_.at < sent_ + segment_.size()) {
    pieces.push_back(segment_.substr(0, splitting_.at - sent_));
    pieces.push_back(segment_.substr(splitting_.at - sent_));
  } else {
    pieces.push_back(segment_);
  }
  sent_ += segment_.size();
  segment_.clear();
  connection_->stream.give(std::move(pieces));
  collect();
}

void Run::collect() {
  const auto written = connection_->stream.take_written();
  for (std::size_t at = 0; at < written.size();) {
    const auto end = written.find("\r\n", at);
    replies_.push_back(written.substr(at, end - at));
    at = end == std::string::npos ? written.size() : end + 2;
  }
}

bool Run::expect(const DialogStep& step) {
  if (replies_.empty()) {
    complain(step, "the server said nothing; expected: " + step.text);
    return false;
  }
  const auto reply = replies_.front();
  replies_.pop_front();
  if (!matches(step.text, reply)) complain(step, "the server said: " + reply + "\n  expected: " + step.text);
  return trouble_.empty();
}

bool Run::expect_silence(const DialogStep& step) {
  if (!replies_.empty()) complain(step, "the server also said: " + replies_.front());
  return trouble_.empty();
}

void Run::check(const DialogStep& step) {
  std::istringstream words{step.text};
  std::string key, value;
  words >> key;
  std::getline(words >> std::ws, value);
  const auto& accepted = world_.intake.accepted;
  if (key == "accepted") {
    if (accepted.size() != std::stoull(value)) complain(step, "accepted " + std::to_string(accepted.size()));
    return;
  }
  const auto count_of = [this](trace::EventKind kind) { return std::to_string(world_.trace.events(kind).size()); };
  if (key == "rejected" || key == "login" || key == "login-failed" || key == "logout") {
    const auto count = count_of(key == "rejected" ? trace::EventKind::kRejected
                                : key == "login"  ? trace::EventKind::kLogin
                                : key == "logout" ? trace::EventKind::kLogout
                                                  : trace::EventKind::kLoginFailed);
    if (count != value) complain(step, "the trace has " + count);
    return;
  }
  if (accepted.empty()) return complain(step, "nothing was accepted");
  const auto& last = accepted.back();
  if (key == "body" && !matches("*" + unescape(value) + "*", last.body)) complain(step, "the body is: " + last.body);
  if (key == "no-body" && matches("*" + unescape(value) + "*", last.body)) complain(step, "the body is: " + last.body);
  if (key == "content" && !last.body.ends_with(unescape(value))) complain(step, "the body is: " + last.body);
  if (key == "account" && last.message.account_name != value) complain(step, "it is " + last.message.account_name);
  if (key == "sender" && "<" + last.message.sender.text() + ">" != value)
    complain(step, "it is " + last.message.sender.text());
  if (key == "subject" && last.message.subject != value) complain(step, "it is " + last.message.subject);
  if (key == "recipients") {
    std::string all;
    for (const auto& recipient : last.message.recipients) {
      all += (all.empty() ? "" : " ") + recipient.recipient.address.text() + (recipient.local ? "=local" : "=remote");
    }
    if (all != value) complain(step, "they are: " + all);
  }
  if (key == "not-before") {
    const auto& at = last.message.not_before;
    const auto wait = at ? std::chrono::ceil<std::chrono::seconds>(*at - world_.clock.now()).count() : 0;
    if (std::to_string(wait) != value) complain(step, "it is in " + std::to_string(wait) + " s");
  }
  if (key == "orcpt" && last.message.recipients.back().recipient.orcpt != value) {
    complain(step, "it is " + last.message.recipients.back().recipient.orcpt);
  }
}

std::string Run::operator()() {
  for (const auto& step : dialog_.steps) {
    const bool is_send = step.kind == Kind::kSend;
    if (step.kind == Kind::kSetUp && !connection_) {
      set_up(step.text);
      continue;
    }
    if (!is_send) {
      open();
      deliver();
    }
    if (is_send || step.kind == Kind::kClose || step.kind == Kind::kTimeOut || step.kind == Kind::kSetUp) {
      if (!expect_silence(step)) break;
    }
    switch (step.kind) {
      case Kind::kSetUp:
        set_up(step.text);
        break;
      case Kind::kSend:
        segment_ += step.text;
        break;
      case Kind::kClose:
        connection_->stream.end();
        collect();
        break;
      case Kind::kTimeOut:
        connection_->stream.time_out();
        collect();
        break;
      case Kind::kExpect:
        expect(step);
        break;
      case Kind::kExpectEnd:
        if (expect_silence(step) && !connection_->is_done) complain(step, "the session goes on");
        break;
      case Kind::kCheck:
        check(step);
        break;
    }
    if (!trouble_.empty()) return trouble_;
  }
  if (!segment_.empty()) deliver();
  expect_silence({Kind::kCheck, {}, 0});
  return trouble_;
}

std::vector<std::filesystem::path> dialog_files() {
  std::vector<std::filesystem::path> files;
  for (const char* folder : {"tests/dialogs/smtp", "tests/dialogs/hostile"}) {
    if (!std::filesystem::exists(folder)) continue;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
      if (entry.path().extension() == ".dlg") files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

class Dialogs : public testing::TestWithParam<std::filesystem::path> {};

TEST_P(Dialogs, GoesAsWritten) {
  EXPECT_EQ(run_dialog(Dialog::read(GetParam()), {}), "");
}

TEST_P(Dialogs, GoesTheSameOctetByOctet) {
  EXPECT_EQ(run_dialog(Dialog::read(GetParam()), {.is_everywhere = true}), "");
}

TEST_P(Dialogs, GoesTheSameSplitAtEachOctet) {
  const auto dialog = Dialog::read(GetParam());
  // Every octet of an ordinary dialog; of those that send very much, about a thousand places.
  const std::size_t step = dialog.sent_size() / 1000 + 1;
  for (std::size_t at = 1; at < dialog.sent_size(); at += step) {
    ASSERT_EQ(run_dialog(dialog, {.at = at}), "") << "split before octet " << at;
  }
}

INSTANTIATE_TEST_SUITE_P(Smtp, Dialogs, testing::ValuesIn(dialog_files()), [](const auto& file) {
  auto name = file.param.parent_path().filename().string() + "_" + file.param.stem().string();
  std::replace_if(
      name.begin(), name.end(), [](char c) { return c == '-' || c == '.'; }, '_');
  return name;
});

TEST(DialogFiles, AreFound) {
  EXPECT_GT(dialog_files().size(), 30U);
}

}  // namespace

Dialog Dialog::read(const std::filesystem::path& file) {
  Dialog dialog{file.filename().string(), {}};
  std::ifstream in{file};
  std::string line;
  for (int number = 1; std::getline(in, line); ++number) {
    if (!line.empty() && line.front() != '#') dialog.steps.push_back(parse_step(line, number));
  }
  return dialog;
}

std::size_t Dialog::sent_size() const {
  std::size_t size = 0;
  for (const auto& step : steps) size += step.kind == Kind::kSend ? step.text.size() : 0;
  return size;
}

std::string run_dialog(const Dialog& dialog, const Splitting& splitting) {
  return Run{dialog, splitting}();
}

}  // namespace bulkhead::smtpd
