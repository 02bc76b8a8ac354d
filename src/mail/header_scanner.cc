#include "src/mail/header_scanner.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/mail/encoded_word.h"
#include "src/mail/utf8.h"

namespace bulkhead::mail {

namespace {

constexpr std::size_t kNameSizeMax = 32;   // longer than any name that is looked for
constexpr std::size_t kRawSizeMax = 2000;  // of a subject before decoding
constexpr std::size_t kShownSizeMax = 200;

bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

void append_bounded(std::string& out, std::string_view text) {
  for (const char c : text.substr(0, kRawSizeMax - std::min(kRawSizeMax, out.size()))) {
    if (c != '\r' && c != '\n') out += c;
  }
}

}  // namespace

void HeaderScanner::begin_field() {
  constexpr std::array<std::pair<std::string_view, Field>, 5> kFields{{{"subject", Field::kSubject},
                                                                       {"message-id", Field::kMessageId},
                                                                       {"received", Field::kReceived},
                                                                       {"from", Field::kFrom},
                                                                       {"date", Field::kDate}}};
  while (!name_.empty() && is_blank(name_.back())) name_.pop_back();
  const auto found =
      std::find_if(kFields.begin(), kFields.end(), [this](const auto& entry) { return entry.first == name_; });
  field_ = found == kFields.end() ? Field::kOther : found->second;
  switch (field_) {
    case Field::kReceived:
      ++findings_.received_count;
      break;
    case Field::kFrom:
      findings_.has_from = true;
      break;
    case Field::kDate:
      findings_.has_date = true;
      break;
    case Field::kSubject:
      if (std::exchange(has_subject_, true)) field_ = Field::kOther;
      break;
    case Field::kMessageId:
      if (std::exchange(findings_.has_message_id, true)) field_ = Field::kOther;
      break;
    case Field::kOther:
      break;
  }
}

std::size_t HeaderScanner::take_name(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const char c = bytes[i];
    if (c == ':' || c == '\n') {
      if (c == ':') begin_field();
      state_ = c == ':' ? State::kBody : State::kLineStart;
      return i + 1;
    }
    if (name_.size() <= kNameSizeMax) name_ += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
  }
  return bytes.size();
}

std::size_t HeaderScanner::take_body(std::string_view bytes) {
  const auto line_end = bytes.find('\n');
  const bool has_end = line_end != std::string_view::npos;
  const auto text = bytes.substr(0, line_end);
  if (field_ == Field::kSubject) append_bounded(subject_, text);
  if (field_ == Field::kMessageId) append_bounded(message_id_, text);
  if (has_end) state_ = State::kLineStart;
  return has_end ? line_end + 1 : bytes.size();
}

std::optional<std::size_t> HeaderScanner::feed(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size();) {
    const char c = bytes[at];
    switch (state_) {
      case State::kComplete:
        return std::nullopt;
      case State::kLineStart:
        if (c == '\n') {
          state_ = State::kComplete;
          return at;
        }
        if (c == '\r') {
          state_ = State::kEmptyLineCr;
          ++at;
          break;
        }
        // A continuation line belongs to the field before it, whatever that is.
        state_ = is_blank(c) ? State::kBody : State::kName;
        if (state_ == State::kName) {
          name_.clear();
          field_ = Field::kOther;
        }
        break;
      case State::kEmptyLineCr:
        if (c == '\n') {
          state_ = State::kComplete;
          return at == 0 ? 0 : at - 1;
        }
        name_.assign(1, '\r');  // a bare CR: the line is no field
        field_ = Field::kOther;
        state_ = State::kName;
        break;
      case State::kName:
        at += take_name(bytes.substr(at));
        break;
      case State::kBody:
        at += take_body(bytes.substr(at));
        break;
    }
  }
  return std::nullopt;
}

HeaderFindings HeaderScanner::findings() const {
  HeaderFindings found = findings_;
  found.subject = decode_encoded_words(trimmed(subject_), kShownSizeMax);
  found.message_id = to_printable_utf8(trimmed(message_id_), kShownSizeMax);
  return found;
}

}  // namespace bulkhead::mail
