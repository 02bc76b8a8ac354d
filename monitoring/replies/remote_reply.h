// A refusing reply of a remote server, as the classifier takes it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace bulkhead::replies {

// Which of our commands the reply answers.
enum class Stage : std::uint8_t { kGreeting, kHello, kStartTls, kMail, kRcpt, kData, kEndOfData, kOther };
inline constexpr int kStages = 8;

std::string_view to_string(Stage stage);  // "greeting", "hello", "starttls", "mail", "rcpt", "data", "end", "other"
std::optional<Stage> parse_stage(std::string_view text);

// The code of RFC 3463: class.subject.detail; all zero when there is none.
struct EnhancedCode {
  std::uint16_t cls = 0;
  std::uint16_t subject = 0;
  std::uint16_t detail = 0;

  bool is_present() const { return cls != 0; }
  bool operator==(const EnhancedCode&) const = default;
  // The code at the front of `text` ("5.7.1 no", "#5.7.1 no"), at most three digits a part.
  static std::optional<EnhancedCode> parse_front(std::string_view text);
};

// What is seen of a reply. The views need to live only for the call that takes it.
struct RemoteReply {
  std::string_view provider;  // of Providers; "" for none that is known
  Stage stage = Stage::kOther;
  int code = 0;
  std::string_view enhanced;  // "5.7.1", "" when the reply had none
  std::string_view text;      // the lines joined by spaces, whatever they hold and however long
};

// Only so much of a text is looked at: what comes later says nothing that a rule needs, and the cost stays bounded.
inline constexpr std::size_t kTextSizeMax = 1024;

// The text as rules see it: cut to kTextSizeMax, control characters and runs of white space as one space, trimmed.
// Octets above 127 stay as they are.
std::string normal_text(std::string_view text);

}  // namespace bulkhead::replies
